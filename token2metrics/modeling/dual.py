"""Numbers that carry their slopes: forward derivatives of all unknowns in one pass.

A dual number is a tensor with its derivative by each unknown (Wengert 1964). torch has its own, but
every plain number that meets one sends it through Python, and one pass follows one direction, so
that values had to be repeated once per unknown. Here values are computed once, constants carry no
slopes, a number only those by the unknowns that it has met, and torch's functions accept all of
them by ``__torch_function__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self, cast

import torch
from torch import Tensor

FUNCTIONS: dict[Any, Callable[..., Dual]] = {}
"""What torch calls when a plain tensor, or one of its functions, meets a dual number; filled by
``dual_functions``."""


class Dual:
    """A tensor and its slopes by some neighbouring unknowns; those by all others are 0.

    Attributes:
        value: The tensor.
        slopes: Its derivatives, ``(unknowns, ...)``, which broadcast to the value's shape.
        first: The first of these unknowns.
    """

    __slots__ = ("first", "slopes", "value")

    def __init__(self, value: Tensor, slopes: Tensor, first: int = 0) -> None:
        self.value, self.slopes, self.first = value, slopes, first

    @classmethod
    def __torch_function__(
        cls,
        function: Any,
        kinds: object,
        given: tuple[Any, ...] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Dual:
        """Do what torch's function does, slopes included."""
        return FUNCTIONS[function](*given, **(named or {}))

    def alike(self, value: Tensor, slopes: Tensor) -> Self:
        """Return another number with slopes by the same unknowns."""
        return cast(Self, Dual(value, slopes, self.first))

    @property
    def device(self) -> torch.device:
        """Return where the numbers live."""
        return self.value.device

    def __add__(self, other: Operand) -> Dual:
        """Return the sum."""
        if isinstance(other, Dual):
            value = self.value + other.value
            return joined(value, (self, self.slopes), (other, other.slopes))
        return self.alike(self.value + other, self.slopes)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Dual:
        """Return the difference."""
        if isinstance(other, Dual):
            value = self.value - other.value
            return joined(value, (self, self.slopes), (other, -other.slopes))
        return self.alike(self.value - other, self.slopes)

    def __rsub__(self, other: Tensor | float) -> Dual:
        """Return the difference from a plain number."""
        return self.alike(other - self.value, -self.slopes)

    def __mul__(self, other: Operand) -> Dual:
        """Return the product."""
        if isinstance(other, Dual):
            own, others = self.slopes * other.value, other.slopes * self.value
            return joined(self.value * other.value, (self, own), (other, others))
        return self.alike(self.value * other, self.slopes * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Dual:
        """Return the quotient."""
        if isinstance(other, Dual):
            value = self.value / other.value
            own, others = self.slopes / other.value, other.slopes * (-value / other.value)
            return joined(value, (self, own), (other, others))
        return self.alike(self.value / other, self.slopes / other)

    def __rtruediv__(self, other: Tensor | float) -> Dual:
        """Return a plain number over this one."""
        value = other / self.value
        return self.alike(value, self.slopes * (-value / self.value))

    def __matmul__(self, other: Tensor) -> Dual:
        """Return the matrix product with a constant."""
        return self.alike(self.value @ other, self.slopes @ other)

    def __ge__(self, other: Tensor | float) -> Tensor:
        """Return where the value is at least another; that has no slope."""
        return self.value >= other

    def clamp(self, least: float, most: float) -> Dual:
        """Return the number held within bounds."""
        inside = (self.value >= least) & (self.value <= most)
        return self.alike(self.value.clamp(least, most), torch.where(inside, self.slopes, 0.0))

    def clamp_min(self, least: float) -> Dual:
        """Return the number held above a bound."""
        slopes = torch.where(self.value >= least, self.slopes, 0.0)
        return self.alike(self.value.clamp_min(least), slopes)

    def log(self) -> Dual:
        """Return the natural logarithm."""
        return self.alike(self.value.log(), self.slopes / self.value)

    def exp(self) -> Dual:
        """Return the exponential."""
        value = self.value.exp()
        return self.alike(value, self.slopes * value)


Operand = Dual | Tensor | float


def value_of(number: Operand) -> Any:
    """Return a number without its slopes."""
    return number.value if isinstance(number, Dual) else number


def joined(value: Tensor, one: tuple[Dual, Tensor], other: tuple[Dual, Tensor]) -> Dual:
    """Return a number that depends on what either of two depends on.

    Args:
        value: The number.
        one: The first, and what follows from its slopes.
        other: The second, likewise.
    """
    (first, own), (second, others) = one, other
    ends = first.first + own.size(0), second.first + others.size(0)
    if first.first == second.first and ends[0] == ends[1]:
        return first.alike(value, own + others)
    if second.first < first.first:
        return joined(value, other, one)
    if ends[0] == second.first:
        full = (-1, *value.shape)
        return Dual(value, torch.cat([own.expand(full), others.expand(full)]), first.first)
    slopes = value.new_zeros(max(ends) - first.first, *value.shape)
    slopes[: own.size(0)] = own
    slopes[second.first - first.first :][: others.size(0)] += others
    return Dual(value, slopes, first.first)


def spread(number: Dual, start: int, stop: int) -> Tensor:
    """Return slopes by a range of unknowns in full size."""
    shape = (stop - start, *number.value.shape)
    if number.slopes.size(0) == stop - start:
        return number.slopes.expand(shape)
    slopes = number.value.new_zeros(shape)
    at = number.first - start
    slopes[at : at + number.slopes.size(0)] = number.slopes
    return slopes
