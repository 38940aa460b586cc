"""Which cells are token counts that a request can have."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from token2metrics.vocabulary import MAX_TOKENS


def cell(name: str) -> pl.Expr:
    """Return a column as text, blank cells as null."""
    stripped = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def broken_counts(name: str, value: pl.Expr) -> Iterator[pl.Expr]:
    """Yield why the cells of a column are no token counts, each null where it is no reason.

    Args:
        name: The column.
        value: Its cells as numbers, null where they are none.
    """
    rules = {
        "is missing": cell(name).is_null(),
        "is not a number": ~value.is_finite().fill_null(value=False),
        "is not a whole number": value != value.floor(),
        "is negative": value < 0,
        f"is above {MAX_TOKENS}": value > MAX_TOKENS,
    }
    for rule, broken in rules.items():
        yield pl.when(broken).then(pl.lit(f"{name} {rule}"))
