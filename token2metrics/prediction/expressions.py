"""The cost formulas as Polars expressions: a whole table is priced lazily and in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.cost import PhaseCost, PhaseWeights, phase_cost
from token2metrics.curves import CurveWeights
from token2metrics.intervals import DEFAULT_CONFIDENCE, Bounds, bounds_of_sum
from token2metrics.parallel import SINGLE
from token2metrics.prediction.bounded import PhaseBounds, phase_bounds
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of

GROUND = 0.0
UNKNOWN = pl.lit(None, dtype=pl.Float64)

POINT_COLUMNS = (
    "prefill_latency_s",
    "decode_latency_s",
    "latency_s",
    "prefill_energy_j",
    "decode_energy_j",
    "energy_j",
    "power_w",
    "extrapolated",
)

LIMIT_COLUMNS = tuple(
    f"{part}{quantity}_{limit}_{unit}"
    for quantity, unit in (("latency", "s"), ("energy", "j"))
    for part in ("prefill_", "decode_", "")
    for limit in ("lower", "upper")
)
"""Ends of the intervals."""

PREDICTED_COLUMNS = (*POINT_COLUMNS, *LIMIT_COLUMNS)
"""Columns that pricing adds to a table, in order."""


class PolarsAlgebra:
    """The algebra of formulas over float expressions."""

    def constant(self, value: pl.Expr) -> pl.Expr:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def number(self, value: float) -> pl.Expr:
        """Return a plain number as a quantity."""
        return pl.lit(value, dtype=pl.Float64)

    def exp(self, exponent: pl.Expr) -> pl.Expr:
        """Return ``e`` to the power of ``exponent``."""
        return exponent.exp()

    def tanh(self, value: pl.Expr) -> pl.Expr:
        """Return the hyperbolic tangent."""
        return value.tanh()

    def log1p(self, value: pl.Expr) -> pl.Expr:
        """Return ``log(1 + value)``."""
        return value.log1p()

    def ceil(self, value: pl.Expr) -> pl.Expr:
        """Return the smallest whole number not below ``value``."""
        return value.ceil()

    def maximum(self, value: pl.Expr, floor: pl.Expr | float) -> pl.Expr:
        """Return the larger of both."""
        return pl.max_horizontal(value, floor)

    def power(self, base: pl.Expr | float, exponent: pl.Expr | float) -> pl.Expr:
        """Return ``base ** exponent`` for ``base >= 0``."""
        return as_expression(base).pow(exponent)

    def at_least(self, value: pl.Expr, threshold: float) -> pl.Expr:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return (value >= threshold).cast(pl.Float64)

    def staircase(self, value: pl.Expr, table: StepTable[pl.Expr]) -> pl.Expr:
        """Return the level of the last edge below ``value``, or 0."""
        if not len(table.edges):
            return value * GROUND
        edges = pl.Series(table.edges, dtype=pl.Float64)
        levels = pl.Series([GROUND, *table.levels], dtype=pl.Float64)
        return pl.lit(levels).gather(pl.lit(edges).search_sorted(value, side="left"))


ALGEBRA = PolarsAlgebra()


def as_expression(value: pl.Expr | float) -> pl.Expr:
    """Return a constant as an expression."""
    return value if isinstance(value, pl.Expr) else pl.lit(value, dtype=pl.Float64)


def phase_costs(
    model: FittedModel, input_tokens: pl.Expr, output_tokens: pl.Expr, parallel: int = SINGLE
) -> dict[Phase, PhaseCost[pl.Expr]]:
    """Return latency and mean power of every phase that is fitted for so many samples.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens of each sample.
        parallel: Samples generated at once.
    """
    workload = _workload(model, input_tokens.cast(pl.Float64), output_tokens.cast(pl.Float64))
    return {
        phase: phase_cost(ALGEBRA, formula, workload, phase_weights(model.weights[phase]), parallel)
        for phase, formula in model.formulas.items()
        if parallel == SINGLE or formula.parallel is not None
    }


def _workload(
    model: FittedModel, input_tokens: pl.Expr, output_tokens: pl.Expr
) -> Workload[pl.Expr]:
    """Return what requests ask of a model."""
    shape = model.traffic
    traffic = ModelTraffic(
        flop_per_token=as_expression(shape.flop_per_token),
        attention_flop=as_expression(shape.attention_flop),
        weight_bytes=as_expression(shape.weight_bytes),
        kv_bytes_per_token=as_expression(shape.kv_bytes_per_token),
        layers=as_expression(shape.layers),
    )
    return workload_of(ALGEBRA, input_tokens, output_tokens, traffic)


def phase_weights(weights: PhaseWeights[float]) -> PhaseWeights[pl.Expr]:
    """Return the weights of a phase as constants of expressions."""
    steps = weights.curve.steps
    return PhaseWeights(
        curve=CurveWeights(
            _constants(weights.curve.values),
            None if steps is None else StepTable(steps.edges, steps.levels),
        ),
        calibration=_constants(weights.calibration),
        head=_constants(weights.head),
        parallel=_constants(weights.parallel),
    )


def _constants(values: Mapping[str, float]) -> dict[str, pl.Expr]:
    """Return named numbers as expressions."""
    return {name: as_expression(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests of a table.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens of each sample.
        confidence: Of the intervals.
        parallel: Samples generated at once.
    """

    input_tokens: pl.Expr
    output_tokens: pl.Expr
    confidence: float
    parallel: int


