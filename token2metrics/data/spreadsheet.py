"""Tables written as CSV that a spreadsheet program can open without running what is in them."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs

from token2metrics.files import FORMULA, NUMBER, QUOTE, inert_text


def inert(table: pl.LazyFrame) -> pl.LazyFrame:
    """Return a table whose texts and names are those of ``files.inert_text``.

    Args:
        table: What is written as CSV.
    """
    text = (cs.string() | cs.categorical() | cs.enum()).cast(pl.String)
    is_formula = text.str.contains(f"(?s){FORMULA}") & ~text.str.contains(f"^(?:{NUMBER})$")
    cells = pl.when(is_formula).then(text.str.replace("^", QUOTE)).otherwise(text)
    return table.with_columns(cells).rename(inert_text)
