"""Rules: energies of several rails in one table, named or not."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import CONDITIONS, FILE
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import GROUP, Table
from token2metrics.processors.rules import MEAN_POWER

BOARD = ("device", CONDITIONS[0], "power_rail")
LEVEL_GROUP = (*GROUP, "power_rail")
STEADY_S = 2.0
"""Shorter windows lie on the ramp of the power."""

LEAST_GAP = 0.18
"""Logarithm between two levels: about a fifth, more than power varies at one load."""

FEWEST_OF_A_LEVEL = 3
LEAST_GAP_IN_SPREADS = 3.0
"""The gap is this many times as wide as either level is spread."""

LOWER, UPPER = 0.1, 0.9
LOG_POWER, GAP, WIDEST, EDGE, HIGH = "log_power", "gap", "widest", "edge", "high"
USUAL, USUAL_W = "usual", "usual_w"


def several_names(table: Table) -> pl.DataFrame:
    """Find energies metered on another rail than most of their device's."""
    device = ("device", CONDITIONS[0])
    rails = table.metered.with_columns(
        pl.col("power_rail").fill_null("").alias("rail"),
    ).with_columns(pl.len().over(*device, "rail").alias("votes"))
    most = pl.col("rail").sort_by("votes", "rail", descending=[True, False]).first()
    other = rails.with_columns(most.over(device).alias("usual")).filter(
        pl.col("rail") != pl.col("usual")
    )
    return findings(
        other,
        pl.col(MEAN_POWER),
        pl.lit(None, pl.Float64),
        pl.format("rail '{}', most rows have '{}'", "rail", "usual"),
    )


def two_levels(table: Table) -> pl.DataFrame:
    """Find powers of one name that lie at two levels over the same latencies.

    Of each board the level with more rows is right. A source whose steady rows all lie at the
    other one loses its short rows too.
    """
    sided = _sides(table.metered.filter(pl.col("latency_s") >= STEADY_S))
    told = _told(sided)
    usual = (
        sided.join(told, on=LEVEL_GROUP, how="semi", nulls_equal=True)
        .group_by(BOARD)
        .agg((pl.col(HIGH).mean() > 0.5).alias(USUAL))
    )
    steady = sided.join(told, on=LEVEL_GROUP, nulls_equal=True).join(
        usual, on=BOARD, nulls_equal=True
    )
    wrong = steady.with_columns(
        pl.when(pl.col(USUAL)).then("upper_w").otherwise("lower_w").alias(USUAL_W)
    ).filter(pl.col(HIGH) != pl.col(USUAL))
    right = steady.filter(pl.col(HIGH) == pl.col(USUAL))
    source = (*LEVEL_GROUP, FILE, "source")
    sources = wrong.select(*source, USUAL_W).unique()
    whole = sources.join(right, on=source, how="anti", nulls_equal=True)
    short = table.metered.filter(pl.col("latency_s") < STEADY_S).join(
        whole, on=source, nulls_equal=True
    )
    return pl.concat(findings(rows, pl.col(MEAN_POWER), pl.col(USUAL_W)) for rows in (wrong, short))


def _sides(steady: pl.DataFrame) -> pl.DataFrame:
    """Split the powers of each group at their widest gap, where it is wide."""
    power = pl.col(LOG_POWER)
    ranked = steady.with_columns(pl.col(MEAN_POWER).log().alias(LOG_POWER)).sort(LOG_POWER)
    gap = (power - power.shift(1)).over(LEVEL_GROUP).fill_null(0.0)
    split = ranked.with_columns(gap.alias(GAP)).with_columns(
        pl.col(GAP).max().over(LEVEL_GROUP).alias(WIDEST),
        power.sort_by(GAP).last().over(LEVEL_GROUP).alias(EDGE),
    )
    return split.filter(pl.col(WIDEST) > LEAST_GAP).with_columns(
        (power >= pl.col(EDGE)).alias(HIGH)
    )


def _told(sided: pl.DataFrame) -> pl.DataFrame:
    """Return the groups whose two sides are levels, with both: narrow, and of equal latencies."""
    power, latency = pl.col(LOG_POWER), pl.col("latency_s")
    sides = sided.group_by(*LEVEL_GROUP, HIGH).agg(
        pl.len().alias("side_rows"),
        (power.quantile(UPPER) - power.quantile(LOWER)).alias("spread"),
        power.median().exp().alias("level_w"),
        latency.min().alias("shortest_s"),
        latency.max().alias("longest_s"),
        pl.col(WIDEST).first(),
    )
    return (
        sides.group_by(LEVEL_GROUP)
        .agg(
            pl.col("level_w").min().alias("lower_w"),
            pl.col("level_w").max().alias("upper_w"),
            (
                (pl.col("side_rows").min() >= FEWEST_OF_A_LEVEL)
                & (pl.col(WIDEST).max() > LEAST_GAP_IN_SPREADS * pl.col("spread").max())
                & (pl.col("shortest_s").max() < pl.col("longest_s").min())
            ).alias("told"),
        )
        .filter("told")
        .drop("told")
    )


SEVERAL_RAILS = Rule(
    name="several power rails",
    looks_for="energies of several rails in one table",
    severity=Severity.WARNING,
    action=Action.KEEP,
    advice="training uses one rail: the most frequent, or that of --power-rail",
    found="mean power (W)",
    expected="",
    check=several_names,
)
TWO_LEVELS = Rule(
    name="two power definitions",
    looks_for="two levels of power for equal work under one name of the rail",
    severity=Severity.ERROR,
    action=Action.REJECT_ENERGY,
    advice="name the rail of each energy in power_rail; the larger group is used",
    found="mean power (W)",
    expected="level of most rows (W)",
    check=two_levels,
)
