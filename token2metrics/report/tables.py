"""The look that all tables share."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WARNING_STYLE = "yellow"


def build_table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """Build an empty table.

    Args:
        texts: Headings of the leading columns, aligned to the left.
        numbers: Headings of the further columns, aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for heading in texts:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def show_pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names with their values, aligned."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, Text(value))
    console.print(table)


def show_title(console: Console, text: str) -> None:
    """Print what the next table shows."""
    show_line(console, text, "bold")


def show_line(console: Console, text: str, style: str = "") -> None:
    """Print a line of words as they are."""
    console.print(Text(text, style=style))
