"""The seam between the files of other tools and records: what every reader offers and is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from token2metrics.ingest.sniffed import Sniffed
from token2metrics.records import Record

Entry = TypeVar("Entry")


class UnusableError(Exception):
    """An entry, or one phase of it, tells nothing to learn from; the message says why."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Something in a file that became no record.

    Attributes:
        where: Its place in the file, such as ``line 3``.
        reason: Why, in one sentence.
    """

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader made of a file.

    Attributes:
        records: What was measured.
        set_aside: What was not used.
    """

    records: tuple[Record, ...]
    set_aside: tuple[SetAside, ...]


Finding = Record | SetAside
"""What a reader makes of one place of a file."""

Row = Record | SetAside | UnusableError
"""What the conversion of an entry may yield; an ``UnusableError`` gets the entry's place."""


class Reader(ABC):
    """Reads the files that one tool writes.

    A module of ``ingest.readers`` with one of these as ``READER`` is a known format.

    Attributes:
        name: The tool, as messages name it.
        looks_for: What identifies its files, in one line.
    """

    name: ClassVar[str]
    looks_for: ClassVar[str]

    @abstractmethod
    def recognises(self, file: Sniffed) -> bool:
        """Return whether a file is of this tool."""

    @abstractmethod
    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield the records of a recognised file, and what of it cannot be used."""

    def read(self, file: Sniffed) -> Reading:
        """Read a recognised file.

        Args:
            file: The file.

        Returns:
            Its records, and what was set aside; every entry of the file is in one of them.
        """
        findings = list(self.findings(file))
        damaged = [SetAside(damage.where, damage.reason) for damage in file.damage]
        return Reading(
            records=tuple(one for one in findings if isinstance(one, Record)),
            set_aside=(*damaged, *(one for one in findings if isinstance(one, SetAside))),
        )


def each(
    entries: Iterable[tuple[str, Entry]], convert: Callable[[Entry], Iterable[Row]]
) -> Iterator[Finding]:
    """Convert every entry by itself, so that no bad one costs a good one.

    Args:
        entries: Places and entries.
        convert: Yields what an entry tells; may raise ``UnusableError``.
    """
    for where, entry in entries:
        try:
            for row in convert(entry):
                yield _placed(row, where)
        except UnusableError as reason:
            yield SetAside(where, str(reason))


def _placed(row: Row, where: str) -> Finding:
    """Give what cannot be used its place."""
    match row:
        case UnusableError():
            return SetAside(where, str(row))
        case SetAside():
            return SetAside(f"{where}, {row.where}", row.reason)
    return row
