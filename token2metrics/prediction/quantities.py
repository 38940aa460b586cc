"""Everything that a request costs, with its bounds, written once over any algebra."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic

from msgspec import Struct

from token2metrics.algebra import RequestAlgebra, T
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.cost import PhaseCost, PhaseWeights, phase_cost
from token2metrics.curves import CurveWeights
from token2metrics.intervals import (
    ALL_WITHIN,
    DEFAULT_CONFIDENCE,
    UNKNOWN_SIDES,
    Bounds,
    Side,
    Sides,
    bounds_of_sum,
)
from token2metrics.parallel import SINGLE
from token2metrics.prediction.bounded import phase_bounds
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, workload_of, workload_of_steps

INPUTS = ("input_tokens", "output_tokens")
"""What everything depends on."""

LATENCY, ENERGY, POWER = "latency_s", "energy_j", "power_w"
EXTRAPOLATED = "extrapolated"
SMALLEST_LATENCY_S = 1e-300
"""Keeps the mean power of no request defined."""


def ends_of(quantity: str) -> tuple[str, str]:
    """Return the names of a quantity's bounds: ``latency_s`` has ``latency_lower_s``."""
    stem, unit = quantity.rsplit("_", 1)
    return f"{stem}_lower_{unit}", f"{stem}_upper_{unit}"


PHASE_QUANTITIES = tuple(
    name for quantity in (LATENCY, ENERGY, POWER) for name in (quantity, *ends_of(quantity))
)
"""What every phase has."""

REQUEST_QUANTITIES = (LATENCY, *ends_of(LATENCY), ENERGY, *ends_of(ENERGY), POWER)
"""What a request has beside those of its phases."""

QUANTITIES = (
    *(f"{phase}_{name}" for phase in FITTED_PHASES for name in PHASE_QUANTITIES),
    *REQUEST_QUANTITIES,
    EXTRAPOLATED,
)
"""Everything that is predicted; ``extrapolated`` is 1 or 0, what is unknown is ``unknown()``."""


ANY_SIDES: Mapping[Phase, Sides] = MappingProxyType({})
"""Nothing is known of where lengths lie."""


class Asked(Struct, Generic[T], frozen=True):
    """What is asked.

    Attributes:
        input_tokens: Prompt tokens, whole and >= 0.
        output_tokens: Generated tokens of each answer, whole and >= 0.
        confidence: Of every interval, 0.5 to 0.99.
        parallel: Answers generated at once.
        sides: On which side of the measured ranges of a phase the lengths are known to lie; its
            bounds need not look the other way.
    """

    input_tokens: T
    output_tokens: T
    confidence: float = DEFAULT_CONFIDENCE
    parallel: int = SINGLE
    sides: Mapping[Phase, Sides] = ANY_SIDES

    def sides_of(self, phase: Phase) -> Sides:
        """Return what is known of the lengths, seen from a phase."""
        return self.sides.get(phase, UNKNOWN_SIDES)


class PhasePoints(Struct, Generic[T], frozen=True):
    """What a phase costs, and whether that was measured.

    Attributes:
        latency_s: Seconds.
        energy_j: Joules.
        power_w: Mean watts.
        outside: 1 where the phase works outside its measured range, else 0.
        idle: 1 where the phase takes no time, else 0.
        cost: The same, ready to be bounded; None without a fit.
    """

    latency_s: T
    energy_j: T
    power_w: T
    outside: T
    idle: T
    cost: PhaseCost[T] | None


def request_quantities(
    algebra: RequestAlgebra[T], model: FittedModel, asked: Asked[T]
) -> dict[str, T]:
    """Return everything that a request costs, by ``QUANTITIES``.

    Args:
        algebra: Where the quantities live.
        model: The fitted model.
        asked: The request.
    """
    points = {phase: phase_points(algebra, model, phase, asked) for phase in FITTED_PHASES}
    bounded = {phase: _bounds(algebra, model, phase, points[phase], asked) for phase in points}
    found: dict[str, T] = {}
    for phase, one in points.items():
        for quantity, value in _named(one).items():
            found[f"{phase}_{quantity}"] = value
            limits = bounded[phase][quantity]
            lower, upper = (f"{phase}_{end}" for end in ends_of(quantity))
            found |= {lower: limits.lower, upper: limits.upper}
    for quantity in (LATENCY, ENERGY):
        found |= _total(algebra, quantity, points, bounded)
    prefill, decode = points[Phase.PREFILL], points[Phase.DECODE]
    found[POWER] = mean_power_w(algebra, found[LATENCY], found[ENERGY])
    found[EXTRAPOLATED] = algebra.maximum(prefill.outside, decode.outside)
    return {name: found[name] for name in QUANTITIES}


def phase_points(
    algebra: RequestAlgebra[T], model: FittedModel, phase: Phase, asked: Asked[T]
) -> PhasePoints[T]:
    """Return what a phase costs, without bounds.

    Args:
        algebra: Where the quantities live.
        model: The fitted model.
        phase: The phase.
        asked: The request.
    """
    formula, record = model.formulas.get(phase), model.record.phases.get(phase)
    nothing, unknown = algebra.number(0.0), algebra.unknown()
    if formula is None or record is None or (asked.parallel > SINGLE and formula.parallel is None):
        latency = unknown
        if phase is Phase.DECODE:
            latency = algebra.select(algebra.at_least(asked.output_tokens, 2.0), unknown, nothing)
        return PhasePoints(latency, latency, unknown, nothing, nothing, None)
    workload = workload_of(algebra, asked.input_tokens, asked.output_tokens, shape(algebra, model))
    weights = lifted(algebra, model.weights[phase])
    cost = phase_cost(algebra, formula, workload, weights, asked.parallel)
    idle = algebra.at_least(cost.latency_s * -1.0, 0.0)
    energy, power = cost.energy_j, cost.power_w
    outside = _outside(algebra, record, asked, asked.sides_of(phase))
    return PhasePoints(
        latency_s=cost.latency_s,
        energy_j=algebra.select(idle, nothing, unknown) if energy is None else energy,
        power_w=unknown if power is None else power,
        outside=algebra.select(idle, nothing, outside),
        idle=idle,
        cost=cost,
    )


