"""Read the rows of a partition, each with what is wrong with its line, if anything is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl
import polars.selectors as cs

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.errors import DataError
from token2metrics.prediction.staged import HIDDEN
from token2metrics.scoring.inputs import Kind, Source, unreadable
from token2metrics.scoring.partitions import NEWLINE, Partition

DEFECT = f"{HIDDEN}defect"
"""Why a line could not be read, null where it could; only text files have it."""

ROW = f"{HIDDEN}row"
SURPLUS = f"{HIDDEN}surplus"
LOOKED_AT_ROWS = 1_000
EMPTY_OBJECT = b"{}"
TOO_MANY_FIELDS = "too many fields"
NO_OBJECT = "not a JSON object"

Schema = dict[str, pl.DataType]


def schema_of(source: Source) -> Schema:
    """Return the columns of a trace file that can be read; the cells of text files are text.

    Args:
        source: The file.

    Raises:
        DataError: If it is damaged or has no columns.
    """
    try:
        return SCHEMAS[source.kind](source)
    except (*TABLE_ERRORS, OSError, csv.Error) as error:
        raise unreadable(source.path, source.kind, error) from error


def _parquet_schema(source: Source) -> Schema:
    """Return the columns and types of a Parquet file."""
    return dict(_scan_parquet(source).collect_schema())


def _csv_schema(source: Source) -> Schema:
    """Return the header of a CSV file."""
    if source.remote:
        return dict(pl.scan_csv(source.path, infer_schema=False).collect_schema())
    with Path(source.path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = [name.strip() for name in next(csv.reader(file), [])]
    if not names or len(set(names)) < len(names) or not all(names):
        raise DataError(
            f"expected distinct column names in the first line of {source.path}, got "
            f"{', '.join(names) or 'nothing'}"
        )
    return {name: pl.String() for name in names}


def _json_schema(source: Source) -> Schema:
    """Return the plain keys among the first objects of a file."""
    if source.remote:
        first = pl.scan_ndjson(source.path, n_rows=LOOKED_AT_ROWS, ignore_errors=True).collect()
    else:
        with Path(source.path).open("rb") as file:
            lines = [line for line, _ in zip(file, range(LOOKED_AT_ROWS), strict=False)]
        sound = [line for line in lines if _is_object(line)]
        if not sound:
            raise DataError(f"expected a JSON object in each line of {source.path}, got none")
        first = pl.read_ndjson(b"".join(sound), infer_schema_length=None)
    return {name: pl.String() for name in first.select(~cs.nested()).columns}


SCHEMAS: dict[Kind, Callable[[Source], Schema]] = {
    Kind.PARQUET: _parquet_schema,
    Kind.CSV: _csv_schema,
    Kind.JSON_LINES: _json_schema,
}
"""How the columns of each kind are found."""


def read_partition(partition: Partition, schema: Schema) -> pl.LazyFrame:
    """Scan the rows of a partition.

    Args:
        partition: What to read.
        schema: The columns of its file.
    """
    source = partition.source
    if source.kind is Kind.PARQUET:
        whole = _scan_parquet(source)
        return whole.slice(partition.first_row, partition.rows)
    text = source.path if source.remote else _lines_of(partition)
    if source.kind is Kind.CSV:
        return _scan_csv(text, schema, skipped=1 if source.remote else 0)
    return _scan_json(text, schema)


def _scan_parquet(source: Source) -> pl.LazyFrame:
    """Scan a Parquet file."""
    return pl.scan_parquet(source.path, glob=False)


def _lines_of(partition: Partition) -> bytes:
    """Return the bytes of a partition."""
    with Path(partition.source.path).open("rb") as file:
        file.seek(partition.first_byte)
        assert partition.end_byte is not None
        return file.read(partition.end_byte - partition.first_byte)


def _scan_csv(text: bytes | str, schema: Schema, skipped: int) -> pl.LazyFrame:
    """Scan CSV lines; a line with too many fields says so."""
    columns: Schema = {**schema, SURPLUS: pl.String()}
    if not text:
        table = pl.LazyFrame(schema=columns)
    else:
        table = pl.scan_csv(
            io.BytesIO(text) if isinstance(text, bytes) else text,
            has_header=False,
            skip_rows=skipped,
            schema=columns,
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    defect = pl.when(pl.col(SURPLUS).is_not_null()).then(pl.lit(TOO_MANY_FIELDS))
    return table.select(*schema, defect.alias(DEFECT))


def _scan_json(text: bytes | str, schema: Schema) -> pl.LazyFrame:
    """Scan lines of JSON; a line that is no object says so."""
    nothing = pl.lit(None, dtype=pl.String).alias(DEFECT)
    if isinstance(text, str):
        return pl.scan_ndjson(text, schema=schema).with_columns(nothing)
    lines = text.removesuffix(NEWLINE).split(NEWLINE) if text else []
    if not lines:
        return pl.LazyFrame(schema=schema).with_columns(nothing)
    broken = [place for place, line in enumerate(lines) if not _is_object(line)]
    for place in broken:
        lines[place] = EMPTY_OBJECT
    mended = NEWLINE.join(lines)
    table = pl.scan_ndjson(io.BytesIO(mended), schema=schema)
    if not broken:
        return table.with_columns(nothing)
    defect = pl.when(pl.col(ROW).is_in(broken)).then(pl.lit(NO_OBJECT))
    return table.with_row_index(ROW).with_columns(defect.alias(DEFECT)).drop(ROW)


def _is_object(line: bytes) -> bool:
    """Return whether a line is one JSON object."""
    try:
        return isinstance(DECODER.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


DECODER = msgspec.json.Decoder()
