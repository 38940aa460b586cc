"""Rules: milliseconds, milliwatts and kilowatt hours under the name of another unit."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import CONDITIONS
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import GROUP, LENGTH, PLACE, RATE, Table
from token2metrics.processors.prepare import SINGLE_STREAM
from token2metrics.processors.rules import MEAN_POWER
from token2metrics.processors.validate import CATEGORY, ENERGY_SET_ASIDE
from token2metrics.vocabulary import Phase

LEAST_LOG10, MOST_LOG10 = 2.6, 3.4
"""A thousand, give or take a factor of two and a half."""

SLOWEST_STEP_S = 5.0
"""No device that anybody waits for takes longer per token of a single request."""

FEWEST_ROWS = 3
MOST_STEPS_PER_TOKEN = 3.0
FEWEST_TOKENS = 128
LEAST_STEPS = 0.05
"""A prefill takes between this share of a decode step and three steps per token, 128 at least."""

MACHINE = ("device", *CONDITIONS, "model", "parallel")
IMPLAUSIBLE_POWER = "implausible mean power"
WRONG_TIMES = (
    "prefill and decode exceed the whole request",
    "latency_s is not at most 86400 seconds",
)
"""Row rules that times in milliseconds break."""

USUAL = "usual"
STEP_S = "step_s"


def latency_units(table: Table) -> pl.DataFrame:
    """Find latencies a thousand times those of their kind, or of no imaginable device."""
    refused = table.rows.filter(pl.col(CATEGORY).is_in(WRONG_TIMES))
    found = pl.concat(
        (
            findings(refused, pl.col("latency_s"), pl.lit(None, pl.Float64), pl.col("reason")),
            _against_their_kind(table.usable),
            _against_a_limit(table.usable),
            _against_the_other_phase(table),
        )
    )
    return found.unique(PLACE, keep="first", maintain_order=True)


def _against_their_kind(rows: pl.DataFrame) -> pl.DataFrame:
    """Find rows about a thousand times off the median of their group."""
    usual = pl.col(RATE).quantile(0.5, "lower").over(GROUP)
    per_length = pl.col(RATE) / pl.col(LENGTH)
    usual_slope = per_length.quantile(0.5, "lower").over(GROUP) * pl.col(LENGTH)
    judged = rows.filter(pl.col(RATE) > 0).with_columns(
        pl.col(RATE)
        .clip(pl.min_horizontal(usual, usual_slope), pl.max_horizontal(usual, usual_slope))
        .alias(USUAL)
    )
    off = judged.filter(
        (pl.col(RATE) / pl.col(USUAL)).log10().abs().is_between(LEAST_LOG10, MOST_LOG10),
        pl.len().over(GROUP) >= FEWEST_ROWS,
    )
    return findings(off, pl.col("latency_s"), pl.col("latency_s") * pl.col(USUAL) / pl.col(RATE))


def _against_a_limit(rows: pl.DataFrame) -> pl.DataFrame:
    """Find groups whose median step or token takes too long to be seconds."""
    slow = rows.filter(
        pl.col("phase") != Phase.PREFILL,
        pl.col("parallel") == SINGLE_STREAM,
        pl.len().over(GROUP) >= FEWEST_ROWS,
        pl.col(RATE).median().over(GROUP) > SLOWEST_STEP_S,
    )
    limit_s = SLOWEST_STEP_S * pl.col("latency_s") / pl.col(RATE)
    return findings(slow, pl.col("latency_s"), limit_s)


def _against_the_other_phase(table: Table) -> pl.DataFrame:
    """Find prefills and decodes of one model that cannot be in the same unit."""
    decode, prefill = table.of_phase(Phase.DECODE), table.of_phase(Phase.PREFILL)
    steps = decode.group_by(MACHINE).agg(pl.col(RATE).median().alias(STEP_S))
    known = prefill.join(steps, on=MACHINE, maintain_order="left").drop_nulls(STEP_S)
    tokens = pl.col("input_tokens").clip(lower_bound=FEWEST_TOKENS)
    most_s = MOST_STEPS_PER_TOKEN * tokens * pl.col(STEP_S)
    least_s = LEAST_STEPS * pl.col(STEP_S)
    latency = pl.col("latency_s")
    slow = known.filter((latency > most_s).mean().over(MACHINE) > 0.5)
    fast = known.filter((latency < least_s).mean().over(MACHINE) > 0.5)
    long_steps = decode.join(
        fast.group_by(MACHINE).agg((latency.median() / LEAST_STEPS).alias(STEP_S)),
        on=MACHINE,
        maintain_order="left",
    )
    return pl.concat(
        (
            findings(slow, latency, most_s),
            findings(long_steps, latency, latency * pl.col(STEP_S) / pl.col(RATE)),
        )
    )


def power_units(table: Table) -> pl.DataFrame:
    """Find powers out of all bounds, or a thousand times those of their kind."""
    refused = table.rows.filter(pl.col(ENERGY_SET_ASIDE) == IMPLAUSIBLE_POWER)
    power = pl.col(MEAN_POWER)
    usual = power.quantile(0.5, "lower").over("device", "phase")
    judged = table.metered.with_columns(usual.alias(USUAL))
    off = judged.filter((power / pl.col(USUAL)).log10().abs().is_between(LEAST_LOG10, MOST_LOG10))
    return pl.concat(
        (
            findings(refused, power, pl.lit(None, pl.Float64), pl.lit(IMPLAUSIBLE_POWER)),
            findings(off, power, pl.col(USUAL)),
        )
    )


LATENCY_UNITS = Rule(
    name="unit of time",
    looks_for="latencies a thousand times too long or too short: milliseconds against seconds",
    severity=Severity.ERROR,
    action=Action.REJECT,
    advice="convert every latency to seconds",
    found="latency_s",
    expected="plausible latency_s",
    check=latency_units,
)
POWER_UNITS = Rule(
    name="unit of energy",
    looks_for="powers out of bounds: kWh against J, or mW against W",
    severity=Severity.ERROR,
    action=Action.REJECT_ENERGY,
    advice="convert every energy to joules and every power to watts",
    found="mean power (W)",
    expected="usual power (W)",
    check=power_units,
)
