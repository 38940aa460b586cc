"""From the files of other tools to records, with an account of everything in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from token2metrics.errors import DataError
from token2metrics.ingest.cold import mark_cold_start
from token2metrics.ingest.conditions import Conditions, contradicted, fill, unknown
from token2metrics.ingest.join_power import Joined, join_power
from token2metrics.ingest.reader import SetAside
from token2metrics.ingest.roster import NO_KNOWN_FORMAT, looked_for, recognise
from token2metrics.ingest.sniffed import sniff
from token2metrics.power.logs import PowerLog
from token2metrics.records import Record


class Place(msgspec.Struct, frozen=True):
    """Something in a file that became no row.

    Attributes:
        where: Its place.
        reason: Why.
    """

    where: str
    reason: str


class FileAccount(msgspec.Struct, frozen=True):
    """What became of one file.

    Attributes:
        file: As the user gave it.
        reader: The tool that wrote it; None for a file that was refused.
        refused: Why nothing of it is used; None where something is.
        rows: How many rows of each phase it gave.
        flagged: How many of them ``train`` leaves out, by the word that flags them (those of
            ``processors.rules.BAD_FLAGS``).
        set_aside: What became no row.
    """

    file: str
    reader: str | None
    refused: str | None
    rows: Mapping[str, int]
    flagged: Mapping[str, int]
    set_aside: Sequence[Place]


class Account(msgspec.Struct, frozen=True):
    """What became of all files.

    Attributes:
        output: The table that was written.
        rows: How many rows it has.
        files: Each file.
        unknown: How many rows lack what the user could still tell, by column.
        contradicted: How many rows tell another fact than the user gave, by column; the file is
            believed.
        looked_for: What each known format is recognised by, where a file is of none.
        energies: How many rows got an energy from a power log, and why the others got none.
    """

    output: str
    rows: int
    files: Sequence[FileAccount]
    unknown: Mapping[str, int]
    contradicted: Mapping[str, int]
    looked_for: Sequence[str]
    energies: Joined | None


@dataclass(frozen=True, slots=True)
class Converted:
    """Records with their account."""

    records: tuple[Record, ...]
    account: Account


def convert(
    paths: Sequence[Path], conditions: Conditions, logs: Sequence[PowerLog], output: Path
) -> Converted:
    """Read files of any known format.

    Args:
        paths: The files.
        conditions: What the user tells of all of them.
        logs: Power logs whose energies are joined by time.
        output: Where the records will be written.

    Raises:
        DataError: If no file gives a row; it says why of each.
    """
    readings = [read_file(path) for path in paths]
    accounts = [account for _, account in readings]
    told = [record for records, _ in readings for record in records]
    if not told:
        raise DataError("; ".join([one.refused or "" for one in accounts] + _advice(accounts)))
    records = [fill(record, conditions) for record in told]
    energies = None
    if logs:
        records, energies = join_power(records, logs)
    account = Account(
        output=str(output),
        rows=len(records),
        files=accounts,
        unknown=unknown(records),
        contradicted=contradicted(told, conditions),
        looked_for=looked_for() if _advice(accounts) else (),
        energies=energies,
    )
    return Converted(tuple(records), account)


def _advice(accounts: Sequence[FileAccount]) -> list[str]:
    """Return the known formats in one line, where a file is of none."""
    if not any((one.refused or "").endswith(NO_KNOWN_FORMAT) for one in accounts):
        return []
    return [f"expected one of these: {'; '.join(looked_for())}"]


def read_file(path: Path) -> tuple[tuple[Record, ...], FileAccount]:
    """Read one file.

    Args:
        path: The file.

    Returns:
        Its records, named after it, and what became of it; a file that cannot be used is refused
        in its account.
    """
    try:
        file = sniff(path)
        reader = recognise(file)
    except DataError as error:
        return (), FileAccount(str(path), None, str(error), {}, {}, ())
    reading = reader.read(file)
    named = (msgspec.structs.replace(record, source=path.name) for record in reading.records)
    records = mark_cold_start(tuple(named))
    account = FileAccount(
        file=str(path),
        reader=reader.name,
        refused=None if records else _why_none(path, reader.name, reading.set_aside),
        rows=Counter(record.phase.value for record in records),
        flagged=Counter(_flags(records)),
        set_aside=[Place(one.where, one.reason) for one in reading.set_aside],
    )
    return records, account


def _why_none(path: Path, reader: str, set_aside: Sequence[SetAside]) -> str:
    """Say why a recognised file gave no row."""
    reasons = Counter(one.reason for one in set_aside)
    told = "; ".join(f"{reason} ({count}x)" for reason, count in reasons.most_common())
    return f"nothing in {path} ({reader}) can be used: {told or 'it holds no measurement'}"


def _flags(records: Iterable[Record]) -> Iterable[str]:
    """Yield the words that flag rows."""
    return (word for record in records for word in (record.quality_flags or "").split())
