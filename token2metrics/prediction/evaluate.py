"""Compare predictions with measurements the user brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseCost
from token2metrics.errors import DataError
from token2metrics.heads import Window
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.evaluated_groups import Group, prepare_groups
from token2metrics.prediction.expressions import expressions
from token2metrics.prediction.phase_expressions import phase_costs
from token2metrics.prediction.polars_algebra import ALGEBRA, GROUND
from token2metrics.prediction.quantities import (
    ENERGY,
    EXTRAPOLATED,
    LATENCY,
    Asked,
    ends_of,
    lifted,
)
from token2metrics.prediction.result import Evaluation, EvaluationReading, MetricErrors
from token2metrics.vocabulary import Phase

PERCENT = 100.0
NINETIETH = 0.9
INPUT, OUTPUT = pl.col("input_tokens"), pl.col("output_tokens")
ONE_SAMPLE = Asked(INPUT, OUTPUT, DEFAULT_CONFIDENCE, SINGLE)
MEASURED, PREDICTED, LOWER, UPPER = "measured", "predicted", "lower", "upper"
TOKENS = ("input_tokens", "output_tokens")
METERED = ("energy", "power")
STEMS = {Phase.PREFILL: "prefill_", Phase.DECODE: "decode_", Phase.REQUEST: ""}
"""How the predicted quantities of each kind of row begin."""

SEVERAL = "latency of several"
"""Metric of the latency of several samples at once."""

IDENTITY = ("model", "name", "device", "phase", "metric")
POINT_SCHEMA: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(IDENTITY, pl.String),
    **dict.fromkeys(TOKENS, pl.Int64),
    **dict.fromkeys((MEASURED, PREDICTED, LOWER, UPPER), pl.Float64),
    "extrapolated": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """An evaluation and the points behind it.

    Attributes:
        evaluation: Errors and counts.
        points: One row per compared number: model, phase, metric, token counts, measured,
            predicted, and the interval around it.
    """

    evaluation: Evaluation
    points: pl.DataFrame


def evaluate(models: Sequence[FittedModel], paths: Sequence[Path]) -> Comparison:
    """Compare fitted models with every measurement made under their conditions.

    Latencies are compared as they are. Energy is compared over the window it was metered in, with
    the power the head gives to the time after the work; mean power is that energy over the window.

    Args:
        models: The models to judge.
        paths: Measurement files of any known format.

    Raises:
        DataError: If a file cannot be read, or nothing can be compared.
    """
    points, readings = [pl.DataFrame(schema=POINT_SCHEMA)], []
    not_compared: dict[str, int] = {}
    for group in prepare_groups(models, paths):
        points += [_points(model, group.data.rows, not_compared) for model in group.models]
        points += [_points_beside(model, group.data.beside, not_compared) for model in group.models]
        readings.append(_reading(group))
    together = pl.concat(points)
    if together.is_empty():
        raise _nothing(models, group.data.rows, paths)
    evaluation = Evaluation(
        files=tuple(map(str, paths)),
        readings=tuple(readings),
        errors=summarise(together),
        not_compared={reason: count for reason, count in not_compared.items() if count},
        without_rows=tuple(m.record.name for m in models if m.record.id not in together["model"]),
    )
    return Comparison(evaluation, together)


def summarise(points: pl.DataFrame) -> tuple[MetricErrors, ...]:
    """Reduce compared numbers to the errors of each model, phase and metric."""
    signed = (pl.col(PREDICTED) / pl.col(MEASURED) - 1.0) * PERCENT
    table = points.group_by(IDENTITY, maintain_order=True).agg(
        pl.len().alias("rows"),
        signed.abs().mean().alias("mape_percent"),
        signed.abs().median().alias("median_ape_percent"),
        signed.mean().alias("bias_percent"),
        signed.abs().quantile(NINETIETH, interpolation="linear").alias("p90_ape_percent"),
        pl.col("extrapolated").sum().alias("extrapolated_rows"),
    )
    return tuple(MetricErrors(**row) for row in table.iter_rows(named=True))


def metered_energy_j(
    model: FittedModel,
    costs: Mapping[Phase, PhaseCost[pl.Expr]],
    kind: Phase,
    window_s: pl.Expr,
    period_s: pl.Expr,
) -> pl.Expr | None:
    """Return what a meter would read over a window that holds the work and ends with a tail.

    Args:
        model: The fitted model.
        costs: Its phases.
        kind: What the row measured.
        window_s: Length of the window in seconds.
        period_s: Seconds between the meter's readings; 0 for one that integrates.

    Returns:
        Joules; None where a phase of the row has no power head.
    """
    *earlier, last = kind.parts
    energies = [costs[phase].energy_j for phase in earlier]
    known = [energy for energy in energies if energy is not None]
    head = model.formulas[last].head
    if head is None or len(known) < len(energies):
        return None
    earlier_s = [costs[phase].latency_s for phase in earlier]
    left_s = window_s - pl.sum_horizontal(*earlier_s, pl.lit(GROUND))
    window = Window(left_s, period_s)
    weights = lifted(ALGEBRA, model.weights[last]).head
    cost = costs[last]
    assert cost.bare_s is not None
    energy_j = head.window_energy_j(ALGEBRA, cost.latency_s, cost.bare_s, window, weights)
    return pl.sum_horizontal(*known, energy_j)


def _latency_s(costs: Mapping[Phase, PhaseCost[pl.Expr]], kind: Phase) -> pl.Expr:
    """Return the predicted latency of a row of some kind."""
    return pl.sum_horizontal(*(costs[phase].latency_s for phase in kind.parts))


def _points(model: FittedModel, rows: pl.DataFrame, not_compared: dict[str, int]) -> pl.DataFrame:
    """Return every compared number of a model, counting rows without a comparison."""
    record = model.record
    mine = rows.filter(pl.col("model") == record.id, pl.col("device") == record.device)
    parts = [pl.DataFrame(schema=POINT_SCHEMA)]
    for kind in Phase:
        measured = mine.filter(pl.col("phase") == str(kind))
        if any(phase not in model.formulas for phase in kind.parts):
            reason = f"{record.name} has no fitted {kind}"
            _count(not_compared, reason, measured.height)
        elif measured.height:
            parts += _kind_points(model, kind, measured, not_compared)
    return pl.concat(parts)


def _points_beside(
    model: FittedModel, beside: pl.DataFrame, not_compared: dict[str, int]
) -> pl.DataFrame:
    """Return the compared latencies of several samples, counting rows without a comparison."""
    mine = beside.filter(
        pl.col("model") == model.record.id, pl.col("device") == model.record.device
    )
    _count(not_compared, "in another power mode", mine.filter(parallel=SINGLE).height)
    parts = [pl.DataFrame(schema=POINT_SCHEMA)]
    several = mine.filter(pl.col("parallel") > SINGLE)
    for (samples, phase), rows in several.group_by("parallel", "phase", maintain_order=True):
        kind, count = Phase(str(phase)), int(str(samples))
        costs = phase_costs(model, INPUT, OUTPUT, count)
        if any(part not in costs for part in kind.parts):
            _count(not_compared, f"{kind} of several samples of {model.record.name}", rows.height)
            continue
        _count(not_compared, "energy of several samples", rows["energy_j"].drop_nulls().len())
        asked = Asked(INPUT, OUTPUT, DEFAULT_CONFIDENCE, count)
        predicted_s = _latency_s(costs, kind)
        parts.append(_metric(model, kind, SEVERAL, rows, pl.col("latency_s"), predicted_s, asked))
    return pl.concat(parts)


def _count(not_compared: dict[str, int], reason: str, rows: int) -> None:
    """Count rows without a comparison."""
    not_compared[reason] = not_compared.get(reason, 0) + rows


def _kind_points(
    model: FittedModel, kind: Phase, measured: pl.DataFrame, not_compared: dict[str, int]
) -> list[pl.DataFrame]:
    """Return the compared numbers of one kind of row."""
    costs = phase_costs(model, INPUT, OUTPUT)
    latency_s = _latency_s(costs, kind)
    window_s = pl.coalesce("energy_window_s", "latency_s")
    period_s = (window_s / pl.col("energy_samples")).fill_null(0.0)
    metered = measured.filter(pl.col("energy_j").is_not_null())
    energy_j = metered_energy_j(model, costs, kind, window_s, period_s)
    unmetered = "without measured energy (latency is compared)"
    _count(not_compared, unmetered, measured.height - metered.height)
    parts = [_metric(model, kind, "latency", measured, pl.col("latency_s"), latency_s)]
    if energy_j is None:
        headless = f"{kind} energy of {model.record.name}, which has no power head"
        _count(not_compared, headless, metered.height)
    elif metered.height:
        watched_s = ALGEBRA.maximum(window_s, latency_s)
        pairs = {
            "energy": (pl.col("energy_j"), energy_j),
            "power": (pl.col("energy_j") / window_s, energy_j / watched_s),
        }
        parts += [_metric(model, kind, name, metered, *pair) for name, pair in pairs.items()]
    return parts


def _metric(
    model: FittedModel,
    kind: Phase,
    metric: str,
    rows: pl.DataFrame,
    measured: pl.Expr,
    predicted: pl.Expr,
    asked: Asked[pl.Expr] = ONE_SAMPLE,
) -> pl.DataFrame:
    """Set the measured beside the predicted values of one metric, with their intervals.

    That of an energy over a meter's window, and of its mean power, reaches as far, in percent, as
    that of the phase's own energy.
    """
    record = model.record
    names = (record.id, record.name, record.device, str(kind), metric)
    priced = expressions(
        model, asked.input_tokens, asked.output_tokens, asked.confidence, asked.parallel
    )
    metered = metric in METERED
    quantity = f"{STEMS[kind]}{ENERGY if metered else LATENCY}"
    scale = predicted / priced[quantity] if metered else pl.lit(1.0)
    lower, upper = (scale * priced[end] for end in ends_of(quantity))
    return rows.select(
        *(pl.lit(name).alias(column) for column, name in zip(IDENTITY, names, strict=True)),
        *TOKENS,
        measured.alias(MEASURED),
        predicted.alias(PREDICTED),
        lower.fill_nan(None).alias(LOWER),
        upper.fill_nan(None).alias(UPPER),
        priced[EXTRAPOLATED],
    )


def _reading(group: Group) -> EvaluationReading:
    """Describe what was read for some models."""
    device, *conditions = group.setting
    data = group.data
    ids = [model.record.id for model in group.models]
    mine = data.rows.filter(pl.col("device") == device, pl.col("model").is_in(ids))
    return EvaluationReading(
        device=device,
        conditions=tuple(conditions),
        read_rows=data.read_rows,
        settings=data.rows.height,
        compared=mine.height,
        rejected_counts=data.rejected_counts,
        in_sample=all(m.record.data_fingerprint == data.fingerprint for m in group.models),
    )


def _nothing(models: Sequence[FittedModel], rows: pl.DataFrame, paths: Sequence[Path]) -> DataError:
    """Say that no row belongs to a model, and what the files hold instead."""
    wanted = "; ".join(f"{model.record.id} on {model.record.device}" for model in models)
    pairs = rows.select("model", "device").unique(maintain_order=True).iter_rows()
    found = "; ".join(f"{model} on {device}" for model, device in pairs)
    return DataError(
        f"expected rows of {wanted} in {', '.join(map(str, paths))}, got rows of {found}"
    )
