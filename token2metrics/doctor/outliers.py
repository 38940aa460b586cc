"""Rule: a single row far off its repeats or its nearest lengths."""

from __future__ import annotations

import polars as pl

from token2metrics.doctor.local import ALLOWED, DEVIATION, EXPECTED_RATE, with_expectation
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import RATE, Table


def check(table: Table) -> pl.DataFrame:
    """Find rows whose rate differs from the expected one by more than the others do."""
    judged = with_expectation(table.usable)
    off = judged.filter(pl.col(DEVIATION).abs() > pl.col(ALLOWED))
    expected_s = pl.col("latency_s") * pl.col(EXPECTED_RATE) / pl.col(RATE)
    return findings(off, pl.col("latency_s"), expected_s)


OUTLIERS = Rule(
    name="single outlier",
    looks_for="a latency far off its repeats, or off the nearest lengths on either side",
    severity=Severity.WARNING,
    action=Action.REJECT,
    advice="measure it again, or remove it",
    found="latency_s",
    expected="latency_s of its neighbours",
    check=check,
)
