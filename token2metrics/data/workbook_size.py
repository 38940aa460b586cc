"""How much a workbook unpacks to, before anything unpacks it.

An XLSX file is a ZIP archive of XML. A few kilobytes of it can stand for gigabytes: text that packs
well, one cell at the far corner of a sheet (readers keep a place for each cell before it), or a
long shared text that many cells name. Here the archive is read piece by piece and counted.
"""

from __future__ import annotations

import copy
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from token2metrics.errors import DataError

MOST_UNPACKED_BYTES = 1 << 28
"""Of all members together; a million rows of ten numbers have fewer."""

MOST_CELLS = 5_000_000
"""Of the rectangles around the filled cells of all sheets together."""

MOST_TEXT = 1 << 28
"""Characters of all cells together."""

PIECE_BYTES = 1 << 20
MEMBER_OF_TABLES = re.compile(rb"sheetData|[<:]si\b")
"""What a sheet, or the list of shared texts, has to hold to be read as one."""

LONGEST_MARK = len("sheetData")
CELL = re.compile(r"([A-Za-z]{0,3})(\d{0,7})")
LETTERS = 26
SHARED = "s"
MOST_INDEX_DIGITS = 9
NOT_AN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
)
"""What unpacking a damaged or encrypted archive raises."""


def refuse_bomb(path: Path) -> None:
    """Refuse a workbook that is no archive, or far larger inside than any table of measurements.

    Args:
        path: An XLSX file.

    Raises:
        DataError: If it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            counted = _counted(path, archive)
    except NOT_AN_ARCHIVE as error:
        raise DataError(
            f"expected {path} to be a whole XLSX file, got: {error}; copy or export it again"
        ) from error
    if counted.cells > MOST_CELLS:
        raise _too_large(path, MOST_CELLS, "cells", f"{counted.cells:,}")
    if counted.characters > MOST_TEXT:
        raise _too_large(path, MOST_TEXT, "characters", f"{counted.characters:,}")


def _too_large(path: Path, most: int, what: str, found: str) -> DataError:
    """Say that a workbook is too large."""
    return DataError(
        f"expected {path} to unpack to at most {most:,} {what}, got {found}; clear what lies far "
        "from the table, or save it as CSV or Parquet"
    )


def _counted(path: Path, archive: zipfile.ZipFile) -> Contents:
    """Count the cells and texts of every sheet."""
    contents, left = Contents(), MOST_UNPACKED_BYTES
    for member in archive.infolist():
        is_table, tail = False, b""
        for piece in _unpacked(archive, member, left):
            is_table = is_table or MEMBER_OF_TABLES.search(tail + piece) is not None
            tail = piece[-LONGEST_MARK:]
            left -= len(piece)
        if left < 0:
            raise _too_large(path, MOST_UNPACKED_BYTES, "bytes", "more")
        if is_table:
            contents.read(_unpacked(archive, member, MOST_UNPACKED_BYTES))
    return contents


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """Yield the content of a member, whatever size it claims, up to one byte more than ``most``."""
    claimed: Any = copy.copy(member)
    claimed.file_size, claimed.CRC = most + 1, None
    with archive.open(claimed) as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


class Contents:
    """Counts cells and texts while the XML of sheets and of shared texts goes by.

    Attributes:
        cells: Places within the rectangles around the filled cells, of all sheets.
    """

    def __init__(self) -> None:
        self.cells = 0
        self._lengths: list[int] = []
        self._named: Counter[str] = Counter()
        self._plain = 0

    @property
    def characters(self) -> int:
        """Characters of all cells."""
        longest = max(self._lengths, default=0)
        shared = (
            count * (self._lengths[int(name)] if _is_index(name, self._lengths) else longest)
            for name, count in self._named.items()
        )
        return self._plain + sum(shared)

    def read(self, pieces: Iterable[bytes]) -> None:
        """Count one member.

        Args:
            pieces: Its content.

        Raises:
            ExpatError: If it is no XML.
        """
        sheet = _Sheet()
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = sheet.start
        parser.EndElementHandler = sheet.end
        parser.CharacterDataHandler = sheet.text
        parser.StartDoctypeDeclHandler = _refuse_types
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
        self.cells += sheet.places
        self._named.update(sheet.named)
        self._plain += sheet.plain
        self._lengths = [max(pair) for pair in _paired(self._lengths, sheet.lengths)]


def _paired(one: list[int], other: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the lengths of two lists of texts side by side."""
    for place in range(max(len(one), len(other))):
        yield (
            one[place] if place < len(one) else 0,
            other[place] if place < len(other) else 0,
        )


def _is_index(name: str, lengths: list[int]) -> bool:
    """Return whether a cell names one of the listed texts."""
    known = name.isascii() and name.isdigit() and len(name) <= MOST_INDEX_DIGITS
    return known and int(name) < len(lengths)


def _refuse_types(*_: object) -> None:
    """Refuse a document type, which no workbook has and entities need."""
    raise expat.ExpatError("a document type within the workbook")


class _Sheet:
    """Follows the elements of one member."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.named: Counter[str] = Counter()
        self.plain = 0
        self._row = self._column = 0
        self._kind: str | None = None
        self._value: list[str] | None = None
        self._listed: int | None = None
        self._first = (MOST_CELLS, MOST_CELLS)
        self._last = (0, 0)

    @property
    def places(self) -> int:
        """Places of the rectangle around the filled cells."""
        rows, columns = (
            last - first + 1 for first, last in zip(self._first, self._last, strict=True)
        )
        return max(rows, 0) * max(columns, 0)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        match name.rpartition(":")[2]:
            case "row":
                self._row, self._column = _place(attributes.get("r"), self._row + 1, 0)
            case "c":
                self._row, self._column = _place(attributes.get("r"), self._row, self._column + 1)
                self._kind = attributes.get("t")
            case "v" | "is":
                self._value = []
                here = (self._row, self._column)
                self._first = min(self._first[0], here[0]), min(self._first[1], here[1])
                self._last = max(self._last[0], here[0]), max(self._last[1], here[1])
            case "si":
                self._listed = 0

    def text(self, characters: str) -> None:
        """Text goes by."""
        if self._value is not None:
            self._value.append(characters)
        if self._listed is not None:
            self._listed += len(characters)

    def end(self, name: str) -> None:
        """An element ends."""
        match name.rpartition(":")[2]:
            case "v" | "is" if self._value is not None:
                told = "".join(self._value).strip()
                if self._kind == SHARED:
                    self.named[told] += 1
                else:
                    self.plain += len(told)
                self._value = None
            case "si" if self._listed is not None:
                self.lengths.append(self._listed)
                self._listed = None


def _place(reference: str | None, row: int, column: int) -> tuple[int, int]:
    """Return row and column of a reference such as ``AB12``; what it leaves out as given."""
    match = CELL.fullmatch(reference or "")
    if match is None:
        return row, column
    letters, digits = match.groups()
    number = 0
    for letter in letters.upper():
        number = number * LETTERS + ord(letter) - ord("A") + 1
    return int(digits) if digits else row, number or column
