"""Examine files: read them, apply every rule, and describe what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from token2metrics.columns import FILE, ROW
from token2metrics.data.formats import FormatContext
from token2metrics.doctor.examine import Diagnosis, examine
from token2metrics.doctor.read import read_files
from token2metrics.doctor.result import Defect, Evidence, Examination
from token2metrics.doctor.rule import EXPECTED, FOUND, NOTE
from token2metrics.doctor.severity import Severity


def examine_files(paths: Sequence[Path], context: FormatContext) -> Examination:
    """Read files and apply every rule to their rows together.

    Args:
        paths: Measurement files of any known format.
        context: What our own formats may leave unsaid.

    Raises:
        DataError: If a file cannot be read, and its lines do not show why.
    """
    table, unreadable = read_files(paths, context)
    defects = tuple(map(defect_of, examine(table)))
    return Examination(
        files=tuple(map(str, paths)),
        rows=table.rows.height,
        defects=defects,
        unreadable=unreadable,
        must_be_fixed=any(defect.severity is Severity.ERROR for defect in defects),
    )


def defect_of(diagnosis: Diagnosis) -> Defect:
    """Describe a diagnosis."""
    rule = diagnosis.rule
    rows = diagnosis.findings.sort(FILE, ROW, maintain_order=True)
    evidence = rows.select(FILE, ROW, FOUND, EXPECTED, NOTE).iter_rows(named=True)
    return Defect(
        name=rule.name,
        looks_for=rule.looks_for,
        severity=rule.severity,
        action=rule.action,
        advice=rule.advice,
        rows=rows.height,
        found=rule.found,
        expected=rule.expected,
        evidence=tuple(Evidence(**row) for row in evidence),
    )
