"""A file as readers look at it: its text, JSON documents and table, each taken apart once."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.power.logs.encoding import encoding_of

LINE_PREFIX = re.compile(r"^(?:data:|:::MLLOG) ?(?:\[DONE\])?", re.MULTILINE)
"""What servers and loggers write before a JSON object."""

HALF_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""One of the two escapes of a character alone, as of a text cut within it; no table can keep it."""

REPLACEMENT = r"\\ufffd"

DOCUMENT = re.compile(r"^[\[{]", re.MULTILINE)
"""A line that opens a JSON document: pretty-printed ones indent all others."""

NUL = "\0"
COMMENT = "#"
FEWEST_COLUMNS = 2
LARGEST_CELL = 1 << 24
SHOWN_CHARACTERS = 60


class RepeatedKeyError(ValueError):
    """A JSON object names a key twice, with different values."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a file that is no JSON though it begins like it."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file.

    Attributes:
        header: The cells of its first line.
        rows: Line numbers and cells of the others.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def entries(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The rows with their places."""
        return ((f"line {line}", cells) for line, cells in self.rows)

    def has(self, *columns: str) -> bool:
        """Return whether the header names all of these columns."""
        return set(columns) <= set(self.header)


@dataclass(frozen=True)
class Sniffed:
    """One file.

    Attributes:
        path: As the user gave it.
        text: The whole file, decoded.
    """

    path: Path
    text: str

    @cached_property
    def _parsed(self) -> tuple[tuple[tuple[str, object], ...], tuple[Damage, ...]]:
        """The JSON documents with their places, and what is damaged."""
        return documents_in(self.text)

    @property
    def documents(self) -> tuple[tuple[str, object], ...]:
        """Every JSON document: one, one per line, or one after another, with its place."""
        return self._parsed[0]

    @property
    def damage(self) -> tuple[Damage, ...]:
        """What begins like JSON and is none."""
        return self._parsed[1]

    @cached_property
    def objects(self) -> tuple[tuple[str, dict[str, object]], ...]:
        """Every JSON object that is a document, or an item of a document that is an array."""
        found: list[tuple[str, dict[str, object]]] = []
        for where, document in self.documents:
            if isinstance(document, dict):
                found.append((where, document))
            elif isinstance(document, list):
                items = enumerate(document, start=1)
                found.extend((f"item {n}", item) for n, item in items if isinstance(item, dict))
        return tuple(found)

    def objects_with(self, *keys: str) -> bool:
        """Return whether any object has all of these keys."""
        return any(item.keys() >= set(keys) for _, item in self.objects)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text."""
        return tuple(self.text.splitlines())

    @cached_property
    def table(self) -> Table | None:
        """The file as CSV without comments; None when it has no two columns, or is JSON."""
        if self.documents:
            return None
        kept = [
            (number, line)
            for number, line in enumerate(self.lines, start=1)
            if line.strip() and not line.startswith(COMMENT)
        ]
        csv.field_size_limit(LARGEST_CELL)
        rows: list[tuple[int, tuple[str, ...]]] = []
        lines = csv.reader(line for _, line in kept)
        try:
            while (cells := next(lines, None)) is not None:
                rows.append((kept[lines.line_num - 1][0], tuple(cells)))
        except csv.Error:
            return None
        if not rows or len(rows[0][1]) < FEWEST_COLUMNS:
            return None
        return Table(rows[0][1], tuple(rows[1:]))


def sniff(path: Path) -> Sniffed:
    """Read a file.

    Args:
        path: A text file in UTF-8, or in UTF-16 with its mark.

    Raises:
        DataError: If it is missing, empty, unreadable or no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"expected a file at {path}, got: {error.strerror}; check the path"
        ) from error
    try:
        text = content.decode(encoding_of(content))
    except UnicodeDecodeError as error:
        raise _no_text(path) from error
    if NUL in text:
        raise _no_text(path)
    if not text.strip():
        raise DataError(f"expected measurements in {path}, got an empty file; export it again")
    return Sniffed(path, text)


def _no_text(path: Path) -> DataError:
    """Say that a file holds no text."""
    return DataError(f"expected {path} to be text in UTF-8, got other bytes; export it as text")


def documents_in(text: str) -> tuple[tuple[tuple[str, object], ...], tuple[Damage, ...]]:
    """Return the JSON documents of a text with their places, and what is damaged among them.

    What stands between documents is passed over, so that a log before the JSON does no harm.

    Args:
        text: Any text.
    """
    text = HALF_CHARACTER.sub(REPLACEMENT, LINE_PREFIX.sub("", text))
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    documents: list[tuple[str, object]] = []
    damage: list[Damage] = []
    line, counted_to, place = 1, 0, 0
    while (opening := DOCUMENT.search(text, place)) is not None:
        line += text.count("\n", counted_to, opening.start())
        counted_to = opening.start()
        try:
            document, place = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError) as error:
            place = opening.end()
            damage.append(Damage(f"line {line}", f"expected whole JSON, got: {_told(error)}"))
        else:
            documents.append((f"line {line}", document))
    return tuple(documents), tuple(damage)


def _told(error: ValueError | RecursionError) -> str:
    """Say what is wrong with JSON, without its place in the file."""
    words = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return words[:SHOWN_CHARACTERS]


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object; two different values under one key could be read as either."""
    built: dict[str, object] = {}
    for key, value in pairs:
        if key in built and built[key] != value:
            raise RepeatedKeyError(f"the key {key!r} twice, with different values")
        built[key] = value
    return built
