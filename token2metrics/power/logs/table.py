"""Logs that are tables: a header and lines of cells, each line by itself."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from token2metrics.power.logs.log import ClockKind, ReadOptions

DELIMITERS = (",", ";", "\t")
EPOCH_S = (1e9, 1e10)
"""Seconds since 1970 from 2001 to 2286: what lies outside counts from another instant."""

NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the text below it.

    Attributes:
        columns: Names of the columns.
        lines: The lines below the header.
        delimiter: What stands between cells.
    """

    columns: tuple[str, ...]
    lines: tuple[str, ...]
    delimiter: str

    def rows(self, set_aside: Counter[str]) -> Iterator[dict[str, str]]:
        """Yield the lines with as many cells as the header, and count the others.

        Args:
            set_aside: Where to count.
        """
        for line in self.lines:
            cells = split_cells(line, self.delimiter)
            if not any(cells):
                continue
            if len(cells) != len(self.columns):
                set_aside[f"{len(cells)} cells instead of {len(self.columns)}"] += 1
            else:
                yield dict(zip(self.columns, cells, strict=True))


def parse_table(text: str) -> Table:
    """Take a text as a table; the delimiter is the one the header has most of."""
    header, *lines = text.splitlines() or [""]
    delimiter = max(DELIMITERS, key=header.count)
    return Table(tuple(split_cells(header, delimiter)), tuple(lines), delimiter)


def split_cells(line: str, delimiter: str) -> list[str]:
    """Split a line into cells without blanks around them; none for a damaged line."""
    try:
        rows = list(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    return [cell.strip() for cell in rows[0]] if rows else []


def parse_number(cell: str) -> float | None:
    """Return a plain decimal number; None for anything else."""
    return float(cell) if NUMBER.fullmatch(cell) else None


def parse_date(cell: str) -> datetime | None:
    """Return a date and time in ISO 8601, or with slashes instead of dashes."""
    try:
        return datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError:
        return None


def parse_moment(cell: str, options: ReadOptions) -> tuple[float, ClockKind] | None:
    """Return the seconds of a cell with a date and time, and what they count from."""
    moment = parse_date(cell)
    try:
        return None if moment is None else options.seconds_of(moment)
    except (OverflowError, ValueError):
        return None


def clock_of(time_s: float) -> ClockKind:
    """Return whether seconds count from 1970."""
    first, last = EPOCH_S
    return ClockKind.EPOCH if first <= time_s < last else ClockKind.RELATIVE
