"""Rule: an output that was cut, so that its latency is nearly that of the prompt alone."""

from __future__ import annotations

import polars as pl

from token2metrics.doctor.rule import Rule, findings, nothing
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import GROUP, PLACE, RATE, Table
from token2metrics.vocabulary import Phase

MOST_SHARE = 0.6
"""A longer output takes at least this share of what a shorter one took."""

FEWEST_SHORTER = 2
SHORTER_S = "shorter_s"
KIND = "kind"
SLICE_ROWS = 100_000
MOST_REFERENCES = 32
"""Settings of a group that the others are compared with, evenly spread over their outputs."""


def check(table: Table) -> pl.DataFrame:
    """Find rows that are faster than rows of the same kind with less of everything to do.

    Latency cannot fall as input and output grow. The second largest latency among the settings
    with a shorter output and no longer prompt is compared, so that one outlier decides nothing.
    """
    rows = table.usable.filter(pl.col("phase") != Phase.PREFILL).with_columns(
        pl.struct(GROUP).rank("dense").alias(KIND)
    )
    references = _references(rows)
    suspects = rows.filter(pl.col(RATE) < MOST_SHARE * pl.col(RATE).max().over(KIND))
    cut = [_cut(part, references) for part in suspects.iter_slices(SLICE_ROWS)]
    return pl.concat((nothing(), *cut))


def _references(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the median latency of each setting, thinned out."""
    lengths = ("output_tokens", "input_tokens")
    settings = rows.group_by(KIND, *lengths).agg(pl.col("latency_s").median().alias(SHORTER_S))
    place = pl.struct(lengths).rank("ordinal").over(KIND)
    step = (pl.len().over(KIND) / MOST_REFERENCES).ceil().cast(pl.UInt32)
    return settings.filter(place % step == 0)


def _cut(suspects: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    """Return the suspects that are faster than references with less to do.

    A row that takes less than a shorter one also takes less per token, so only rows with a low
    rate are suspects.
    """
    bounds = suspects.select(PLACE, KIND, "input_tokens", "output_tokens").join(
        references, on=KIND, suffix="_of_shorter"
    )
    shorter = bounds.filter(
        pl.col("output_tokens_of_shorter") < pl.col("output_tokens"),
        pl.col("input_tokens_of_shorter") <= pl.col("input_tokens"),
    )
    slowest = (
        shorter.group_by(PLACE)
        .agg(pl.col(SHORTER_S).top_k(FEWEST_SHORTER).min(), pl.len().alias("shorter"))
        .filter(pl.col("shorter") >= FEWEST_SHORTER)
    )
    cut = suspects.join(slowest, on=PLACE, maintain_order="left").filter(
        pl.col("latency_s") < MOST_SHARE * pl.col(SHORTER_S)
    )
    return findings(cut, pl.col("latency_s"), pl.col(SHORTER_S))


CUT_OUTPUT = Rule(
    name="output cut short",
    looks_for="a long output faster than shorter ones: the context window or the server cut it",
    severity=Severity.ERROR,
    action=Action.REJECT,
    advice="count the tokens really generated, or stay below the context window",
    found="latency_s",
    expected="latency_s of a shorter output",
    check=check,
)
