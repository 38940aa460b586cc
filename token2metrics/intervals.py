"""How far a prediction may be off: bounds that keep every law of the prediction itself.

Inside the measured token range a prediction is off by a factor of at most ``exp(h)`` either way,
at the wanted confidence. Outside, the bounds spread with the distance: latency never falls as
tokens rise, so beyond the range the truth lies above the curve at some shorter length, and below
the range under the curve at some longer one.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import Enum, auto
from typing import Generic

from msgspec import Struct

from token2metrics.algebra import Algebra, T
from token2metrics.errors import RequestError

OUTSIDE_EXPONENT = 0.05
"""How fast bounds spread outside the measured range: 3.5 % for each doubling of the tokens."""

LOWEST_CONFIDENCE = 0.5
HIGHEST_CONFIDENCE = 0.99
DEFAULT_CONFIDENCE = 0.9

SMALLEST = 1e-300
"""Stands for zero in a denominator."""

MAX_HALF_WIDTH = 50.0
"""Wider intervals of the logarithm say nothing, and overflow."""


class Margin(Struct, frozen=True):
    """Half-widths of intervals of the logarithm, by confidence.

    Attributes:
        confidences: Ascending confidences, from the lowest to the highest one offered.
        half_widths: Half-width at each of them, never falling.
    """

    confidences: tuple[float, ...]
    half_widths: tuple[float, ...]

    def at(self, confidence: float) -> float:
        """Return the half-width at a confidence, interpolated along normal quantiles."""
        above = max(1, bisect_left(self.confidences, confidence))
        if self.confidences[above] == confidence:
            return self.half_widths[above]
        low, high = self.confidences[above - 1], self.confidences[above]
        share = (_normal(confidence) - _normal(low)) / (_normal(high) - _normal(low))
        narrow, wide = self.half_widths[above - 1], self.half_widths[above]
        return narrow + min(max(share, 0.0), 1.0) * (wide - narrow)


def _normal(confidence: float) -> float:
    """Return the half-width of a standard normal interval."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((1.0 + confidence) / 2.0)


def check_confidence(confidence: float) -> None:
    """Refuse confidences no interval is offered for.

    Raises:
        RequestError: If it is not a number from 0.5 to 0.99.
    """
    number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
    if not number or not LOWEST_CONFIDENCE <= confidence <= HIGHEST_CONFIDENCE:
        raise RequestError(
            f"expected confidence between {LOWEST_CONFIDENCE} and {HIGHEST_CONFIDENCE}, "
            f"got {confidence!r}"
        )


class Range(Struct, frozen=True):
    """A measured range of a count, ends included."""

    fewest: float
    most: float


class Side(Enum):
    """Where a count is known to lie, seen from its measured range."""

    UNKNOWN = auto()
    BELOW = auto()
    WITHIN = auto()
    ABOVE = auto()


Sides = tuple[Side, Side]
"""Of the prompt length and of the answer."""

UNKNOWN_SIDES: Sides = (Side.UNKNOWN, Side.UNKNOWN)
ALL_WITHIN: Sides = (Side.WITHIN, Side.WITHIN)


class Bounds(Struct, Generic[T], frozen=True):
    """Lower and upper bound of a quantity."""

    lower: T
    upper: T


class Reach(Struct, Generic[T], frozen=True):
    """Where the bounds of a request look, and the factors that spread them.

    Attributes:
        shorter: Prompt length and decode steps that the lower bound takes.
        longer: Those that the upper bound takes.
        factors: What the quantities there are multiplied by; 1 within the measured range.
    """

    shorter: tuple[T, T]
    longer: tuple[T, T]
    factors: Bounds[T]


class _CountReach(Struct, Generic[T], frozen=True):
    """A count as either bound takes it, and the factors it spreads them by."""

    shorter: T
    longer: T
    factors: Bounds[T]


