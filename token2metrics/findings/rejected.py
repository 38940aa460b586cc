"""Rows that were not used, by file and reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from token2metrics.columns import FILE, PROVENANCE
from token2metrics.findings.findings import RejectedRows
from token2metrics.processors.validate import CATEGORY, REASON


def rejected_rows(tables: Sequence[pl.DataFrame]) -> tuple[RejectedRows, ...]:
    """Count rejected rows by file and category, the most first.

    A row that several choices of measurements reject counts once, for the first of them.

    Args:
        tables: Rejected rows as preparing them gives them.
    """
    chosen = [table.select(*PROVENANCE, CATEGORY, REASON) for table in tables if table.height]
    if not chosen:
        return ()
    rows = pl.concat(chosen).unique(PROVENANCE, keep="first", maintain_order=True)
    counted = (
        rows.group_by(FILE, CATEGORY, maintain_order=True)
        .agg(pl.col(REASON).first(), pl.len().alias("rows"))
        .sort("rows", descending=True, maintain_order=True)
    )
    return tuple(
        RejectedRows(file=Path(file).name, category=category, reason=reason, rows=rows)
        for file, category, reason, rows in counted.iter_rows()
    )
