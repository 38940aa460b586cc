"""The few operations that cost formulas are written in.

Every formula of the package is written once, over an ``Algebra``: evaluated on floats it
predicts a request without any numerical library, on torch tensors it is differentiable and
can be fitted, on Polars expressions it prices a whole table.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

SQUARE_ROOT = 0.5
"""The exponent for which there is a faster and exact function."""


class Quantity(Protocol):
    """A float, a tensor or an expression: anything with arithmetic."""

    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...


T = TypeVar("T", bound=Quantity)


class StepTable(Struct, Generic[T], frozen=True):
    """A staircase: ``levels[k]`` holds beyond ``edges[k]``, zero up to the first edge.

    Attributes:
        edges: Ascending thresholds, ``(steps,)``.
        levels: Heights reached beyond each edge, never falling, ``(steps,)``; under torch a
            tensor ``(problems, steps)``.
    """

    edges: Sequence[float]
    levels: Any


class Algebra(Protocol[T]):
    """The functions that plain arithmetic operators do not give."""

    def constant(self, value: T) -> T:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""

    def number(self, value: float) -> T:
        """Return a plain number as a quantity."""

    def exp(self, exponent: T) -> T:
        """Return ``e`` to the power of ``exponent``."""

    def tanh(self, value: T) -> T:
        """Return the hyperbolic tangent."""

    def log1p(self, value: T) -> T:
        """Return ``log(1 + value)``."""

    def ceil(self, value: T) -> T:
        """Return the smallest whole number not below ``value``."""

    def maximum(self, value: T, floor: T | float) -> T:
        """Return the larger of both."""

    def power(self, base: T, exponent: T | float) -> T:
        """Return ``base ** exponent`` for ``base >= 0``."""

    def at_least(self, value: T, threshold: float) -> T:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""

    def staircase(self, value: T, table: StepTable[T]) -> T:
        """Return the level of the last edge below ``value``, or 0."""


class RequestAlgebra(Algebra[T], Protocol[T]):
    """What predictions need beside formulas: cases, and quantities that nobody knows."""

    def unknown(self) -> T:
        """Return a quantity of which nothing is known; whatever is computed from it is unknown."""

    def select(self, flag: T, then: T, otherwise: T) -> T:
        """Return ``then`` where ``flag`` is 1, and ``otherwise`` where it is 0."""


class FloatAlgebra:
    """Cost formulas on single Python floats."""

    def constant(self, value: float) -> float:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def number(self, value: float) -> float:
        """Return a plain number as a quantity."""
        return value

    def exp(self, exponent: float) -> float:
        """Return ``e`` to the power of ``exponent``."""
        return math.exp(exponent)

    def tanh(self, value: float) -> float:
        """Return the hyperbolic tangent."""
        return math.tanh(value)

    def log1p(self, value: float) -> float:
        """Return ``log(1 + value)``."""
        return math.log1p(value)

    def ceil(self, value: float) -> float:
        """Return the smallest whole number not below ``value``."""
        return float(math.ceil(value))

    def maximum(self, value: float, floor: float) -> float:
        """Return the larger of both."""
        return value if value >= floor else floor

    def power(self, base: float, exponent: float) -> float:
        """Return ``base ** exponent`` for ``base >= 0``."""
        return math.sqrt(base) if exponent == SQUARE_ROOT else math.pow(base, exponent)

    def at_least(self, value: float, threshold: float) -> float:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return 1.0 if value >= threshold else 0.0

    def staircase(self, value: float, table: StepTable[float]) -> float:
        """Return the level of the last edge below ``value``, or 0."""
        reached = bisect_left(table.edges, value)
        return float(table.levels[reached - 1]) if reached else 0.0

    def unknown(self) -> float:
        """Return a quantity of which nothing is known: not a number."""
        return math.nan

    def select(self, flag: float, then: float, otherwise: float) -> float:
        """Return ``then`` where ``flag`` is 1, and ``otherwise`` where it is 0."""
        return then if flag else otherwise
