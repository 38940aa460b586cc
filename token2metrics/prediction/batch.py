"""Price a table of requests lazily, setting aside the rows no request can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import polars.selectors as cs

from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import DataError, RequestError
from token2metrics.files import remove_stale, replacing
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.count_rules import broken_counts, cell
from token2metrics.prediction.expressions import PREDICTED_COLUMNS, expressions
from token2metrics.prediction.predictor import (
    Conditions,
    ModelPredictor,
    Predictor,
    check_parallel,
)
from token2metrics.prediction.result import BatchSummary

MODEL, DEVICE, REASON = "model", "device", "reason"
HIDDEN = "__token2metrics_"
"""Prefix of columns that exist only while a table is priced."""

INPUT, OUTPUT, ANSWERING = f"{HIDDEN}input", f"{HIDDEN}output", f"{HIDDEN}answering"
COUNTS = {"input_tokens": INPUT, "output_tokens": OUTPUT}
"""The number read from each column of token counts."""

REJECTED_SUFFIX = ".rejected.csv"
CSV, PARQUET = ".csv", ".parquet"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A table of requests to price.

    Attributes:
        input_file: CSV or Parquet with ``input_tokens`` and ``output_tokens``, and if wanted
            ``model`` and ``device``.
        output_file: CSV or Parquet to write.
        model: Model of rows that name none.
        conditions: Device of rows that name none, and further conditions of all rows.
        confidence: Of every interval, 0.5 to 0.99.
        parallel: Answers to each prompt generated at once.
    """

    input_file: Path
    output_file: Path
    model: str | None
    conditions: Conditions
    confidence: float = DEFAULT_CONFIDENCE
    parallel: int = SINGLE

    @property
    def rejected_file(self) -> Path:
        """Where rows that cannot be priced are written."""
        return self.output_file.with_suffix(REJECTED_SUFFIX)


def price_table(predictor: Predictor, request: BatchRequest) -> BatchSummary:
    """Price every row of a table; the output appears only when all of it is written.

    Args:
        predictor: The models of an artifact.
        request: The table.

    Raises:
        DataError: If the table cannot be read, would be overwritten or lacks a column.
        RequestError: If the default model is unknown, or the rows name none and there is none, or
            no interval is offered for the confidence, or nobody asks for so many answers.
    """
    check_confidence(request.confidence)
    check_parallel(request.parallel)
    _refuse_paths(request)
    try:
        table = _scan(request.input_file)
        columns = table.collect_schema().names()
        _refuse_columns(columns, request)
        models = _eligible(predictor, columns, request)
        counts = _write(_judged(table, columns, models, request), columns, models, request)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"expected {request.input_file} to be a whole {request.input_file.suffix} file, "
            f"got: {first_line}"
        ) from error
    rejected = {reason: rows for reason, rows, _ in counts.iter_rows() if reason is not None}
    if not rejected:
        remove_stale(request.rejected_file)
    return BatchSummary(
        input_file=str(request.input_file),
        output_file=str(request.output_file),
        read_rows=int(counts.get_column("rows").sum()),
        predicted_rows=int(counts.filter(pl.col(REASON).is_null()).get_column("rows").sum()),
        extrapolated_rows=int(counts.get_column("extrapolated").sum()),
        rejected_counts=rejected,
        rejected_file=str(request.rejected_file) if rejected else None,
    )


def _refuse_paths(request: BatchRequest) -> None:
    """Refuse files that cannot be read or must not be written."""
    source, target = request.input_file, request.output_file
    for path in (source, target):
        if path.suffix.lower() not in (CSV, PARQUET):
            raise DataError(f"expected {path} to end in {CSV} or {PARQUET}, got {path.suffix!r}")
    try:
        with source.open("rb") as file:
            if not file.read(1):
                raise DataError(f"expected requests in {source}, got an empty file")
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror}") from error
    if source.resolve() in (target.resolve(), request.rejected_file.resolve()):
        raise DataError(f"writing {target} would overwrite the input; choose another --output-file")


def _scan(path: Path) -> pl.LazyFrame:
    """Scan a table; the cells of a CSV file stay the text they are."""
    if path.suffix.lower() == PARQUET:
        return pl.scan_parquet(path)
    return pl.scan_csv(path, infer_schema=False)


def _refuse_columns(columns: Sequence[str], request: BatchRequest) -> None:
    """Refuse a table that lacks a column or has one that pricing would replace."""
    missing = [name for name in COUNTS if name not in columns]
    if missing:
        raise DataError(
            f"expected the column {missing[0]} in {request.input_file}, got {', '.join(columns)}"
        )
    taken = [name for name in columns if name in (*PREDICTED_COLUMNS, REASON)]
    if taken:
        raise DataError(
            f"{request.input_file} already has the column {taken[0]}, which would be replaced; "
            "rename it"
        )
    if MODEL not in columns and request.model is None:
        raise RequestError(
            f"expected a column model in {request.input_file} or --model NAME, got neither"
        )


