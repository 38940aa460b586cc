"""What each phase costs as Polars expressions, without bounds: sums of requests need no more.

The bounds make up most of the plan that ``expressions`` builds, and of the time to build it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.cost import PhaseCost, PhaseWeights, phase_cost
from token2metrics.curves import CurveWeights
from token2metrics.parallel import SINGLE
from token2metrics.prediction.polars_algebra import ALGEBRA, GROUND, as_expression
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of

UNKNOWN = pl.lit(None, dtype=pl.Float64)


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
    workload = workload_expressions(
        model, input_tokens.cast(pl.Float64), output_tokens.cast(pl.Float64)
    )
    return {
        phase: phase_cost(ALGEBRA, formula, workload, phase_weights(model.weights[phase]), parallel)
        for phase, formula in model.formulas.items()
        if parallel == SINGLE or formula.parallel is not None
    }


def workload_expressions(
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
class PhaseExpressions:
    """What a phase costs, and whether that was measured.

    Attributes:
        latency_s: Seconds; null where nothing measured supports them.
        energy_j: Joules; null where they were not metered.
        outside: Whether the phase works outside its measured range; null for unknown seconds.
        cost: Latency and power of the fitted phase; None without a fit.
    """

    latency_s: pl.Expr
    energy_j: pl.Expr
    outside: pl.Expr
    cost: PhaseCost[pl.Expr] | None


def phase_expressions(
    model: FittedModel, input_tokens: pl.Expr, output_tokens: pl.Expr, parallel: int
) -> dict[Phase, PhaseExpressions]:
    """Return what each phase costs, equal to the phases of single predictions.

    Args:
        model: The fitted model.
        input_tokens: Prompt tokens, whole and >= 0.
        output_tokens: Generated tokens of each sample, whole and >= 0; prefill does without.
        parallel: Samples generated at once.
    """
    costs = phase_costs(model, input_tokens, output_tokens, parallel)
    found = {}
    for phase in FITTED_PHASES:
        cost, record = costs.get(phase), model.record.phases.get(phase)
        latency_s = _unfitted(phase, output_tokens) if cost is None else cost.latency_s
        outside = pl.lit(value=False)
        if record is not None:
            outside = _outside(record, input_tokens, output_tokens, parallel)
        found[phase] = PhaseExpressions(
            latency_s, _energy_j(cost, latency_s), (latency_s > GROUND) & outside, cost
        )
    return found


def _unfitted(phase: Phase, output_tokens: pl.Expr) -> pl.Expr:
    """Return the latency of a phase without a fit: only a decode without a step has one."""
    if phase is Phase.PREFILL:
        return UNKNOWN
    return pl.when(output_tokens <= 1).then(GROUND).otherwise(UNKNOWN)


def _energy_j(cost: PhaseCost[pl.Expr] | None, latency_s: pl.Expr) -> pl.Expr:
    """Return the energy of a phase; without a head only a phase without work has one."""
    if cost is not None and cost.energy_j is not None:
        return cost.energy_j
    return pl.when(latency_s == GROUND).then(GROUND).otherwise(UNKNOWN)


def _outside(
    record: PhaseRecord, input_tokens: pl.Expr, output_tokens: pl.Expr, parallel: int
) -> pl.Expr:
    """Return whether lengths or samples lie outside the measured range of a phase."""
    too_many = record.parallel is not None and parallel > record.parallel.samples[1]
    if record.hull is None or too_many:
        return pl.lit(value=True)
    outside = ~input_tokens.is_between(*record.hull.input_tokens)
    if record.hull.output_tokens is not None:
        outside = outside | ~output_tokens.is_between(*record.hull.output_tokens)
    return outside
