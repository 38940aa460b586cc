"""Price a table of requests lazily, setting aside the rows no request can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from token2metrics.artifact.fitted import FittedModel
from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.spreadsheet import inert
from token2metrics.errors import DataError
from token2metrics.files import remove_stale, replacing
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.answering import Answering, who_answers
from token2metrics.prediction.checks import check_parallel
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.count_rules import broken_counts, number
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.program import build_program
from token2metrics.prediction.result import BatchSummary
from token2metrics.prediction.staged import HIDDEN, NOT_SEARCHED, with_programs

REASON = "reason"
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
        answering = who_answers(predictor, columns, request.model, request.conditions)
        counts = _write(_judged(table, answering), columns, answering.models, request)
    except TABLE_ERRORS as error:
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
        return pl.scan_parquet(path, glob=False)
    return pl.scan_csv(path, infer_schema=False, glob=False)


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


def _judged(table: pl.LazyFrame, answering: Answering) -> pl.LazyFrame:
    """Add numbers, the answering model and the reason why a row cannot be priced."""
    reasons = [
        *(one for name, count in COUNTS.items() for one in broken_counts(name, pl.col(count))),
        *answering.reasons(),
    ]
    return (
        table.with_columns(number(name).alias(count) for name, count in COUNTS.items())
        .with_columns(answering.number().alias(ANSWERING))
        .with_columns(pl.coalesce(*reasons).alias(REASON))
    )


def _write(
    judged: pl.LazyFrame,
    columns: Sequence[str],
    models: Sequence[FittedModel],
    request: BatchRequest,
) -> pl.DataFrame:
    """Write priced and rejected rows; return how many rows each reason has."""
    good = pl.col(REASON).is_null()
    programs = [
        build_program(model, PREDICTED_COLUMNS, request.confidence, request.parallel)
        for model in models
    ]
    priced = with_programs(judged.filter(good), programs, ANSWERING, COUNTS)
    if request.input_file.suffix.lower() == CSV and request.output_file.suffix.lower() == PARQUET:
        whole = (pl.col(count).cast(pl.Int64).alias(name) for name, count in COUNTS.items())
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
            sink = inert(finished).sink_csv(output, lazy=True)
        queries = (sink, inert(rejected).sink_csv(aside, lazy=True), counts)
        *_, counted = pl.collect_all(queries, optimizations=NOT_SEARCHED)
        if not counted.get_column(REASON).is_not_null().any():
            aside.unlink()
    return counted
