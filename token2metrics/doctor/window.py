"""Rule: an energy window that outlasts the work."""

from __future__ import annotations

import polars as pl

from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import Table

MOST_WINDOW = 1.25
"""A window may be this many times as long as the work."""


def check(table: Table) -> pl.DataFrame:
    """Find windows well above their latency."""
    window_s = pl.col("energy_window_s")
    tailed = table.metered.filter(window_s > MOST_WINDOW * pl.col("latency_s"))
    return findings(tailed, window_s, pl.col("latency_s"))


IDLE_TAIL = Rule(
    name="idle tail",
    looks_for="an energy window well above the latency: it holds idle energy",
    severity=Severity.NOTE,
    action=Action.KEEP,
    advice="training integrates the power over the whole window, its tail included",
    found="energy_window_s",
    expected="latency_s",
    check=check,
)
