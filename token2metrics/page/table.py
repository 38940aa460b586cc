"""Tables of a page, in HTML and in Markdown the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST_ROWS = 200
"""So many rows of a table are written out in a page."""


class Kind(StrEnum):
    """What the cells of a column hold; also how the style sheet calls them."""

    TEXT = "text"
    """A few words that stay on one line."""

    NUMBER = "number"
    """Aligned to the right."""

    PROSE = "prose"
    """Sentences."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        kind: What its cells hold.
    """

    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts.

    Attributes:
        title: What they say; empty where the surroundings do.
        columns: The columns.
        rows: Their cells, at most ``MOST_ROWS``.
        remark: What to know of them; empty for nothing.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""


def table(
    title: str, columns: Sequence[Column], rows: Iterable[tuple[str, ...]], remark: str = ""
) -> Table:
    """Return a table of the first rows, which says how many it leaves out.

    Args:
        title: What the rows say.
        columns: The columns.
        rows: Their cells.
        remark: What to know of them.
    """
    found = tuple(rows)
    shown = found[:MOST_ROWS]
    left_out = f"The first {len(shown):,} of {len(found):,} rows."
    remarks = (remark, left_out if len(shown) < len(found) else "")
    return Table(title, tuple(columns), shown, " ".join(filter(None, remarks)))


def texts(*titles: str) -> tuple[Column, ...]:
    """Return columns of a few words."""
    return tuple(Column(title) for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(title, Kind.NUMBER) for title in titles)


def prose(*titles: str) -> tuple[Column, ...]:
    """Return columns of sentences."""
    return tuple(Column(title, Kind.PROSE) for title in titles)
