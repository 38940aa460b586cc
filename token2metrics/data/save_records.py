"""Write records as a table that ``train`` reads, and read such a table back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import polars as pl

from token2metrics.data.spreadsheet import inert
from token2metrics.errors import DataError
from token2metrics.files import replacing
from token2metrics.records import Record

COLUMN_TYPES: dict[str, pl.DataType] = {
    "phase": pl.String(),
    "input_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
    "latency_s": pl.Float64(),
    "device": pl.String(),
    "power_mode": pl.String(),
    "runtime": pl.String(),
    "runtime_version": pl.String(),
    "precision": pl.String(),
    "model": pl.String(),
    "parallel": pl.Int64(),
    "energy_j": pl.Float64(),
    "energy_window_s": pl.Float64(),
    "energy_samples": pl.Float64(),
    "power_w": pl.Float64(),
    "power_rail": pl.String(),
    "power_scope": pl.String(),
    "repeats": pl.Int64(),
    "repeat": pl.Int64(),
    "source": pl.String(),
    "clock": pl.String(),
    "cached_tokens": pl.Int64(),
    "asked_input_tokens": pl.Int64(),
    "asked_output_tokens": pl.Int64(),
    "finish_reason": pl.String(),
    "started_at_s": pl.Float64(),
    "temperature_c": pl.Float64(),
    "quality_flags": pl.String(),
    "note": pl.String(),
}
"""Column types of a table of records, in the order of ``Record``."""


def frame_of(records: Sequence[Record]) -> pl.DataFrame:
    """Return records as a table with a column per field.

    Args:
        records: Any number of records, none included.
    """
    rows = [msgspec.to_builtins(record) for record in records]
    return pl.DataFrame(rows, schema=COLUMN_TYPES, orient="row")


def save_records(path: Path, records: Sequence[Record]) -> None:
    """Replace a file by a table of records in one step.

    Args:
        path: A ``.parquet``, ``.csv`` or ``.jsonl`` file.
        records: The rows.

    Raises:
        DataError: If the ending is none of these.
        ConfigurationError: If the file cannot be written.
    """
    write = writer_of(path)
    with replacing(path) as partial:
        write(frame_of(records), partial)


def writer_of(path: Path) -> Callable[[pl.DataFrame, Path], None]:
    """Return what writes a table to a file of this ending.

    Raises:
        DataError: If no table is written under such an ending.
    """
    writer = WRITERS.get(path.suffix.lower())
    if writer is None:
        known = ", ".join(WRITERS)
        raise DataError(
            f"expected the output to end in one of {known}, got {path.name!r}; rename it"
        )
    return writer


WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: inert(frame.lazy()).collect().write_csv(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}
"""How each kind of table is written."""
