"""What was read from the files of other tools, as tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from token2metrics.ingest.convert import Account, FileAccount
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line
from token2metrics.report.units import counted
from token2metrics.vocabulary import Phase

REFUSED = "refused"
REASONS_SHOWN = 20
OPTIONS = {
    "device": "--device",
    "model": "--model",
    "precision": "--precision",
    "power_mode": "--power-mode",
    "runtime": "--runtime",
    "parallel": "--parallel",
}
MEANINGS = {
    "device": "train sets these rows aside until it is named",
    "model": "train sets these rows aside until it is named",
    "parallel": "train takes them for single requests",
}
"""What comes of a column that is not known."""


def show_account(console: Console, account: Account) -> None:
    """Print what became of every file, and what is still to be told.

    Args:
        console: Where to print.
        account: The account.
    """
    _show_files(console, account.files)
    _show_set_aside(console, account.files)
    _show_formats(console, account.looked_for)
    for file in account.files:
        for word, count in file.flagged.items():
            line = f"{file.file}: {counted(count, 'row')} flagged {word}, which train leaves out"
            show_line(console, line, WARNING_STYLE)
    if account.energies is not None:
        show_line(console, f"{counted(account.energies.with_energy, 'row')} with an energy")
        for reason, count in account.energies.without.items():
            show_line(console, f"{counted(count, 'row')}: {reason}", WARNING_STYLE)
    for column, count in account.contradicted.items():
        show_line(
            console,
            f"{counted(count, 'row')} keep the {column} that the file tells, not the one given",
            WARNING_STYLE,
        )
    for column, count in account.unknown.items():
        meaning = f"; {MEANINGS[column]}" if column in MEANINGS else ""
        lacking = f"{column} of {counted(count, 'row')} is not known"
        show_line(console, f"{lacking}: {OPTIONS[column]} tells it{meaning}")
    show_line(console, f"wrote {counted(account.rows, 'row')} to {account.output}", "bold")


def _show_formats(console: Console, looked_for: Sequence[str]) -> None:
    """Print what the known formats are recognised by."""
    if looked_for:
        show_line(console, "known formats:", WARNING_STYLE)
    for words in looked_for:
        show_line(console, f"  {words}")


def _show_files(console: Console, files: Sequence[FileAccount]) -> None:
    """Print the rows of each file, by its name; messages have its path."""
    table = build_table(["file", "read as"], [*Phase, "set aside"])
    for file in files:
        rows = (f"{file.rows.get(phase, 0):,}" for phase in Phase)
        read_as = file.reader or REFUSED
        table.add_row(Path(file.file).name, read_as, *rows, f"{len(file.set_aside):,}")
    console.print(table)
    console.print()


def _show_set_aside(console: Console, files: Sequence[FileAccount]) -> None:
    """Print why something of a file is not used, the most frequent reasons first."""
    for file in files:
        if file.refused is not None:
            show_line(console, f"{REFUSED}: {file.refused}", WARNING_STYLE)
            continue
        reasons = Counter(place.reason for place in file.set_aside).most_common()
        for reason, count in reasons[:REASONS_SHOWN]:
            show_line(console, f"{file.file}: set aside {count:,}: {reason}", WARNING_STYLE)
        if (more := len(reasons) - REASONS_SHOWN) > 0:
            line = f"{file.file}: and for {counted(more, 'further reason')}, all in --json"
            show_line(console, line, WARNING_STYLE)
