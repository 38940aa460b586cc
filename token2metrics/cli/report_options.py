"""Options of ``report`` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import OUTPUT
from token2metrics.errors import ConfigurationError
from token2metrics.page.report_format import ReportFormat

EVIDENCE = "Evidence"
MOST_DRAWS = 1_000


DEFAULT_NAMES = {
    ReportFormat.HTML: "report.html",
    ReportFormat.MARKDOWN: "report.md",
    ReportFormat.PICTURES: "figures",
}
"""Names within the artifact where no other is given."""

SUFFIXES = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".md": ReportFormat.MARKDOWN,
    ".markdown": ReportFormat.MARKDOWN,
}
"""Formats by how the name of a file ends."""

ReportOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="File to write; with --format png a folder.  "
        f"\\[default: {DEFAULT_NAMES[ReportFormat.HTML]} in the artifact]",
        rich_help_panel=OUTPUT,
    ),
]
FormatName = Annotated[
    ReportFormat | None,
    typer.Option(
        "--format",
        "-f",
        help="A page, a model card in Markdown, or a folder of single pictures.  "
        "\\[default: as --output ends, else html]",
        rich_help_panel=OUTPUT,
    ),
]
PowerLogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--power-log",
        metavar="FILE",
        help="Draw a log of measured power too; repeatable.",
        rich_help_panel=EVIDENCE,
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST_DRAWS,
        metavar="N",
        help="Refits of each number of rows, for the errors after one, two, three ... rows.",
        rich_help_panel=EVIDENCE,
    ),
]
Refits = Annotated[
    bool,
    typer.Option(
        "--refits/--no-refits",
        help="Refit every model without some of its rows, to forecast those.",
        rich_help_panel=EVIDENCE,
    ),
]


def format_and_path(
    format_name: ReportFormat | None, output: Path | None, directory: Path
) -> tuple[ReportFormat, Path]:
    """Return what is written and where.

    Args:
        format_name: As asked for; None goes by the name of the output.
        output: File or folder; None means the usual name in the artifact.
        directory: The artifact.

    Raises:
        ConfigurationError: If the two do not go together.
    """
    by_suffix = None if output is None else SUFFIXES.get(output.suffix.lower())
    chosen = format_name or by_suffix or (ReportFormat.HTML if output is None else None)
    if chosen is None:
        raise ConfigurationError(
            f"expected --output to end in {', '.join(SUFFIXES)}, or --format, got {output}"
        )
    path = directory / DEFAULT_NAMES[chosen] if output is None else output
    _check_kind(chosen, path)
    return chosen, path


def _check_kind(chosen: ReportFormat, path: Path) -> None:
    """Refuse a file where a folder is written, and the other way about, before any work.

    Raises:
        ConfigurationError: If the path is of the other kind.
    """
    if chosen is ReportFormat.PICTURES and path.is_file():
        raise ConfigurationError(f"expected --output to name a folder for pictures, got {path}")
    if chosen is not ReportFormat.PICTURES and path.is_dir():
        raise ConfigurationError(f"expected --output to name a file, got the folder {path}")
