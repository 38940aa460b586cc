"""Apply every rule to a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from token2metrics.doctor.roster import RULES
from token2metrics.doctor.rule import Rule
from token2metrics.doctor.table import Table


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A defect that a table has.

    Attributes:
        rule: The rule that found it.
        findings: A row per bad row; see ``doctor.rule.FINDING_SCHEMA``.
    """

    rule: Rule
    findings: pl.DataFrame


def examine(table: Table, rules: Sequence[Rule] = RULES) -> list[Diagnosis]:
    """Return the defects of a table, in the order of the rules.

    Args:
        table: The measurements.
        rules: What to look for.
    """
    found = (Diagnosis(rule, rule.check(table)) for rule in rules)
    return [diagnosis for diagnosis in found if not diagnosis.findings.is_empty()]
