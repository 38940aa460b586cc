"""A report as files: a page, a model card, or single pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from token2metrics.figures.drawing import write_picture
from token2metrics.figures.figure import Figure
from token2metrics.figures.suffixes import PNG
from token2metrics.files import write_file
from token2metrics.findings.findings import Findings
from token2metrics.findings.pictures import figures_of
from token2metrics.findings.verdict import Verdict
from token2metrics.page.document import Part, render
from token2metrics.page.model_card import model_card
from token2metrics.page.report import report_document
from token2metrics.page.report_format import ReportFormat


def write_report(
    kind: ReportFormat,
    path: Path,
    findings: Findings,
    verdict: Verdict,
    explorer: Callable[[], Part],
) -> tuple[Path, ...]:
    """Write what was found, and return the files.

    Args:
        kind: What is written.
        path: The file; for pictures the folder.
        findings: Everything the report says.
        verdict: What it means.
        explorer: Makes the part of a page where a reader tries requests.

    Raises:
        ConfigurationError: If a file cannot be written.
    """
    match kind:
        case ReportFormat.HTML:
            document = report_document(findings, verdict, figures_of(findings), explorer())
            write_file(path, render(document).encode())
        case ReportFormat.MARKDOWN:
            write_file(path, model_card(findings, verdict).encode())
        case ReportFormat.PICTURES:
            return _write_pictures(path, figures_of(findings))
    return (path,)


def _write_pictures(folder: Path, figures: Sequence[Figure]) -> tuple[Path, ...]:
    """Draw every figure into a file of its name."""
    files = tuple(folder / f"{figure.name}{PNG}" for figure in figures)
    for figure, file in zip(figures, files, strict=True):
        write_picture(figure, file)
    return files
