"""The defects of measurement files as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from token2metrics.doctor.result import Defect, Evidence, Examination
from token2metrics.doctor.severity import Severity
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import counted

EVIDENCE_SHOWN = 3
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: WARNING_STYLE, Severity.NOTE: ""}


def show_examination(console: Console, examination: Examination) -> None:
    """Print every defect with its evidence, what becomes of it, and a verdict.

    Args:
        console: Where to print.
        examination: What was found.
    """
    for file, reason in examination.unreadable.items():
        show_line(console, f"{file} cannot be read: {reason}", STYLES[Severity.ERROR])
    for defect in examination.defects:
        _show_defect(console, defect)
    if examination.defects:
        console.print()
        _show_overview(console, examination.defects)
    read = f"{counted(examination.rows, 'row')} of {counted(len(examination.files), 'file')}"
    if examination.must_be_fixed:
        show_line(console, f"{read} examined: something must be fixed", STYLES[Severity.ERROR])
    else:
        show_line(console, f"{read} examined: nothing must be fixed", "bold")


def _show_defect(console: Console, defect: Defect) -> None:
    """Print one defect with its first pieces of evidence."""
    show_title(console, f"{defect.name}: {defect.looks_for}")
    for evidence in defect.evidence[:EVIDENCE_SHOWN]:
        show_line(console, f"  {_place(evidence)}: {_compared(defect, evidence)}")
    if len(defect.evidence) > EVIDENCE_SHOWN:
        show_line(console, f"  and {len(defect.evidence) - EVIDENCE_SHOWN:,} more; --json has all")
    show_line(console, f"  {defect.advice}", STYLES[defect.severity])


def _show_overview(console: Console, defects: Sequence[Defect]) -> None:
    """Print how many rows have each defect, and what becomes of them."""
    table = build_table(["defect", "severity", "in training"], ["rows"])
    for defect in defects:
        table.add_row(defect.name, defect.severity, defect.action, f"{defect.rows:,}")
    console.print(table)


def _place(evidence: Evidence) -> str:
    """Name the place of a piece of evidence."""
    return evidence.file if evidence.row is None else f"{evidence.file}, row {evidence.row:,}"


def _compared(defect: Defect, evidence: Evidence) -> str:
    """Write the numbers compared, and what they do not tell."""
    numbers = (
        f"{name} {number:,.5g}"
        for name, number in (
            (defect.found, evidence.found),
            (defect.expected, evidence.expected),
        )
        if number is not None
    )
    return "; ".join((*numbers, *([evidence.note] if evidence.note else ())))
