"""Measured numbers beside their predictions, with intervals and held-out forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.columns import TOKEN_SETTING
from token2metrics.cost import PhaseCost
from token2metrics.findings.shown import ENERGY, LATENCY, POWER, UNITS, Point, Standing
from token2metrics.prediction.evaluate import (
    IDENTITY,
    MEASURED,
    PREDICTED,
    metered_energy_j,
    summarise,
)
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.phase_expressions import phase_costs
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.prediction.quantities import EXTRAPOLATED, ends_of
from token2metrics.prediction.result import MetricErrors
from token2metrics.vocabulary import Phase

INPUT, OUTPUT = pl.col("input_tokens"), pl.col("output_tokens")
LOWER, UPPER, HELD_OUT, STANDING = "lower", "upper", "held_out", "standing"
HELD_LATENCY, HELD_ENERGY = "held_out_latency_s", "held_out_energy_j"
"""Columns of forecasts by refits that did not see the row; null where there are none."""

MEASURED_S, MEASURED_J = "measured_latency_s", "measured_energy_j"
METERED_J, WINDOW_S = "metered_energy_j", "window_s"
"""Columns of what was measured, and of what a meter would read of a prediction over its window."""

MOST_POINTS = 300
"""Points of a phase and metric that a picture shows; of more, a random choice."""

TOKENS = ("input_tokens", "output_tokens")
NUMBERS = (MEASURED, PREDICTED, LOWER, UPPER, HELD_OUT)


@dataclass(frozen=True, slots=True)
class Compared:
    """A model's measured numbers beside its predictions.

    Attributes:
        points: Those to show.
        errors: Errors in percent of all of them, by phase and metric.
        held_out_errors: Likewise of forecasts that did not see the row.
        found: How many there are.
    """

    points: tuple[Point, ...] = ()
    errors: tuple[MetricErrors, ...] = ()
    held_out_errors: tuple[MetricErrors, ...] = ()
    found: int = 0


def own_rows(rows: pl.DataFrame, model: FittedModel) -> pl.DataFrame:
    """Return the prepared rows of a model on its device, in the order of the table."""
    record = model.record
    return rows.filter(pl.col("device") == record.device, pl.col("model") == record.id)


def with_standing(rows: pl.DataFrame, trained_on: pl.DataFrame | None) -> pl.DataFrame:
    """Say of each row whether the fit saw it.

    Args:
        rows: Prepared rows.
        trained_on: The prepared rows of the training; None where they are not at hand.
    """
    if trained_on is None:
        return rows.with_columns(pl.lit(str(Standing.UNTOLD)).alias(STANDING))
    same = (*TOKEN_SETTING, "latency_s")
    known = trained_on.select(same).unique().with_columns(_seen=pl.lit(True))
    joined = rows.join(known, on=same, how="left", maintain_order="left")
    seen = pl.col("_seen").fill_null(False)
    standing = (
        pl.when(seen).then(pl.lit(str(Standing.FITTED))).otherwise(pl.lit(str(Standing.UNSEEN)))
    )
    return joined.with_columns(standing.alias(STANDING)).drop("_seen")


def compare(model: FittedModel, label: str, rows: pl.DataFrame, confidence: float) -> Compared:
    """Set measured numbers beside predictions.

    Latencies are compared as they are; energy over the window it was metered in, and mean power
    as that energy over the window, as ``evaluate`` has them. The interval of an energy reaches as
    far, in percent, as that of the phase's own energy.

    Args:
        model: The fitted model.
        label: What the report calls it.
        rows: Its prepared rows, with ``standing`` and, where there are refits, their forecasts.
        confidence: Of the intervals.
    """
    for column in (HELD_LATENCY, HELD_ENERGY):
        if column not in rows.columns:
            rows = rows.with_columns(pl.lit(None, pl.Float64).alias(column))
    priced = _priced(model, rows, confidence)
    costs = phase_costs(model, INPUT, OUTPUT)
    tables = [
        table.with_columns(pl.lit(str(kind)).alias("phase"), pl.lit(metric).alias("metric"))
        for kind in Phase
        if all(part in model.formulas for part in kind.parts)
        for metric, table in _tables(model, kind, priced, costs).items()
        if table.height
    ]
    if not tables:
        return Compared()
    together = pl.concat(tables)
    points = tuple(point for table in tables for point in _points(label, _thinned(table)))
    held = together.filter(pl.col(HELD_OUT).is_not_null())
    return Compared(
        points,
        _errors(model, together, PREDICTED),
        _errors(model, held, HELD_OUT) if held.height else (),
        together.height,
    )


def _priced(model: FittedModel, rows: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Add what rows cost by the model, and call what was measured so."""
    measured = {"latency_s": MEASURED_S, "energy_j": MEASURED_J}
    table = rows.rename(measured).lazy()
    predictor = ModelPredictor(model)
    return predictor.price_table(table, names=PREDICTED_COLUMNS, confidence=confidence).collect()


