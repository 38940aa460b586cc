"""What each phase costs as Polars expressions, without bounds: sums of requests need no more.

The bounds make up most of the plan that ``expressions`` builds, and of the time to build it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseCost, phase_cost
from token2metrics.parallel import SINGLE
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.prediction.quantities import Asked, lifted, phase_points, shape
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import workload_of


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
    prompt, answer = (count.cast(pl.Float64) for count in (input_tokens, output_tokens))
    workload = workload_of(ALGEBRA, prompt, answer, shape(ALGEBRA, model))
    return {
        phase: phase_cost(
            ALGEBRA, formula, workload, lifted(ALGEBRA, model.weights[phase]), parallel
        )
        for phase, formula in model.formulas.items()
        if parallel == SINGLE or formula.parallel is not None
    }


@dataclass(frozen=True, slots=True)
class PhaseExpressions:
    """What a phase costs, and whether that was measured.

    Attributes:
        latency_s: Seconds; null where nothing measured supports them.
        energy_j: Joules; null where they were not metered.
        outside: Whether the phase works outside its measured range; null for unknown seconds.
    """

    latency_s: pl.Expr
    energy_j: pl.Expr
    outside: pl.Expr


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
    prompt, answer = (count.cast(pl.Float64) for count in (input_tokens, output_tokens))
    asked = Asked(prompt, answer, parallel=parallel)
    found = {}
    for phase in FITTED_PHASES:
        points = phase_points(ALGEBRA, model, phase, asked)
        outside = pl.when(points.latency_s.is_not_null()).then(points.outside == 1.0)
        found[phase] = PhaseExpressions(points.latency_s, points.energy_j, outside)
    return found
