"""The cost formulas as Polars expressions: a whole table is priced lazily and in parallel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseCost, phase_cost
from token2metrics.intervals import DEFAULT_CONFIDENCE, Bounds, bounds_of_sum
from token2metrics.parallel import SINGLE
from token2metrics.prediction.bounded import PhaseBounds, phase_bounds
from token2metrics.prediction.phase_expressions import (
    UNKNOWN,
    PhaseExpressions,
    phase_expressions,
    phase_weights,
    workload_expressions,
)
from token2metrics.prediction.polars_algebra import ALGEBRA, GROUND
from token2metrics.vocabulary import FITTED_PHASES, Phase

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
    phases = phase_expressions(model, input_tokens, output_tokens, parallel)
    prefill, decode = (phases[phase] for phase in FITTED_PHASES)
    latency_s = prefill.latency_s + decode.latency_s
    energy_j = prefill.energy_j + decode.energy_j
    columns = (
        prefill.latency_s,
        decode.latency_s,
        latency_s,
        prefill.energy_j,
        decode.energy_j,
        energy_j,
        pl.when(latency_s > 0).then(energy_j / latency_s),
        pl.any_horizontal(*(one.outside for one in phases.values()), pl.lit(value=False)),
    )
    asked = Asked(input_tokens, output_tokens, confidence, parallel)
    limits = _limits(model, phases, asked)
    named = dict(zip(POINT_COLUMNS, columns, strict=True)) | limits
    return {name: named[name].alias(name) for name in PREDICTED_COLUMNS}


def _limits(
    model: FittedModel, phases: Mapping[Phase, PhaseExpressions], asked: Asked
) -> dict[str, pl.Expr]:
    """Return the bounds of latency and energy, of each phase and of the request, by column."""
    latencies, energies = [], []
    for phase, one in phases.items():
        bounded = None if one.cost is None else _phase_bounds(model, phase, one.cost, asked)
        latencies.append(_known(one.latency_s, bounded.latency_s if bounded else None))
        energies.append(_known(one.energy_j, bounded.energy_j if bounded else None))
    prefill, decode = (phases[phase] for phase in FITTED_PHASES)
    seconds, joules = (prefill.latency_s, decode.latency_s), (prefill.energy_j, decode.energy_j)
    latencies.append(_sum(seconds, (latencies[0], latencies[1])))
    energies.append(_sum(joules, (energies[0], energies[1])))
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
        workload = workload_expressions(model, input_tokens, steps + 1.0)
        return phase_cost(ALGEBRA, formula, workload, weights, asked.parallel)

    tokens = (count.cast(pl.Float64) for count in (asked.input_tokens, asked.output_tokens))
    return phase_bounds(
        ALGEBRA,
        model.record.phases[phase],
        model.record.hardware,
        cost,
        price,
        workload_expressions(model, *tokens),
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
