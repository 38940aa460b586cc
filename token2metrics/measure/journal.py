"""What a run has finished, one JSON line at a time, so that nothing is lost and all resumes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from token2metrics.errors import ConfigurationError, DataError
from token2metrics.measure.plan import Point
from token2metrics.records import Record

SUFFIX = ".journal.jsonl"
LINE_END = b"\n"


class Campaign(msgspec.Struct, frozen=True, kw_only=True, tag="campaign"):
    """What must agree between the runs of one table.

    Attributes:
        model: Model as the rows name it.
        device: Device as the rows name it.
        power_mode: Power mode of the device.
        precision: Precision of the weights.
        runtime: Inference engine.
        points: The plan.
    """

    model: str
    device: str
    power_mode: str | None
    precision: str | None
    runtime: str
    points: tuple[Point, ...]


class Visited(msgspec.Struct, frozen=True, kw_only=True, tag="visit"):
    """One finished repeat of a point.

    Attributes:
        point: The point.
        repeat: Which repeat, counted from 0.
        records: Its rows; none where the engine refused it.
        refused: Why the engine refused it.
        client_overhead_s: The client's time to the first token less the server's prefill.
    """

    point: Point
    repeat: int
    records: tuple[Record, ...] = ()
    refused: str | None = None
    client_overhead_s: float | None = None


class Burst(msgspec.Struct, frozen=True, kw_only=True, tag="burst"):
    """A prefill repeated back to back, for its energy."""

    input_tokens: int
    record: Record


class Idle(msgspec.Struct, frozen=True, kw_only=True, tag="idle"):
    """Power without work, before a run or after it."""

    when: str
    power_w: float | None
    samples: int | None
    why_not: str | None


Entry = Visited | Burst | Idle
LINES = msgspec.json.Decoder(Campaign | Visited | Burst | Idle)


def journal_path(output: Path) -> Path:
    """Return where the journal of a table lies."""
    return output.with_name(output.name + SUFFIX)


class Journal:
    """Appends entries to a file, each on the disk before the next request is sent.

    Args:
        path: The file; what an earlier run left there is kept and read.
        campaign: What is measured.

    Attributes:
        path: The file.
        entries: Everything finished, by this run and earlier ones.
        damaged: Lines that could not be read, such as one cut by a crash.

    Raises:
        ConfigurationError: If the file is of another campaign, or cannot be written.
        DataError: If it is no journal.
    """

    def __init__(self, path: Path, campaign: Campaign) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.damaged = 0
        try:
            content = path.read_bytes() if path.exists() else b""
            known = self._read(content)
            if known is not None:
                refuse_another(path, known, campaign)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error
        if content and not content.endswith(LINE_END):
            self._write(LINE_END)
        if known is None:
            self._write(msgspec.json.encode(campaign) + LINE_END)

    def __enter__(self) -> Self:
        """Nothing more to open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def append(self, entry: Entry) -> None:
        """Write an entry, and wait until it is on the disk."""
        self._write(msgspec.json.encode(entry) + LINE_END)
        self.entries.append(entry)

    def records(self) -> list[Record]:
        """Return every row, in the order in which it was measured."""
        return [record for entry in self.entries for record in records_of(entry)]

    def _write(self, content: bytes) -> None:
        """Put bytes at the end of the file.

        Raises:
            ConfigurationError: If they cannot be written, such as on a full disk.
        """
        try:
            self._file.write(content)
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(f"cannot write {self.path}: {error.strerror}") from error

    def _read(self, content: bytes) -> Campaign | None:
        """Take over the lines of an earlier run, and return what it measured."""
        campaign = None
        for line in filter(None, content.split(LINE_END)):
            try:
                read = LINES.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self.damaged += 1
                continue
            if isinstance(read, Campaign):
                campaign = campaign or read
            else:
                self.entries.append(read)
        if campaign is None and self.entries:
            raise DataError(
                f"expected {self.path} to begin with what was measured, got no such line; "
                "remove the file to measure anew"
            )
        return campaign


def records_of(entry: Entry) -> Sequence[Record]:
    """Return the rows of an entry."""
    if isinstance(entry, Visited):
        return entry.records
    return (entry.record,) if isinstance(entry, Burst) else ()


def refuse_another(path: Path, known: Campaign, wanted: Campaign) -> None:
    """Refuse to mix two campaigns in one table.

    Raises:
        ConfigurationError: If they differ.
    """
    for field in Campaign.__struct_fields__:
        before, now = getattr(known, field), getattr(wanted, field)
        if before == now:
            continue
        shown = (
            f"another plan ({len(before)} points, now {len(now)})"
            if field == "points"
            else f"{field} {before!r}, now {now!r}"
        )
        raise ConfigurationError(
            f"expected the campaign of {path} to go on, got {shown}; give the same options, "
            "another --output, or remove that file to measure anew"
        )