def _eligible(
    predictor: Predictor, columns: Sequence[str], request: BatchRequest
) -> list[FittedModel]:
    """Return the models that rows can name."""
    row_device = DEVICE in columns
    conditions = replace(request.conditions, device=None) if row_device else request.conditions
    if MODEL not in columns and not row_device and request.model is not None:
        return [predictor.select(request.model, conditions).model]
    eligible: Sequence[ModelPredictor] = predictor.choose((), conditions)
    if request.model is not None:
        named = [p for p in eligible if p.model.record.answers_to(request.model)]
        if not named:
            predictor.select(request.model, conditions)
    return [priced.model for priced in eligible]


def _judged(
    table: pl.LazyFrame,
    columns: Sequence[str],
    models: Sequence[FittedModel],
    request: BatchRequest,
) -> pl.LazyFrame:
    """Add numbers, the answering model and the reason why a row cannot be priced."""
    model = _stated(columns, MODEL, request.model).str.to_lowercase()
    device = _stated(columns, DEVICE, request.conditions.device)
    answers = [
        model.is_in([name.lower() for name in (m.record.id, m.record.name, *m.record.aliases)])
        & (device.is_null() | (device == m.record.device))
        for m in models
    ]
    answering = (pl.when(answer).then(number) for number, answer in enumerate(answers))
    matches = pl.sum_horizontal(*(answer.fill_null(value=False) for answer in answers))
    return (
        table.with_columns(
            cell(name).cast(pl.Float64, strict=False).alias(number)
            for name, number in COUNTS.items()
        )
        .with_columns(pl.coalesce(*answering).alias(ANSWERING))
        .with_columns(pl.coalesce(*_reasons(model, matches)).alias(REASON))
    )


def _stated(columns: Sequence[str], name: str, default: str | None) -> pl.Expr:
    """Return what a row says, else the default."""
    fallback = pl.lit(default, dtype=pl.String)
    return pl.coalesce(cell(name), fallback) if name in columns else fallback


def _reasons(model: pl.Expr, matches: pl.Expr) -> Iterator[pl.Expr]:
    """Yield why a row cannot be priced, each null where it is no reason."""
    for name, number in COUNTS.items():
        yield from broken_counts(name, pl.col(number))
    yield pl.when(model.is_null()).then(pl.lit("model is missing"))
    yield pl.when(matches == 0).then(pl.lit("no trained model of this name and device"))
    yield pl.when(matches > 1).then(pl.lit("model trained more than once: state the device"))


def _write(
    judged: pl.LazyFrame,
    columns: Sequence[str],
    models: Sequence[FittedModel],
    request: BatchRequest,
) -> pl.DataFrame:
    """Write priced and rejected rows; return how many rows each reason has."""
    good = pl.col(REASON).is_null()
    priced = judged.filter(good).with_columns(_predictions(models, request))
    if request.input_file.suffix.lower() == CSV and request.output_file.suffix.lower() == PARQUET:
        whole = (pl.col(number).cast(pl.Int64).alias(name) for name, number in COUNTS.items())
        priced = priced.with_columns(*whole)
    rejected = judged.filter(~good).select(cs.by_name(columns) - cs.nested(), REASON)
    counts = (
        pl.concat(
            (
                priced.select(pl.lit(None, pl.String).alias(REASON), "extrapolated"),
                rejected.select(REASON, pl.lit(value=False).alias("extrapolated")),
            )
        )
        .group_by(REASON)
        .agg(pl.len().alias("rows"), pl.col("extrapolated").sum())
        .sort("rows", REASON, descending=[True, False])
    )
    with replacing(request.output_file) as output, replacing(request.rejected_file) as aside:
        finished = priced.select(*columns, *PREDICTED_COLUMNS)
        if output.suffix.lower() == PARQUET:
            sink = finished.sink_parquet(output, lazy=True)
        else:
            sink = finished.sink_csv(output, lazy=True)
        *_, counted = pl.collect_all((sink, rejected.sink_csv(aside, lazy=True), counts))
        if not counted.get_column(REASON).is_not_null().any():
            aside.unlink()
    return counted


def _predictions(models: Sequence[FittedModel], request: BatchRequest) -> list[pl.Expr]:
    """Return the prediction columns, each row priced by the model that answers to it."""
    costs = [
        expressions(model, pl.col(INPUT), pl.col(OUTPUT), request.confidence, request.parallel)
        for model in models
    ]
    return [
        pl.coalesce(
            pl.when(pl.col(ANSWERING) == number).then(cost[name])
            for number, cost in enumerate(costs)
        ).alias(name)
        for name in PREDICTED_COLUMNS
    ]
