"""Rules: a power meter that is too slow for the phase it meters."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import CONDITIONS
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import Table
from token2metrics.doctor.window import MOST_WINDOW
from token2metrics.processors.rules import MEAN_POWER
from token2metrics.processors.validate import ENERGY_SET_ASIDE, IDLE_POWER

BOARD = ("device", CONDITIONS[0], "power_rail")
SHORT_S = 1.0
"""Phases up to this long fall between two readings of a meter that reads every second."""

SECOND_LOWEST = 1
IDLE_MARGIN = 1.1
"""Powers within this factor of the lowest ones are one level."""

FEWEST_IDLE = 3
LEAST_LATENCY_SPAN = 2.0
"""An idle level is the same for latencies that differ by this factor; a load's is not."""

LEAST_LOAD = 2.0
"""Loaded rows of the board draw this many times the idle level."""

FEWEST_READINGS = 3
IDLE_W = "idle_w"
LOAD_W = "load_w"


def idle_power(table: Table) -> pl.DataFrame:
    """Find short phases whose power is the lowest level of their board, not that of a load.

    Windows that outlast the work are passed over: their mean power holds idle time, and says so.
    """
    known = table.rows.filter(pl.col(ENERGY_SET_ASIDE) == IDLE_POWER)
    power, latency = pl.col(MEAN_POWER), pl.col("latency_s")
    tight = table.metered.filter(
        pl.col("energy_window_s").fill_null(latency) <= MOST_WINDOW * latency
    )
    levels = tight.with_columns(
        power.sort().slice(SECOND_LOWEST, 1).first().over(BOARD).alias(IDLE_W),
        power.filter(latency > SHORT_S).median().over(BOARD).alias(LOAD_W),
    )
    low = levels.filter(
        latency <= SHORT_S,
        power <= IDLE_MARGIN * pl.col(IDLE_W),
        pl.col(LOAD_W) >= LEAST_LOAD * pl.col(IDLE_W),
    )
    span = latency.max().over(BOARD) / latency.min().over(BOARD)
    blind = low.filter(pl.len().over(BOARD) >= FEWEST_IDLE, span >= LEAST_LATENCY_SPAN)
    return pl.concat((findings(known, power, power), findings(blind, power, pl.col(IDLE_W))))


def few_readings(table: Table) -> pl.DataFrame:
    """Find energies that rest on too few readings to tell a power."""
    few = table.metered.filter(pl.col("energy_samples") < FEWEST_READINGS)
    return findings(few, pl.col("energy_samples"), pl.lit(FEWEST_READINGS))


IDLE = Rule(
    name="sampler blindness",
    looks_for="the power of a short phase is the idle level: the meter did not see the phase",
    severity=Severity.WARNING,
    action=Action.REJECT_ENERGY,
    advice="repeat short phases back to back within one energy window, or sample faster",
    found="mean power (W)",
    expected="idle level (W)",
    check=idle_power,
)
FEW_READINGS = Rule(
    name="few power readings",
    looks_for="an energy from fewer than three readings",
    severity=Severity.NOTE,
    action=Action.KEEP,
    advice="training fits what such a meter sees; sample faster for sharper powers",
    found="readings",
    expected="at least",
    check=few_readings,
)
