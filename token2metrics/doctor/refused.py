"""Rules that report what the row rules refuse, each under the name of its defect."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import FILE, ROW
from token2metrics.doctor.lines import SURPLUS_FIELDS
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import FAILURE, PLACE, SET_ASIDE, SETTING, Table
from token2metrics.doctor.units import IMPLAUSIBLE_POWER, WRONG_TIMES
from token2metrics.processors.rules import DUPLICATE
from token2metrics.processors.validate import CATEGORY, ENERGY_SET_ASIDE, IDLE_POWER, REASON
from token2metrics.vocabulary import Phase

NO_STEP = "no decode step"
FLAGGED = "bad quality flag"
NO_TIME = "latency_s is not above 0"
REPORTED_ELSEWHERE = (SET_ASIDE, NO_STEP, SURPLUS_FIELDS, FLAGGED, DUPLICATE, *WRONG_TIMES)
LEAST_SINGLE = 0.9
"""Where so many settings of a file were measured once, a second time is no planned repeat."""


def no_decode_step(table: Table) -> pl.DataFrame:
    """Find decodes of one output token with no latency."""
    return _of_category(table, NO_STEP, pl.col("latency_s"), pl.col("output_tokens"))


def flagged(table: Table) -> pl.DataFrame:
    """Find rows that their own source distrusts."""
    return _of_category(table, FLAGGED)


def set_aside(table: Table) -> pl.DataFrame:
    """Find entries of another tool's file that its reader could not use."""
    return _of_category(table, SET_ASIDE)


def unusable_cells(table: Table) -> pl.DataFrame:
    """Find rows that break any other row rule."""
    others = table.rows.filter(
        pl.col(CATEGORY).is_not_null(), ~pl.col(CATEGORY).is_in(REPORTED_ELSEWHERE)
    )
    return findings(others, pl.lit(None, pl.Float64), pl.lit(None, pl.Float64), pl.col(REASON))


def unusable_energies(table: Table) -> pl.DataFrame:
    """Find energies that break an energy rule."""
    lost = table.rows.filter(
        pl.col(ENERGY_SET_ASIDE).is_not_null(),
        ~pl.col(ENERGY_SET_ASIDE).is_in((IDLE_POWER, IMPLAUSIBLE_POWER)),
    )
    nothing = pl.lit(None, pl.Float64)
    return findings(lost, nothing, nothing, pl.col(ENERGY_SET_ASIDE))


def duplicates(table: Table) -> pl.DataFrame:
    """Find rows equal to an earlier one in every cell."""
    return _of_category(table, DUPLICATE)


def repeated_keys(table: Table) -> pl.DataFrame:
    """Find settings measured twice in a file that measures nearly all of them once."""
    times = pl.len().over(FILE, *SETTING)
    rows = table.usable.sort(PLACE).with_columns(
        (times > 1).alias("again"),
        (times == 1).mean().over(FILE).alias("single"),
        pl.col(ROW).cum_count().over(FILE, *SETTING).alias("time"),
        pl.col("latency_s").first().over(FILE, *SETTING).alias("first_s"),
    )
    later = rows.filter("again", pl.col("single") >= LEAST_SINGLE, pl.col("time") > 1)
    return findings(later, pl.col("latency_s"), pl.col("first_s"))


def failed_runs(table: Table) -> pl.DataFrame:
    """Find files in which every prefill and request took no time, or is marked as failed."""
    instant = (pl.col(CATEGORY) == NO_TIME) & (pl.col("latency_s") == 0)
    told = pl.col(CATEGORY).is_in((FLAGGED, SET_ASIDE)) & pl.col(REASON).str.contains(FAILURE)
    rows = table.rows.filter(pl.col("phase").str.to_lowercase().ne_missing(str(Phase.DECODE)))
    failed = (instant | told).fill_null(value=False)
    all_failed = rows.filter(failed.all().over(FILE))
    return findings(all_failed, pl.col("latency_s"), pl.lit(None, pl.Float64), pl.col(REASON))


def _of_category(
    table: Table, category: str, found: pl.Expr | None = None, expected: pl.Expr | None = None
) -> pl.DataFrame:
    """Return the rows refused under one name."""
    nothing = pl.lit(None, pl.Float64)
    refused = table.rows.filter(pl.col(CATEGORY) == category)
    return findings(
        refused,
        nothing if found is None else found,
        nothing if expected is None else expected,
        pl.col(REASON),
    )


NO_STEP_RULE = Rule(
    name="decode without a step",
    looks_for="a decode of one output token with no latency",
    severity=Severity.NOTE,
    action=Action.REJECT,
    advice="nothing to do: one output token takes no decode step",
    found="latency_s",
    expected="output_tokens",
    check=no_decode_step,
)
FLAGGED_ROWS = Rule(
    name="flagged by its source",
    looks_for="a quality flag that says not to use the row",
    severity=Severity.NOTE,
    action=Action.REJECT,
    advice="nothing to do",
    found="",
    expected="",
    check=flagged,
)
SET_ASIDE_ENTRIES = Rule(
    name="entry set aside",
    looks_for="an entry of another tool's file from which nothing can be learnt",
    severity=Severity.NOTE,
    action=Action.REJECT,
    advice="see the reason of each",
    found="",
    expected="",
    check=set_aside,
)
UNUSABLE_CELLS = Rule(
    name="unusable row",
    looks_for="a cell that is missing, no number, or impossible",
    severity=Severity.ERROR,
    action=Action.REJECT,
    advice="correct the cell, or remove the row",
    found="",
    expected="",
    check=unusable_cells,
)
UNUSABLE_ENERGIES = Rule(
    name="unusable energy",
    looks_for="an energy, its window or its samples that cannot be right",
    severity=Severity.WARNING,
    action=Action.REJECT_ENERGY,
    advice="correct the energy, or leave it empty",
    found="",
    expected="",
    check=unusable_energies,
)
DUPLICATES = Rule(
    name="duplicate row",
    looks_for="a row equal to an earlier one in every cell",
    severity=Severity.WARNING,
    action=Action.REJECT,
    advice="remove the copies",
    found="",
    expected="",
    check=duplicates,
)
REPEATED_KEYS = Rule(
    name="repeated key",
    looks_for="a setting that occurs twice in a file that measures nearly all of them once",
    severity=Severity.NOTE,
    action=Action.KEEP,
    advice="training takes the median; check that both belong to the same setting",
    found="latency_s",
    expected="latency_s before",
    check=repeated_keys,
)
FAILED_RUNS = Rule(
    name="failed run",
    looks_for="a file in which every request failed, with a time to the first token of 0",
    severity=Severity.ERROR,
    action=Action.REJECT,
    advice="run it again: a fit that trusts it learns that prefill is free",
    found="latency_s",
    expected="",
    check=failed_runs,
)