def _tables(
    model: FittedModel,
    kind: Phase,
    priced: pl.DataFrame,
    costs: Mapping[Phase, PhaseCost[pl.Expr]],
) -> Mapping[str, pl.DataFrame]:
    """Return the compared numbers of one kind of row, by metric."""
    rows = priced.filter(pl.col("phase") == str(kind))
    stem = "" if kind is Phase.REQUEST else f"{kind}_"
    latency, energy = f"{stem}latency_s", f"{stem}energy_j"
    lower_s, upper_s = (pl.col(name) for name in ends_of(latency))
    latencies_s = (pl.col(latency), lower_s, upper_s)
    tables = {LATENCY: _table(rows, pl.col(MEASURED_S), latencies_s, HELD_LATENCY)}
    window_s = pl.coalesce("energy_window_s", MEASURED_S)
    period_s = (window_s / pl.col("energy_samples")).fill_null(0.0)
    metered_j = metered_energy_j(model, costs, kind, window_s, period_s)
    if metered_j is None:
        return tables
    metered = rows.filter(pl.col(MEASURED_J).is_not_null()).with_columns(
        metered_j.alias(METERED_J), window_s.alias(WINDOW_S)
    )
    least, most = (pl.col(name) / pl.col(energy) for name in ends_of(energy))
    told_j = pl.col(METERED_J)
    energies_j = (told_j, told_j * least, told_j * most)
    told_w = told_j / ALGEBRA.maximum(pl.col(WINDOW_S), pl.col(latency))
    powers_w = (told_w, told_w * least, told_w * most)
    measured_w = pl.col(MEASURED_J) / pl.col(WINDOW_S)
    per_second = metered.with_columns(pl.col(HELD_ENERGY) / pl.col(WINDOW_S))
    tables[ENERGY] = _table(metered, pl.col(MEASURED_J), energies_j, HELD_ENERGY)
    tables[POWER] = _table(per_second, measured_w, powers_w, HELD_ENERGY)
    return tables


def _table(
    rows: pl.DataFrame,
    measured: pl.Expr,
    ends: tuple[pl.Expr, pl.Expr, pl.Expr],
    held_out: str,
) -> pl.DataFrame:
    """Return one metric of rows: measured, predicted, its interval, and the forecast of a refit.

    A row that the fit did not see is forecast by the model itself.
    """
    predicted, lower, upper = ends
    unseen = pl.col(STANDING) == str(Standing.UNSEEN)
    found = rows.select(
        *TOKENS,
        STANDING,
        measured.alias(MEASURED),
        predicted.alias(PREDICTED),
        lower.alias(LOWER),
        upper.alias(UPPER),
        pl.col(held_out).alias(HELD_OUT),
        pl.col(EXTRAPOLATED).cast(pl.Boolean),
    )
    forecast = pl.when(unseen).then(pl.col(PREDICTED)).otherwise(pl.col(HELD_OUT))
    return found.with_columns(forecast.alias(HELD_OUT))


def _errors(model: FittedModel, table: pl.DataFrame, predicted: str) -> tuple[MetricErrors, ...]:
    """Reduce compared numbers to errors."""
    record = model.record
    named = table.with_columns(
        pl.lit(record.id).alias("model"),
        pl.lit(record.name).alias("name"),
        pl.lit(record.device).alias("device"),
        pl.col(predicted).alias(PREDICTED),
    )
    return summarise(named.select(*IDENTITY, MEASURED, PREDICTED, EXTRAPOLATED))


def _thinned(table: pl.DataFrame) -> pl.DataFrame:
    """Return as many rows as a picture can show, in their order."""
    if table.height <= MOST_POINTS:
        return table
    chosen = sorted(Random(table.height).sample(range(table.height), MOST_POINTS))
    return table[chosen]


def _points(label: str, table: pl.DataFrame) -> tuple[Point, ...]:
    """Return compared numbers as values."""
    return tuple(
        Point(
            model=label,
            phase=Phase(row["phase"]),
            metric=row["metric"],
            unit=UNITS[row["metric"]],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            standing=Standing(row[STANDING]),
            extrapolated=row[EXTRAPOLATED],
            **{name: row[name] for name in NUMBERS},
        )
        for row in table.iter_rows(named=True)
    )