def mean_power_w(algebra: RequestAlgebra[T], latency_s: T, energy_j: T) -> T:
    """Return energy over latency; unknown for a request that takes no time.

    Args:
        algebra: Where the quantities live.
        latency_s: Seconds of the request.
        energy_j: Its joules.
    """
    mean: T = energy_j / algebra.maximum(latency_s, SMALLEST_LATENCY_S)
    return algebra.select(algebra.at_least(latency_s * -1.0, 0.0), algebra.unknown(), mean)


def shape(algebra: RequestAlgebra[T], model: FittedModel) -> ModelTraffic[T]:
    """Return the shape of a model as quantities."""
    traffic = model.traffic
    return ModelTraffic(
        flop_per_token=algebra.number(traffic.flop_per_token),
        attention_flop=algebra.number(traffic.attention_flop),
        weight_bytes=algebra.number(traffic.weight_bytes),
        kv_bytes_per_token=algebra.number(traffic.kv_bytes_per_token),
        layers=algebra.number(traffic.layers),
    )


def lifted(algebra: RequestAlgebra[T], weights: PhaseWeights[float]) -> PhaseWeights[T]:
    """Return the weights of a phase as quantities; levels of a staircase stay numbers."""

    def numbers(values: Mapping[str, float]) -> dict[str, T]:
        return {name: algebra.number(value) for name, value in values.items()}

    return PhaseWeights(
        curve=CurveWeights(numbers(weights.curve.values), weights.curve.steps),
        calibration=numbers(weights.calibration),
        head=numbers(weights.head),
        parallel=numbers(weights.parallel),
    )


def _named(points: PhasePoints[T]) -> dict[str, T]:
    """Return the three quantities of a phase by name."""
    return {LATENCY: points.latency_s, ENERGY: points.energy_j, POWER: points.power_w}


def _bounds(
    algebra: RequestAlgebra[T],
    model: FittedModel,
    phase: Phase,
    points: PhasePoints[T],
    asked: Asked[T],
) -> dict[str, Bounds[T]]:
    """Return the bounds of a phase: nothing where it is idle, unknown where it is unknown."""
    same = {name: Bounds(value, value) for name, value in _named(points).items()}
    if points.cost is None:
        return same
    traffic, parallel = shape(algebra, model), asked.parallel
    formula, weights = model.formulas[phase], lifted(algebra, model.weights[phase])

    def price(prompt: T, steps: T) -> PhaseCost[T]:
        there = workload_of_steps(algebra, prompt, steps, traffic)
        return phase_cost(algebra, formula, there, weights, parallel)

    here = workload_of(algebra, asked.input_tokens, asked.output_tokens, traffic)
    record, hardware = model.record.phases[phase], model.record.hardware
    bounded = phase_bounds(
        algebra,
        record,
        hardware,
        points.cost,
        price,
        here,
        asked.confidence,
        parallel,
        asked.sides_of(phase),
    )
    found = {LATENCY: bounded.latency_s, ENERGY: bounded.energy_j, POWER: bounded.power_w}
    known = same | {name: limits for name, limits in found.items() if limits is not None}
    if asked.sides_of(phase) == ALL_WITHIN:
        return known
    working = {name: _when_working(algebra, points, known[name]) for name in (LATENCY, ENERGY)}
    return known | working


def _when_working(
    algebra: RequestAlgebra[T], points: PhasePoints[T], limits: Bounds[T]
) -> Bounds[T]:
    """Return bounds that are zero where a phase takes no time."""
    nothing = algebra.number(0.0)
    lower, upper = (
        algebra.select(points.idle, nothing, limit) for limit in (limits.lower, limits.upper)
    )
    return Bounds(lower, upper)


def _total(
    algebra: RequestAlgebra[T],
    quantity: str,
    points: Mapping[Phase, PhasePoints[T]],
    bounded: Mapping[Phase, Mapping[str, Bounds[T]]],
) -> dict[str, T]:
    """Return the sum of both phases with its bounds, under their names."""
    one, other = (_named(points[phase])[quantity] for phase in FITTED_PHASES)
    first, second = (bounded[phase][quantity] for phase in FITTED_PHASES)
    limits = bounds_of_sum(algebra, (one, other), (first, second))
    lower, upper = ends_of(quantity)
    return {quantity: one + other, lower: limits.lower, upper: limits.upper}


def _outside(algebra: RequestAlgebra[T], record: PhaseRecord, asked: Asked[T], sides: Sides) -> T:
    """Return 1 where lengths or samples lie outside the measured range of a phase."""
    too_many = record.parallel is not None and asked.parallel > record.parallel.samples[1]
    if record.hull is None or too_many or Side.BELOW in sides or Side.ABOVE in sides:
        return algebra.number(1.0)
    counts = (asked.input_tokens, asked.output_tokens)
    ranges = (record.hull.input_tokens, record.hull.output_tokens)
    inside = algebra.number(1.0)
    for count, ends, side in zip(counts, ranges, sides, strict=True):
        if ends is not None and side is Side.UNKNOWN:
            fewest, most = ends
            inside = inside * algebra.at_least(count, fewest)
            inside = inside * algebra.at_least(count * -1.0, -most)
    outside: T = 1.0 - inside
    return outside
