"""The table that every rule looks at: rows with their numbers, usable or already refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from token2metrics.columns import CANONICAL, CONDITIONS, PROVENANCE, ROW
from token2metrics.doctor.evidence import EVIDENCE, NO_LINES, Lines
from token2metrics.processors.rules import COUNTS, ENERGY_QUANTITIES, MEAN_POWER
from token2metrics.processors.validate import CATEGORY, ENERGY_SET_ASIDE, REASON
from token2metrics.vocabulary import Phase

PLACE = "place"
STEPS = "decode_steps"
LENGTH = "length"
"""What the rate of a phase depends on: tiles of the prompt in prefill, the mean context in decode,
input tokens per output token in a request."""

RATE = "rate_s"
"""Seconds of a prefill, of a decode step, or of a request per output token. It grows with
``LENGTH``, and at most in proportion to it."""

TILE_TOKENS = 64
GROUP = ("device", *CONDITIONS, "model", "phase", "parallel")
"""Rows that one curve describes."""

SETTING = (*GROUP, "input_tokens", "output_tokens")
"""Rows that measure the same thing."""

SET_ASIDE = "set aside by its reader"
"""Category of what the reader of another tool's file could not use."""

FAILURE = r"\bfailed\b"
"""How flags and readers tell of a failed request."""

TEXTS = dict.fromkeys((CATEGORY, REASON, ENERGY_SET_ASIDE), pl.String())


@dataclass(frozen=True, slots=True)
class Table:
    """Measurements under examination.

    Attributes:
        rows: Canonical columns with their types, ``EVIDENCE`` (null where a file has none),
            ``place`` (number in the table), ``file``, ``row``, the derived columns above,
            ``category`` and ``reason`` of rows that the row rules refuse, and
            ``energy_set_aside``.
        lines: What is odd about the lines of its CSV files.
    """

    rows: pl.DataFrame
    lines: Lines

    @property
    def usable(self) -> pl.DataFrame:
        """Rows that no row rule refuses."""
        return self.rows.filter(pl.col(CATEGORY).is_null())

    @property
    def metered(self) -> pl.DataFrame:
        """Usable rows with an energy."""
        return self.usable.filter(pl.col("energy_j").is_not_null())

    def of_phase(self, phase: Phase) -> pl.DataFrame:
        """Return the usable rows of a phase."""
        return self.usable.filter(pl.col("phase") == phase)


def build_table(
    accepted: pl.DataFrame,
    refused: pl.DataFrame | None = None,
    evidence: pl.DataFrame | None = None,
    lines: Lines = NO_LINES,
) -> Table:
    """Bring accepted and refused rows into one table.

    Args:
        accepted: Accepted rows as ``processors.validate`` returns them.
        refused: Rejected rows as it returns them, all text; None when they are not of interest.
        evidence: The columns ``EVIDENCE`` by ``file`` and ``row``; None without any.
        lines: What is odd about the lines of its CSV files.
    """
    rows = accepted if refused is None else pl.concat((accepted, _typed(refused)), how="diagonal")
    rows = rows.with_columns(_absent(rows, TEXTS)).cast({ROW: pl.UInt32()})
    if evidence is not None:
        rows = rows.join(evidence, on=PROVENANCE, how="left", maintain_order="left")
    rows = rows.with_columns(_absent(rows, EVIDENCE)).with_row_index(PLACE)
    return Table(_derive(rows), lines)


def _typed(refused: pl.DataFrame) -> pl.DataFrame:
    """Read the numbers of rejected rows; null where a cell is none."""
    counts, others = pl.col(*COUNTS), pl.col("latency_s", *ENERGY_QUANTITIES)
    return refused.select(*CANONICAL, *PROVENANCE, CATEGORY, REASON).with_columns(
        counts.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False),
        others.cast(pl.Float64, strict=False),
    )


def _absent(rows: pl.DataFrame, kinds: Mapping[str, pl.DataType]) -> Iterable[pl.Expr]:
    """Yield null columns for the names that a table lacks."""
    return [
        pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in rows.columns
    ]


def _derive(rows: pl.DataFrame) -> pl.DataFrame:
    """Add mean power, steps, length and rate."""
    prompt, answer = pl.col("input_tokens"), pl.col("output_tokens")
    steps, phase = pl.col(STEPS), pl.col("phase")
    tiles = (prompt / TILE_TOKENS).ceil().clip(lower_bound=1.0)
    stepping = (phase == Phase.DECODE) & (steps >= 1)
    answering = (phase == Phase.REQUEST) & (answer >= 1)
    prefilling = phase == Phase.PREFILL
    return rows.with_columns(
        (answer - 1).alias(STEPS),
        (pl.col("energy_j") / pl.coalesce("energy_window_s", "latency_s")).alias(MEAN_POWER),
    ).with_columns(
        pl.when(prefilling)
        .then(tiles)
        .when(stepping)
        .then(prompt + answer / 2)
        .when(answering)
        .then(prompt.clip(lower_bound=1) / answer)
        .alias(LENGTH),
        pl.when(prefilling)
        .then("latency_s")
        .when(stepping)
        .then(pl.col("latency_s") / steps)
        .when(answering)
        .then(pl.col("latency_s") / answer)
        .alias(RATE),
    )
