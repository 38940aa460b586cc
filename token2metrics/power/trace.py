"""Readings over time, and the energy of a span of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import ClassVar

from token2metrics.power.meter import FEWEST_BUSY_SAMPLES, Window

GAP_PERIODS = 4.0
"""Neighbouring readings further apart than this many usual distances have lost some between."""

BLOCK_READINGS = 10
"""Neighbouring readings of which idle power takes the mean: a sensor's steps are often coarse."""


class Trace(ABC):
    """Readings at rising times, whatever they are readings of.

    Readings may come in any order and more than once; of different readings at one instant the
    mean is taken. Those that are not finite or below zero are left out and counted.

    Attributes:
        times_s: Seconds, rising, of any clock.
        values: What was read at each.
        dropped: Distinct readings left out.
        integrates: Whether a reading is a running total, so that few of them tell all.
    """

    integrates: ClassVar[bool] = False

    def __init__(self, readings: Iterable[tuple[float, float]]) -> None:
        by_time: dict[float, set[float]] = {}
        dropped: set[tuple[str, str]] = set()
        for time_s, value in readings:
            if math.isfinite(time_s) and math.isfinite(value) and value >= 0:
                by_time.setdefault(time_s, set()).add(value)
            else:
                dropped.add((repr(time_s), repr(value)))
        self.times_s = array("d", sorted(by_time))
        self.values = array("d", (_mean(by_time[time_s]) for time_s in self.times_s))
        self.dropped = len(dropped)

    @cached_property
    def period_s(self) -> float | None:
        """Usual seconds between readings, their median; None for fewer than two."""
        distances = [later - earlier for earlier, later in pairwise(self.times_s)]
        return median(distances) if distances else None

    def energy_j(self, start_s: float, end_s: float) -> float | None:
        """Return the joules of a span, interpolating linearly at its ends.

        Args:
            start_s: Start, on the clock of the readings.
            end_s: End, not before the start.

        Returns:
            None where the readings do not reach both ends.
        """
        return self._energy_j(start_s, end_s) if self._covers(start_s, end_s) else None

    def window(
        self, start_s: float, end_s: float, fewest_samples: int = FEWEST_BUSY_SAMPLES
    ) -> Window:
        """Return the energy of a span, or why it cannot be told.

        Args:
            start_s: Start, on the clock of the readings.
            end_s: End.
            fewest_samples: Readings that must lie inside the span.
        """
        inside = bisect_right(self.times_s, end_s) - bisect_left(self.times_s, start_s)
        inside = max(inside, 0)
        samples = None if self.integrates else inside
        why_not = (
            self._why_uncovered(start_s, end_s)
            or self._why_few(inside, fewest_samples, end_s - start_s)
            or self._why_broken(start_s, end_s)
        )
        if why_not:
            return Window(None, samples, why_not)
        return Window(self._energy_j(start_s, end_s), samples)

    @abstractmethod
    def _energy_j(self, start_s: float, end_s: float) -> float:
        """Return the joules of a covered span."""

    def _covers(self, start_s: float, end_s: float) -> bool:
        """Return whether readings reach both ends of a span."""
        return bool(self.times_s) and self.times_s[0] <= start_s <= end_s <= self.times_s[-1]

    def _at(self, time_s: float) -> float:
        """Return the value at a covered instant, linear between readings."""
        after = bisect_right(self.times_s, time_s)
        if after == len(self.times_s):
            return self.values[-1]
        before = after - 1
        span_s = self.times_s[after] - self.times_s[before]
        share = (time_s - self.times_s[before]) / span_s
        return self.values[before] * (1 - share) + self.values[after] * share

    def _why_uncovered(self, start_s: float, end_s: float) -> str | None:
        """Say which end of a span no reading reaches."""
        if not start_s <= end_s:
            return f"the window ends at {end_s:.3f} s, before its start at {start_s:.3f} s"
        if not self.times_s:
            return "the meter gave no reading"
        if start_s < self.times_s[0]:
            return f"the window starts {self.times_s[0] - start_s:.3f} s before the first reading"
        if end_s > self.times_s[-1]:
            return f"the window ends {end_s - self.times_s[-1]:.3f} s after the last reading"
        return None

    def _why_few(self, inside: int, fewest: int, length_s: float) -> str | None:
        """Say that too few readings lie inside a span."""
        if inside >= fewest:
            return None
        return f"{inside} power readings in {length_s:.3f} s, fewer than the {fewest} needed"

    def _why_broken(self, start_s: float, end_s: float) -> str | None:
        """Say that readings are missing within a span."""
        first = bisect_right(self.times_s, start_s) - 1
        last = bisect_left(self.times_s, end_s)
        around = self.times_s[first : last + 1]
        widest_s = max((later - earlier for earlier, later in pairwise(around)), default=0.0)
        if self.period_s is None or widest_s <= GAP_PERIODS * self.period_s:
            return None
        return (
            f"readings are missing: {widest_s:.3f} s between two of them, where "
            f"{self.period_s:.3f} s is usual"
        )


class PowerTrace(Trace):
    """Power of one rail, or of several summed, in watts; linear between readings."""

    @property
    def watts(self) -> Sequence[float]:
        """Watts at each of ``times_s``."""
        return self.values

    def _energy_j(self, start_s: float, end_s: float) -> float:
        """Integrate by the trapezoid rule, exact for power that is linear between readings."""
        inside = slice(bisect_right(self.times_s, start_s), bisect_left(self.times_s, end_s))
        times_s = (start_s, *self.times_s[inside], end_s)
        watts = (self._at(start_s), *self.values[inside], self._at(end_s))
        return math.fsum(
            (later_s - earlier_s) * (before + after) / 2
            for (earlier_s, later_s), (before, after) in zip(
                pairwise(times_s), pairwise(watts), strict=True
            )
        )


class CounterTrace(Trace):
    """Joules counted since some beginning, which a meter integrates by itself."""

    integrates = True

    def _energy_j(self, start_s: float, end_s: float) -> float:
        """Subtract, with power constant between readings."""
        return max(self._at(end_s) - self._at(start_s), 0.0)


def idle_power_w(
    trace: PowerTrace,
    busy: Iterable[tuple[float, float]],
    fewest_samples: int = FEWEST_BUSY_SAMPLES,
) -> float | None:
    """Return the power outside of load: the median of means over blocks of readings there.

    The means see between the steps of a coarse sensor, the median past bursts.

    Args:
        trace: Power over time.
        busy: Start and end of each span of load, in seconds of the trace's clock.
        fewest_samples: Readings that must lie outside.

    Returns:
        Watts, or None where fewer readings lie outside.
    """
    at_work = bytearray(len(trace.times_s))
    for start_s, end_s in busy:
        first, last = bisect_left(trace.times_s, start_s), bisect_right(trace.times_s, end_s)
        at_work[first:last] = b"\x01" * (last - first)
    idle = [watts for watts, works in zip(trace.watts, at_work, strict=True) if not works]
    if len(idle) < max(fewest_samples, 1):
        return None
    blocks = max(len(idle) // BLOCK_READINGS, 1)
    return median(
        _mean(idle[block * len(idle) // blocks :][: len(idle) // blocks]) for block in range(blocks)
    )


def _mean(values: Iterable[float]) -> float:
    """Return a mean that does not depend on the order, the value itself where there is one."""
    known = list(values)
    return math.fsum(known) / len(known)
