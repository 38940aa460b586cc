"""Rule: the first request paid for what the others found ready."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import FILE, ROW
from token2metrics.doctor.local import LEAST_DEVIATION, SPREADS, UPPER_QUARTILE
from token2metrics.doctor.rule import Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import GROUP, LENGTH, PLACE, RATE, Table

ALIKE = (*GROUP, LENGTH, "output_tokens")
"""Repeats of a setting; in prefill, of prompts that fill the same tiles."""

FEWEST_OTHERS = 2
CLEAR_MARGIN = 1.1
"""A cold request takes this much longer than the slowest of its repeats."""

USUAL_SHARE = 0.5
OTHERS_S = "others_s"
SLOWEST_S = "slowest_s"
LONGER_RATES_S = "longer_rates_s"
FIRST, FIRST_LENGTH, SCATTER = "first", "first_length", "scatter"
SHOWN = (PLACE, FILE, ROW, "latency_s", OTHERS_S)


def check(table: Table) -> pl.DataFrame:
    """Find slow first repeats of a setting, and slow first rows of a file."""
    order = ("repeat", "started_at_s", FILE, ROW)
    rated = table.usable.filter(pl.col(RATE) > 0).sort(order, nulls_last=True)
    rated = rated.with_columns(
        (pl.col(PLACE) == pl.col(PLACE).first().over(FILE, *GROUP)).alias(FIRST)
    )
    slow = pl.concat((_first_repeats(rated), _first_rows(rated)))
    distinct = slow.unique(PLACE, keep="first", maintain_order=True)
    return findings(distinct, pl.col("latency_s"), pl.col(OTHERS_S))


def _first_repeats(rated: pl.DataFrame) -> pl.DataFrame:
    """Return first repeats that took clearly longer than the median of the others.

    A slow first repeat is cold if the file begins with it, or if most settings begin slowly; else
    it is one of those that are slow by chance.
    """
    latency = pl.col("latency_s")
    scatter = (latency / latency.median().over(ALIKE)).log().abs()
    repeated = rated.filter(pl.len().over(ALIKE) > FEWEST_OTHERS).with_columns(
        (SPREADS * scatter.quantile(UPPER_QUARTILE).over(GROUP)).alias(SCATTER)
    )
    firsts = repeated.group_by(ALIKE, maintain_order=True).agg(
        pl.col(PLACE, FILE, ROW, SCATTER, FIRST).first(),
        latency.first(),
        latency.slice(1).median().alias(OTHERS_S),
        latency.slice(1).max().alias(SLOWEST_S),
    )
    excess = (latency / pl.col(OTHERS_S)).log()
    slow = (
        (excess > LEAST_DEVIATION)
        & (excess > pl.col(SCATTER))
        & (latency > CLEAR_MARGIN * pl.col(SLOWEST_S))
    )
    usual = slow.mean().over(GROUP) >= USUAL_SHARE
    return firsts.filter(slow & (pl.col(FIRST) | usual)).select(SHOWN)


def _first_rows(rated: pl.DataFrame) -> pl.DataFrame:
    """Return first rows of a file that are slower than the next longer ones of their kind."""
    kind = [FILE, *GROUP]
    first = rated.filter(FIRST)
    starts = first.select(*kind, pl.col(LENGTH).alias(FIRST_LENGTH))
    longer = rated.join(starts, on=kind).filter(pl.col(LENGTH) > pl.col(FIRST_LENGTH))
    lengths = longer.group_by(*kind, LENGTH).agg(pl.col(RATE).median())
    next_longer = (
        lengths.group_by(kind)
        .agg(pl.col(RATE).sort_by(LENGTH).head(FEWEST_OTHERS).alias(LONGER_RATES_S))
        .filter(pl.col(LONGER_RATES_S).list.len() == FEWEST_OTHERS)
        .with_columns(pl.col(LONGER_RATES_S).list.max())
    )
    share = pl.col(LONGER_RATES_S) / pl.col(RATE)
    slow = first.join(next_longer, on=kind).filter(-share.log() > LEAST_DEVIATION)
    return slow.with_columns((pl.col("latency_s") * share).alias(OTHERS_S)).select(SHOWN)


COLD = Rule(
    name="cold first request",
    looks_for="a first request that took far longer than those after it",
    severity=Severity.WARNING,
    action=Action.REJECT,
    advice="warm up before measuring",
    found="latency_s",
    expected="latency_s of the others",
    check=check,
)