def expressions(
    model: FittedModel,
    input_tokens: pl.Expr,
    output_tokens: pl.Expr,
    confidence: float = DEFAULT_CONFIDENCE,
    parallel: int = SINGLE,
) -> dict[str, pl.Expr]:
    """Return what a request costs, equal to the prediction of single requests.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens, whole and >= 0.
        output_tokens: Generated tokens, whole and >= 0.
        confidence: Of the intervals, 0.5 to 0.99.
        parallel: Samples generated at once.

    Returns:
        One expression for each of ``PREDICTED_COLUMNS``, under its name; null where nothing
        measured supports the number.
    """
    costs = phase_costs(model, input_tokens, output_tokens, parallel)
    latency = {phase: _latency_s(costs, phase, output_tokens) for phase in FITTED_PHASES}
    energy = {phase: _energy_j(costs.get(phase), latency[phase]) for phase in FITTED_PHASES}
    outside = [
        (latency[phase] > 0) & _outside(record, input_tokens, output_tokens, parallel)
        for phase, record in model.record.phases.items()
    ]
    latency_s = latency[Phase.PREFILL] + latency[Phase.DECODE]
    energy_j = energy[Phase.PREFILL] + energy[Phase.DECODE]
    columns = (
        latency[Phase.PREFILL],
        latency[Phase.DECODE],
        latency_s,
        energy[Phase.PREFILL],
        energy[Phase.DECODE],
        energy_j,
        pl.when(latency_s > 0).then(energy_j / latency_s),
        pl.any_horizontal(*outside, pl.lit(value=False)),
    )
    asked = Asked(input_tokens, output_tokens, confidence, parallel)
    limits = _limits(model, costs, latency, energy, asked)
    named = dict(zip(POINT_COLUMNS, columns, strict=True)) | limits
    return {name: named[name].alias(name) for name in PREDICTED_COLUMNS}


