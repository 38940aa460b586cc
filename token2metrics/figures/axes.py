"""Axes of quantities and of token counts, with plain numbers on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

import altair as alt
from msgspec import Struct

PLAIN = ",~r"
"""Numbers as people write them: 0.05, 1.5, 2,000,000."""

ROOM = 1.15
"""Room at both ends of a logarithmic axis, as a factor."""

LINEAR_ROOM = 0.08
"""Room at both ends of a linear axis, as a share of what is drawn."""

FINE_STEPS, COARSE_STEPS = (1.0, 2.0, 5.0), (1.0,)
FINE_UP_TO_DECADES = 2.6
"""On a longer axis only powers of ten are written."""

FEWEST_TICKS = 2


class Drawn(TypedDict):
    """What ``alt.X`` and ``alt.Y`` take of an axis."""

    scale: alt.Scale
    axis: alt.Axis


class Span(Struct, frozen=True):
    """What an axis reaches.

    Attributes:
        low: Its start.
        high: Its end.
        logarithmic: Whether equal distances are equal factors.
    """

    low: float
    high: float
    logarithmic: bool

    def share(self, value: float) -> float:
        """Return where on the axis a value lies: 0 at its start, 1 at its end."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def drawn(self, grid: bool = True) -> Drawn:
        """Return the axis: ``alt.X("x:Q", title=..., **span.drawn())``."""
        domain = [self.low, self.high]
        if not self.logarithmic:
            return Drawn(scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(grid=grid))
        axis = alt.Axis(format=PLAIN, grid=grid)
        if len(ticks := ticks_between(self.low, self.high)) >= FEWEST_TICKS:
            axis = alt.Axis(format=PLAIN, grid=grid, values=ticks)
        return Drawn(scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis)


def logarithmic_span(values: Sequence[float], room: float = ROOM) -> Span:
    """Return a logarithmic axis around values; those that are not above 0 are left out.

    Args:
        values: All that is drawn along it.
        room: Beyond the smallest and the largest, as a factor.
    """
    above = [value for value in values if value > 0.0 and math.isfinite(value)] or [1.0]
    return Span(min(above) / room, max(above) * room, logarithmic=True)


def linear_span(values: Sequence[float], room: float = LINEAR_ROOM) -> Span:
    """Return a linear axis around values.

    Args:
        values: All that is drawn along it, at least one.
        room: Beyond the smallest and the largest, as a share of what lies between.
    """
    low, high = min(values), max(values)
    beyond = room * (high - low or abs(high) or 1.0)
    return Span(low - beyond, high + beyond, logarithmic=False)


def logarithmic(values: Sequence[float], room: float = ROOM, grid: bool = True) -> Drawn:
    """Return a logarithmic axis around values: ``alt.X("x:Q", title=..., **logarithmic(xs))``.

    Args:
        values: All that is drawn along it; those that are not above 0 are left out.
        room: Beyond the smallest and the largest, as a factor.
        grid: Whether lines are drawn at its ticks.
    """
    return logarithmic_span(values, room).drawn(grid)


def linear(from_zero: bool = True, grid: bool = True) -> Drawn:
    """Return a linear axis that reaches what is drawn."""
    return Drawn(scale=alt.Scale(zero=from_zero), axis=alt.Axis(grid=grid))


def ticks_between(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of every decade between two numbers; powers of ten where there are many."""
    steps = FINE_STEPS if math.log10(high / low) <= FINE_UP_TO_DECADES else COARSE_STEPS
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [float(f"{step:g}e{decade}") for decade in decades for step in steps]
    return [tick for tick in candidates if low <= tick <= high]
