"""Cut trace files into partitions: so many rows each, found again at the same place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from token2metrics.errors import DataError
from token2metrics.scoring.inputs import Kind, Source

PIECE_BYTES = 1 << 22
NEWLINE, QUOTE = b"\n", b'"'
NAME_DIGITS = 7


class Partition(msgspec.Struct, frozen=True):
    """Some rows of a file, one after another.

    Attributes:
        number: Place among all partitions, from 0.
        source: The file.
        plan: Place of the file's plan among those of the run.
        first_row: Rows of the file before it.
        rows: How many; None where only reading tells.
        first_byte: Where its lines start, in a text file.
        end_byte: Where they end; None for the end of an object that is read as a whole.
    """

    number: int
    source: Source
    plan: int
    first_row: int
    rows: int | None
    first_byte: int = 0
    end_byte: int | None = None

    @property
    def name(self) -> str:
        """The name of its files, without ending."""
        return partition_name(self.number)


class Lines(msgspec.Struct, frozen=True):
    """Whole lines of a text file: rows before them, their rows, and their bytes."""

    first_row: int
    rows: int
    first_byte: int
    end_byte: int


def partition_name(number: int) -> str:
    """Return the name of a partition's files, without ending."""
    return f"part-{number:0{NAME_DIGITS}d}"


def cut(sources: Sequence[Source], plans: Sequence[int], rows: int) -> list[Partition]:
    """Cut files into partitions, in order.

    Args:
        sources: The files.
        plans: Place of the plan of each.
        rows: Rows of each partition; the last of a file has what is left.

    Raises:
        DataError: If a file cannot be read.
    """
    partitions: list[Partition] = []
    for source, plan in zip(sources, plans, strict=True):
        for first, count, start, end in _pieces(source, rows):
            partitions.append(Partition(len(partitions), source, plan, first, count, start, end))
    return partitions


def _pieces(source: Source, rows: int) -> Iterator[tuple[int, int | None, int, int | None]]:
    """Yield the rows before each piece of a file, its rows, and its bytes."""
    if source.rows is not None:
        for first in range(0, max(source.rows, 1), rows):
            yield first, min(rows, source.rows - first), 0, None
    elif source.remote:
        yield 0, None, 0, None
    else:
        for lines in _line_pieces(source, rows):
            yield lines.first_row, lines.rows, lines.first_byte, lines.end_byte


def _line_pieces(source: Source, rows: int) -> Iterator[Lines]:
    """Yield pieces of so many lines; a quoted cell of a CSV file may hold ends of lines."""
    ends = _line_ends(source)
    header = source.kind is Kind.CSV
    first_byte = int(next(ends, 0)) if header else 0
    first_row = row = 0
    end = first_byte
    for end in ends:
        row += 1
        if row - first_row == rows:
            yield Lines(first_row, rows, first_byte, end)
            first_row, first_byte = row, end
    if row > first_row or row == 0:
        yield Lines(first_row, row - first_row, first_byte, max(end, first_byte))


def _line_ends(source: Source) -> Iterator[int]:
    """Yield the byte after every line, the last one closed or not."""
    quoting = source.kind is Kind.CSV
    before, inside, last = 0, False, 0
    try:
        with Path(source.path).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                ends, inside = _ends_of(piece, inside, quoting)
                for end in ends:
                    last = before + end
                    yield last
                before += len(piece)
    except OSError as error:
        raise DataError(f"cannot read {source.path}: {error.strerror}") from error
    if before > last:
        yield before


def _ends_of(piece: bytes, inside: bool, quoting: bool) -> tuple[list[int], bool]:
    """Return where the lines of a piece end, and whether a quote is open behind it."""
    letters = np.frombuffer(piece, dtype=np.uint8)
    ends = np.flatnonzero(letters == NEWLINE[0]) + 1
    if not quoting or (QUOTE not in piece and not inside):
        return ends.tolist(), inside
    quotes = np.flatnonzero(letters == QUOTE[0])
    opened = (np.searchsorted(quotes, ends) + inside) % 2
    return ends[opened == 0].tolist(), bool((len(quotes) + inside) % 2)