def _limits(
    model: FittedModel,
    costs: Mapping[Phase, PhaseCost[pl.Expr]],
    latency: Mapping[Phase, pl.Expr],
    energy: Mapping[Phase, pl.Expr],
    asked: Asked,
) -> dict[str, pl.Expr]:
    """Return the bounds of latency and energy, of each phase and of the request, by column."""
    bounded = {phase: _phase_bounds(model, phase, cost, asked) for phase, cost in costs.items()}
    latencies = [
        _known(latency[phase], bounded[phase].latency_s if phase in bounded else None)
        for phase in FITTED_PHASES
    ]
    energies = [
        _known(energy[phase], bounded[phase].energy_j if phase in bounded else None)
        for phase in FITTED_PHASES
    ]
    prefill, decode = FITTED_PHASES
    latencies.append(_sum((latency[prefill], latency[decode]), (latencies[0], latencies[1])))
    energies.append(_sum((energy[prefill], energy[decode]), (energies[0], energies[1])))
    limits = [limit for bound in (*latencies, *energies) for limit in (bound.lower, bound.upper)]
    return dict(zip(LIMIT_COLUMNS, limits, strict=True))


def _phase_bounds(
    model: FittedModel,
    phase: Phase,
    cost: PhaseCost[pl.Expr],
    asked: Asked,
) -> PhaseBounds[pl.Expr]:
    """Bound a fitted phase."""
    formula, weights = model.formulas[phase], phase_weights(model.weights[phase])

    def price(input_tokens: pl.Expr, steps: pl.Expr) -> PhaseCost[pl.Expr]:
        workload = _workload(model, input_tokens, steps + 1.0)
        return phase_cost(ALGEBRA, formula, workload, weights, asked.parallel)

    tokens = (count.cast(pl.Float64) for count in (asked.input_tokens, asked.output_tokens))
    return phase_bounds(
        ALGEBRA,
        model.record.phases[phase],
        model.record.hardware,
        cost,
        price,
        _workload(model, *tokens),
        asked.confidence,
        asked.parallel,
    )


def _known(value: pl.Expr, bounded: Bounds[pl.Expr] | None) -> Bounds[pl.Expr]:
    """Return bounds where a phase works, nothing where it does not, null where it is unknown."""
    idle = pl.when(value == GROUND)
    if bounded is None:
        unknown = idle.then(GROUND).otherwise(UNKNOWN)
        return Bounds(unknown, unknown)
    return Bounds(
        idle.then(GROUND).otherwise(bounded.lower), idle.then(GROUND).otherwise(bounded.upper)
    )


def _sum(
    parts: tuple[pl.Expr, pl.Expr], bounded: tuple[Bounds[pl.Expr], Bounds[pl.Expr]]
) -> Bounds[pl.Expr]:
    """Bound the sum of both phases; null where one is unknown."""
    total = bounds_of_sum(ALGEBRA, parts, bounded)
    known = pl.when(pl.all_horizontal(*(part.is_not_null() for part in parts)))
    return Bounds(known.then(total.lower), known.then(total.upper))


def _latency_s(
    costs: Mapping[Phase, PhaseCost[pl.Expr]], phase: Phase, output_tokens: pl.Expr
) -> pl.Expr:
    """Return the latency of a phase; without a fit only a decode of no step has one."""
    if phase in costs:
        return costs[phase].latency_s
    idle = output_tokens <= 1 if phase is Phase.DECODE else pl.lit(value=False)
    return pl.when(idle).then(GROUND).otherwise(UNKNOWN)


def _energy_j(cost: PhaseCost[pl.Expr] | None, latency_s: pl.Expr) -> pl.Expr:
    """Return the energy of a phase; without a head only a phase without work has one."""
    measured = None if cost is None else cost.energy_j
    if measured is not None:
        return measured
    return pl.when(latency_s == GROUND).then(GROUND).otherwise(UNKNOWN)


def _outside(
    record: PhaseRecord, input_tokens: pl.Expr, output_tokens: pl.Expr, parallel: int
) -> pl.Expr:
    """Return whether a request lies outside the measured range of a phase."""
    too_many = record.parallel is not None and parallel > record.parallel.samples[1]
    if record.hull is None or too_many:
        return pl.lit(value=True)
    outside = ~input_tokens.is_between(*record.hull.input_tokens)
    if record.hull.output_tokens is not None:
        outside = outside | ~output_tokens.is_between(*record.hull.output_tokens)
    return outside