def reach(
    algebra: Algebra[T],
    counts: tuple[T, T],
    measured: tuple[Range | None, Range | None],
    sides: Sides = UNKNOWN_SIDES,
) -> Reach[T]:
    """Say where the bounds of a request look.

    Args:
        algebra: Where the quantities live.
        counts: The request's prompt length and decode steps.
        measured: Range of each count; None where it has no say or nothing was measured.
        sides: On which side of its range each count is known to lie.
    """
    prompt, steps = (_reach(algebra, *one) for one in zip(counts, measured, sides, strict=True))
    return Reach(
        shorter=(prompt.shorter, steps.shorter),
        longer=(prompt.longer, steps.longer),
        factors=Bounds(
            lower=prompt.factors.lower * steps.factors.lower,
            upper=prompt.factors.upper * steps.factors.upper,
        ),
    )


def bounds(
    algebra: Algebra[T], ends: Bounds[T], factors: Bounds[T], half_width: float
) -> Bounds[T]:
    """Bound a quantity that never falls as counts rise.

    Args:
        algebra: Where the quantities live.
        ends: The quantity at the shorter and at the longer counts of a reach.
        factors: Of the same reach.
        half_width: Of the interval of the logarithm within the range.

    Returns:
        Around the quantity at the request, at least 0, and never falling as counts rise.
    """
    widening = algebra.exp(algebra.number(half_width))
    return Bounds(
        lower=ends.lower * factors.lower / widening, upper=ends.upper * factors.upper * widening
    )


def _reach(algebra: Algebra[T], count: T, span: Range | None, side: Side) -> _CountReach[T]:
    """Return how far outside a range a count lies, and where its bounds look.

    What the side leaves out would come to nothing: the numbers are the same.
    """
    one = algebra.number(1.0)
    from_none = span is None or span.fewest <= 1.0
    if span is None or side is Side.WITHIN or (side is Side.BELOW and from_none):
        return _CountReach(count, count, Bounds(one, one))
    shorter, longer, beyond, nearness = count, count, one, one
    if side is not Side.BELOW:
        excess = count / max(span.most, 1.0)
        if side is Side.UNKNOWN:
            excess = algebra.maximum(excess, 1.0)
        beyond = algebra.power(excess, OUTSIDE_EXPONENT)
        shorter = count / beyond
    if side is not Side.ABOVE and not from_none:
        share = count / span.fewest
        if side is Side.UNKNOWN:
            share = algebra.maximum(share * -1.0, -1.0) * -1.0
        longer = algebra.power(share, 1.0 - OUTSIDE_EXPONENT) * span.fewest
        if side is Side.UNKNOWN:
            longer = longer + algebra.maximum(count - span.fewest, 0.0)
        nearness = algebra.power(share, OUTSIDE_EXPONENT)
    return _CountReach(shorter, longer, Bounds(nearness, beyond))


def bounds_of_sum(
    algebra: Algebra[T], parts: tuple[T, T], bounded: tuple[Bounds[T], Bounds[T]]
) -> Bounds[T]:
    """Bound the sum of two quantities whose errors are independent.

    Distances to the bounds add as squares, which keeps order, sign and monotony: the bounds of
    the sum rise with each part and with each of its bounds. At distances ``a`` and ``b`` the lower
    bound is ``a + b - hypot(a, b) = 2 a b / (a + b + hypot(a, b))`` above the sum of the lower
    bounds; the second form has no cancellation.

    Args:
        algebra: Where the quantities live.
        parts: The quantities.
        bounded: Their bounds.
    """
    (one, other), (first, second) = parts, bounded
    down, other_down = one - first.lower, other - second.lower
    apart = algebra.maximum(down + other_down + _together(algebra, down, other_down), SMALLEST)
    up = _together(algebra, first.upper - one, second.upper - other)
    return Bounds(
        lower=first.lower + second.lower + down * (other_down / apart) * 2.0,
        upper=one + other + up,
    )


def _together(algebra: Algebra[T], one: T, other: T) -> T:
    """Return the root of the sum of squares."""
    return algebra.power(one * one + other * other, 0.5)
