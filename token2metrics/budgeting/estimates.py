"""What becomes of ranges under functions that only rise or only fall."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from token2metrics.budgeting.request_load import Estimate


def rising(function: Callable[[float], float], estimate: Estimate) -> Estimate:
    """Return a function of a quantity that never falls as the quantity rises.

    Args:
        function: The function; an infinite result counts as unknown.
        estimate: The quantity.
    """
    return Estimate(
        value=_applied(function, estimate.value),
        lower=_applied(function, estimate.lower),
        upper=_applied(function, estimate.upper),
    )


def falling(function: Callable[[float], float], estimate: Estimate) -> Estimate:
    """Return a function of a quantity that never rises as the quantity rises.

    Args:
        function: The function; an infinite result counts as unknown.
        estimate: The quantity.
    """
    return Estimate(
        value=_applied(function, estimate.value),
        lower=_applied(function, estimate.upper),
        upper=_applied(function, estimate.lower),
    )


def joined(function: Callable[[float, float], float], one: Estimate, other: Estimate) -> Estimate:
    """Return a function that never falls in the first quantity and never rises in the second.

    The ends take the worst of both, however their errors go together.

    Args:
        function: The function.
        one: The first quantity.
        other: The second.
    """
    return Estimate(
        value=_of_both(function, one.value, other.value),
        lower=_of_both(function, one.lower, other.upper),
        upper=_of_both(function, one.upper, other.lower),
    )


def added(one: Estimate, other: Estimate) -> Estimate:
    """Return a sum; its ends are those of both, however their errors go together.

    Args:
        one: A quantity.
        other: Another one.
    """
    return Estimate(
        value=_of_both(operator.add, one.value, other.value),
        lower=_of_both(operator.add, one.lower, other.lower),
        upper=_of_both(operator.add, one.upper, other.upper),
    )


def quotient(one: Estimate, other: Estimate) -> Estimate:
    """Return a quotient of quantities of at least 0; unknown where the denominator may be 0.

    Args:
        one: The numerator.
        other: The denominator.
    """
    divided = joined(lambda above, below: per(above)(below), one, other)
    return rising(lambda finite: finite, divided)


def per(amount: float) -> Callable[[float], float]:
    """Return how often something fits into an amount: without end where it takes nothing."""
    return lambda each: amount / each if each > 0.0 else math.inf


def _of_both(
    function: Callable[[float, float], float], first: float | None, second: float | None
) -> float | None:
    """Return a result; None where either quantity is unknown."""
    return None if first is None or second is None else function(first, second)


def _applied(function: Callable[[float], float], value: float | None) -> float | None:
    """Return a finite result; None for an unknown quantity or an infinite result."""
    if value is None:
        return None
    result = function(value)
    return result if math.isfinite(result) else None
