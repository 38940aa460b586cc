"""The doctor inside training: bad rows and energies are set aside before anything is fitted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from token2metrics.columns import CANONICAL, PROVENANCE
from token2metrics.doctor.evidence import extra_columns, look_at_lines
from token2metrics.doctor.examine import Diagnosis, examine
from token2metrics.doctor.rule import EXPECTED, FOUND
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import PLACE, build_table
from token2metrics.processors.pipeline import as_read
from token2metrics.processors.validate import (
    CATEGORY,
    ENERGY_COLUMNS,
    ENERGY_SET_ASIDE,
    REASON,
    Validated,
)

logger = logging.getLogger(__name__)


class Screen:
    """Takes rows that the doctor rejects out of accepted rows, and remembers what it found.

    Attributes:
        diagnoses: What was found in the rows screened last.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self.diagnoses: list[Diagnosis] = []

    def __call__(self, validated: Validated) -> Validated:
        """Move rejected rows, and drop energies that cannot be right.

        Args:
            validated: Rows after the row rules.

        Raises:
            DataError: If a file cannot be scanned.
        """
        accepted = validated.accepted.collect()
        table = build_table(accepted, None, extra_columns(self._paths), look_at_lines(self._paths))
        self.diagnoses = examine(table)
        _log(self.diagnoses)
        rows = accepted.with_row_index(PLACE)
        bad = _verdicts(self.diagnoses, Action.REJECT)
        unmetered = _verdicts(self.diagnoses, Action.REJECT_ENERGY).select(PLACE, CATEGORY)
        rejected = rows.join(bad, on=PLACE, maintain_order="left")
        kept = rows.join(bad, on=PLACE, how="anti", maintain_order="left")
        kept = kept.join(unmetered, on=PLACE, how="left", maintain_order="left")
        lost = pl.col(CATEGORY).is_not_null() & pl.col("energy_j").is_not_null()
        return Validated(
            accepted=kept.with_columns(
                pl.when(~lost).then(pl.col(*ENERGY_COLUMNS)),
                pl.coalesce(ENERGY_SET_ASIDE, pl.when(lost).then(CATEGORY)),
            )
            .select(*CANONICAL, *PROVENANCE, ENERGY_SET_ASIDE)
            .lazy(),
            rejected=pl.concat((validated.rejected, as_read(rejected.lazy()))),
        )


def _verdicts(diagnoses: Sequence[Diagnosis], action: Action) -> pl.DataFrame:
    """Return the rows that one action is for: place, category and reason of the first rule."""
    schema = {PLACE: pl.UInt32(), CATEGORY: pl.String(), REASON: pl.String()}
    told = [
        one.findings.drop_nulls(PLACE).select(
            PLACE,
            pl.lit(one.rule.name).alias(CATEGORY),
            pl.format(
                f"{{}}: {one.rule.found} {{}}, {one.rule.expected} {{}}",
                pl.lit(one.rule.looks_for),
                _short(FOUND),
                _short(EXPECTED),
            ).alias(REASON),
        )
        for one in diagnoses
        if one.rule.action is action
    ]
    verdicts = pl.concat((pl.DataFrame(schema=schema), *told))
    return verdicts.unique(PLACE, keep="first", maintain_order=True)


def _short(column: str) -> pl.Expr:
    """Write a number with four digits."""
    return pl.col(column).round_sig_figs(4).cast(pl.String).fill_null("unknown")


def _log(diagnoses: Sequence[Diagnosis]) -> None:
    """Say what was found; notes only when every message is wanted."""
    for one in diagnoses:
        level = logging.INFO if one.rule.severity is Severity.NOTE else logging.WARNING
        rule = one.rule
        rows = one.findings.height
        logger.log(level, "%s, rows: %d (%s): %s", rule.name, rows, rule.action, rule.advice)
