"""Bounds of what a phase costs, at any lengths, over any algebra."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot, log
from typing import Generic

from msgspec import Struct

from token2metrics.algebra import Algebra, T
from token2metrics.artifact.manifest import HardwareRecord, Hull, MarginRecord, PhaseRecord
from token2metrics.cost import PhaseCost
from token2metrics.intervals import (
    MAX_HALF_WIDTH,
    OUTSIDE_EXPONENT,
    UNKNOWN_SIDES,
    Bounds,
    Margin,
    Range,
    Sides,
    bounds,
    reach,
)
from token2metrics.parallel import SINGLE
from token2metrics.workload import Workload

Price = Callable[[T, T], PhaseCost[T]]
"""What a phase costs at a prompt length and a number of decode steps."""


class PhaseBounds(Struct, Generic[T], frozen=True):
    """Intervals of one phase.

    Attributes:
        latency_s: Of its seconds.
        energy_j: Of its joules; None without power.
        power_w: Of its mean watts; None without power.
    """

    latency_s: Bounds[T]
    energy_j: Bounds[T] | None
    power_w: Bounds[T] | None


def margin_of(record: MarginRecord) -> Margin:
    """Return the margin an artifact describes."""
    return Margin(record.confidences, record.half_widths)


def measured_range(hull: Hull | None) -> tuple[Range | None, Range | None]:
    """Return the measured prompt lengths and decode steps of a phase."""
    if hull is None:
        return None, None
    answer = hull.output_tokens
    steps = None if answer is None else Range(answer[0] - 1.0, answer[1] - 1.0)
    return Range(*hull.input_tokens), steps


def phase_bounds(
    algebra: Algebra[T],
    record: PhaseRecord,
    hardware: HardwareRecord,
    cost: PhaseCost[T],
    price: Price[T],
    workload: Workload[T],
    confidence: float,
    parallel: int = SINGLE,
    sides: Sides = UNKNOWN_SIDES,
) -> PhaseBounds[T]:
    """Bound latency, energy and power of a phase.

    Args:
        algebra: Where the quantities live.
        record: The phase's margins and measured range.
        hardware: The device's power range.
        cost: What the phase costs.
        price: What it costs at other lengths.
        workload: The request.
        confidence: Of each interval.
        parallel: Samples generated at once.
        sides: On which side of the measured range the lengths are known to lie.
    """
    counts = workload.input_tokens, workload.steps
    asked = reach(algebra, counts, measured_range(record.hull), sides)
    shorter, longer = price(*asked.shorter), price(*asked.longer)
    spread = _samples_spread(record, parallel)
    factors = Bounds(asked.factors.lower / spread, asked.factors.upper * spread)
    width = _half_width(record, record.margin, confidence, parallel)
    ends = Bounds(shorter.latency_s, longer.latency_s)
    latency = bounds(algebra, ends, factors, width)
    least_j, most_j = shorter.energy_j, longer.energy_j
    if record.head is None or cost.power_w is None or least_j is None or most_j is None:
        return PhaseBounds(latency, None, None)
    width = _half_width(record, record.head.margin, confidence, parallel)
    energy = bounds(algebra, Bounds(least_j, most_j), factors, width)
    power = _power_bounds(algebra, cost.power_w, hardware, width + log(spread))
    return PhaseBounds(latency, energy, power)


def _samples_spread(record: PhaseRecord, parallel: int) -> float:
    """Return the factor by which bounds spread beyond the measured number of samples."""
    if record.parallel is None:
        return 1.0
    return float(max(parallel / record.parallel.samples[1], 1.0) ** OUTSIDE_EXPONENT)


def _half_width(
    record: PhaseRecord, margin: MarginRecord, confidence: float, parallel: int
) -> float:
    """Return the half-width of a margin, together with that of the slowdown of several samples."""
    alone = margin_of(margin).at(confidence)
    if parallel == SINGLE or record.parallel is None:
        return alone
    return min(hypot(alone, margin_of(record.parallel.margin).at(confidence)), MAX_HALF_WIDTH)


def _power_bounds(
    algebra: Algebra[T], power_w: T, hardware: HardwareRecord, half_width: float
) -> Bounds[T]:
    """Bound a power, between idle and the device's limit."""
    widening = algebra.exp(algebra.number(half_width))
    wide = power_w * widening
    limit = algebra.maximum(power_w, hardware.power_limit_w)
    above_limit = algebra.maximum(wide, limit) - limit
    lower = algebra.maximum(power_w / widening, hardware.idle_power_w)
    return Bounds(lower, wide - above_limit)
