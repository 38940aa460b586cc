"""Price a lazy table by one model, each step once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.prediction.program import INPUTS, build_program
from token2metrics.prediction.staged import HIDDEN, with_program

COUNTS = {name: f"{HIDDEN}{name}" for name in INPUTS}
"""Columns of floats that exist only while a table is priced."""


def price_lazily(
    model: FittedModel,
    table: pl.LazyFrame,
    columns: tuple[str, str],
    names: Sequence[str],
    confidence: float,
    parallel: int,
) -> pl.LazyFrame:
    """Add what requests cost to a lazy table.

    Args:
        model: The fitted model.
        table: The requests.
        columns: Columns of input and output tokens, whole and >= 0.
        names: Wanted quantities.
        confidence: Of every interval.
        parallel: Answers generated at once.

    Raises:
        RequestError: If the table lacks a column, or has one that would be replaced.
    """
    present = table.collect_schema().names()
    missing = [name for name in columns if name not in present]
    if missing:
        raise RequestError(f"expected the column {missing[0]}, got {', '.join(present)}")
    taken = [name for name in names if name in present]
    if taken:
        raise RequestError(f"expected no column {taken[0]}, which would be replaced; rename it")
    counts = zip(columns, COUNTS.values(), strict=True)
    counted = table.with_columns(pl.col(name).cast(pl.Float64).alias(own) for name, own in counts)
    program = build_program(model, names, confidence, parallel)
    return with_program(counted, program, COUNTS).select(*present, *names)
