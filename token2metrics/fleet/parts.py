"""A table cut into parts of whole curves, so that memory and workers are bounded by one part."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from token2metrics.fleet.columns import LATENCY
from token2metrics.fleet.read import CATEGORY, Reading

ROWS_PER_PART = 500_000
ROW_GROUP_ROWS = 1 << 15
"""Rows that each part gathers before it writes them."""

PART = "part"
HASH_SEED = 0
ROWS_FOLDER = "rows"


def cut(
    reading: Reading, by: tuple[str, ...], folder: Path, parts: int
) -> tuple[list[Path], dict[str, int]]:
    """Write the rows of each part to a file of its own, all rows of a curve to the same.

    Args:
        reading: The table.
        by: Columns that tell curves apart.
        folder: Where the parts go.
        parts: How many.

    Returns:
        The files that have rows, and how many rows were rejected by each rule, most first.
    """
    rows = reading.rows.with_columns(
        (pl.struct(by).hash(HASH_SEED) % parts).cast(pl.UInt32).alias(PART)
    )
    target = pl.PartitionBy(
        folder / ROWS_FOLDER, key=PART, include_key=False, approximate_bytes_per_file=None
    )
    counts = reading.rejected.group_by(CATEGORY).len()
    _, counted = pl.collect_all(
        (
            rows.sink_parquet(target, mkdir=True, row_group_size=ROW_GROUP_ROWS, lazy=True),
            counts,
        ),
        engine="streaming",
    )
    ordered = counted.sort("len", CATEGORY, descending=[True, False])
    return sorted((folder / ROWS_FOLDER).rglob("*.parquet")), dict(ordered.iter_rows())


def parts_for(reading: Reading) -> int:
    """Return into how many parts a table is cut, whoever fits them."""
    rows = int(reading.rows.select(pl.len()).collect(engine="streaming").item())
    return max(1, -(-rows // ROWS_PER_PART))


def usable_rows(files: list[Path]) -> int:
    """Return how many usable rows the parts have."""
    counted = pl.scan_parquet(files, glob=False).select(pl.col(LATENCY).count())
    return int(counted.collect(engine="streaming").item())
