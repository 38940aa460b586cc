"""What Polars raises on a table that is not what it says."""

from __future__ import annotations

import polars as pl

TABLE_ERRORS = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""Its errors; and panics, by which its native code gives up on some damaged Parquet files."""
