"""The cost formulas as Polars expressions: a whole table is priced lazily and in parallel."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.cost import PhaseCost, PhaseWeights, phase_cost
from token2metrics.curves import CurveWeights
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, workload_of

GROUND = 0.0
UNKNOWN = pl.lit(None, dtype=pl.Float64)

PREDICTED_COLUMNS = (
    "prefill_latency_s",
    "decode_latency_s",
    "latency_s",
    "prefill_energy_j",
    "decode_energy_j",
    "energy_j",
    "power_w",
    "extrapolated",
)
"""Columns that pricing adds to a table, in order."""


class PolarsAlgebra:
    """The algebra of formulas over float expressions."""

    def constant(self, value: pl.Expr) -> pl.Expr:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

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
    model: FittedModel, input_tokens: pl.Expr, output_tokens: pl.Expr
) -> dict[Phase, PhaseCost[pl.Expr]]:
    """Return latency and mean power of every fitted phase.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
    """
    shape = model.traffic
    traffic = ModelTraffic(
        flop_per_token=as_expression(shape.flop_per_token),
        attention_flop=as_expression(shape.attention_flop),
        weight_bytes=as_expression(shape.weight_bytes),
        kv_bytes_per_token=as_expression(shape.kv_bytes_per_token),
        layers=as_expression(shape.layers),
    )
    prompt, answer = input_tokens.cast(pl.Float64), output_tokens.cast(pl.Float64)
    workload = workload_of(ALGEBRA, prompt, answer, traffic)
    return {
        phase: phase_cost(ALGEBRA, formula, workload, phase_weights(model.weights[phase]))
        for phase, formula in model.formulas.items()
    }


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
    )


def _constants(values: Mapping[str, float]) -> dict[str, pl.Expr]:
    """Return named numbers as expressions."""
    return {name: as_expression(value) for name, value in values.items()}


def expressions(
    model: FittedModel, input_tokens: pl.Expr, output_tokens: pl.Expr
) -> dict[str, pl.Expr]:
    """Return what a request costs, equal to the prediction of single requests.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens, whole and >= 0.
        output_tokens: Generated tokens, whole and >= 0.

    Returns:
        One expression for each of ``PREDICTED_COLUMNS``, under its name; null where nothing
        measured supports the number.
    """
    costs = phase_costs(model, input_tokens, output_tokens)
    latency = {phase: _latency_s(costs, phase, output_tokens) for phase in FITTED_PHASES}
    energy = {phase: _energy_j(costs.get(phase), latency[phase]) for phase in FITTED_PHASES}
    outside = [
        (latency[phase] > 0) & _outside(record, input_tokens, output_tokens)
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
    return {
        name: column.alias(name) for name, column in zip(PREDICTED_COLUMNS, columns, strict=True)
    }


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


def _outside(record: PhaseRecord, input_tokens: pl.Expr, output_tokens: pl.Expr) -> pl.Expr:
    """Return whether a request lies outside the measured range of a phase."""
    if record.hull is None:
        return pl.lit(value=True)
    outside = ~input_tokens.is_between(*record.hull.input_tokens)
    if record.hull.output_tokens is not None:
        outside = outside | ~output_tokens.is_between(*record.hull.output_tokens)
    return outside
