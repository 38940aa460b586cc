"""The seam of the data doctor: what a rule says of itself, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from token2metrics.columns import FILE, ROW
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import PLACE, Table

FOUND = "found"
EXPECTED = "expected"
NOTE = "note"
FINDING_SCHEMA: dict[str, pl.DataType] = {
    PLACE: pl.UInt32(),
    FILE: pl.String(),
    ROW: pl.UInt32(),
    FOUND: pl.Float64(),
    EXPECTED: pl.Float64(),
    NOTE: pl.String(),
}
"""Columns of findings, a row per bad row: its place in the table, file and number, the two
numbers compared, and words where numbers do not tell."""


Check = Callable[[Table], pl.DataFrame]
"""From a table to findings; the order of its rows matters to the cold rule alone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One defect that measurements can have.

    Attributes:
        name: What the defect is filed under.
        looks_for: The defect, in one sentence.
        severity: An error must be fixed.
        action: What training does about the rows.
        advice: What the user can do.
        found: What the first number of a finding is.
        expected: What it is compared with.
        check: Finds the rows.
    """

    name: str
    looks_for: str
    severity: Severity
    action: Action
    advice: str
    found: str
    expected: str
    check: Check


def findings(
    rows: pl.DataFrame, found: pl.Expr, expected: pl.Expr, note: pl.Expr | None = None
) -> pl.DataFrame:
    """Return a finding for every one of some rows.

    Args:
        rows: The bad rows.
        found: The number that is wrong.
        expected: What it was compared with.
        note: What numbers do not tell.
    """
    compared = (
        pl.col(PLACE, FILE, ROW),
        found.cast(pl.Float64).alias(FOUND),
        expected.cast(pl.Float64).alias(EXPECTED),
        (pl.lit(None, pl.String) if note is None else note).alias(NOTE),
    )
    return rows.select(compared).cast(pl.Schema(FINDING_SCHEMA))


def nothing() -> pl.DataFrame:
    """Return no finding."""
    return pl.DataFrame(schema=FINDING_SCHEMA)
