"""Which cells are token counts that a request can have."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from token2metrics.vocabulary import MAX_TOKENS


def cell(name: str) -> pl.Expr:
    """Return a column as text, blank cells as null."""
    stripped = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def number(name: str, kind: pl.DataType | None = None) -> pl.Expr:
    """Return a column as floats, null where a cell is no number.

    Args:
        name: The column.
        kind: Its type where it is known, so that numbers are not read from text.
    """
    if kind is not None and kind.is_numeric():
        return pl.col(name).cast(pl.Float64)
    return cell(name).cast(pl.Float64, strict=False)


def is_sound(value: pl.Expr) -> pl.Expr:
    """Return whether numbers are token counts: where no rule of ``broken_counts`` is broken."""
    sound = value.is_between(0, MAX_TOKENS) & (value == value.floor())
    return sound.fill_null(value=False)


def broken_counts(name: str, value: pl.Expr, text: pl.Expr | None = None) -> Iterator[pl.Expr]:
    """Yield why the cells of a column are no token counts, each null where it is no reason.

    Args:
        name: What reasons call the column.
        value: Its cells as numbers, null where they are none.
        text: Its cells as text, blank ones as null; None where the column has this name.
    """
    rules = {
        "is missing": (cell(name) if text is None else text).is_null(),
        "is not a number": ~value.is_finite().fill_null(value=False),
        "is not a whole number": value != value.floor(),
        "is negative": value < 0,
        f"is above {MAX_TOKENS}": value > MAX_TOKENS,
    }
    for rule, broken in rules.items():
        yield pl.when(broken).then(pl.lit(f"{name} {rule}"))
