"""The state of the monitor in an SQLite file: several processes write it in turn, none loses any.

What was committed is on the disk, and a process that is killed while it writes leaves what was
committed before. SQLite's write-ahead log takes one write to the disk per commit; a lock of our own
sees to it that one process at a time has anything to do with the file, which is quicker and fairer
than SQLite's own way of waiting, and keeps two from writing back the log at once.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from token2metrics.errors import ConfigurationError
from token2metrics.monitoring.model_state import ModelState
from token2metrics.monitoring.monitor import MOST_EVENTS
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import Event

APPLICATION = 0x74326D6F
"""Marks the file as one of ours: ``t2mo`` in ASCII."""

VERSION = 1
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.002
"""How long a process waits for its turn, and how often it looks."""

LOCK_SUFFIX = ".lock"

MOST_BATCHES = 100_000
REMEMBERED_S = 24 * 3600.0
"""A key is remembered for a day, unless so many later ones came."""

SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS tally
    (sequence INTEGER, requests INTEGER, set_aside BLOB, options BLOB);
CREATE TABLE IF NOT EXISTS models (key TEXT PRIMARY KEY, sequence INTEGER, state BLOB);
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB);
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, at_s REAL, digest TEXT, answer BLOB
);
CREATE INDEX IF NOT EXISTS batches_by_time ON batches (at_s);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""

DECODED_STATE = msgspec.json.Decoder(ModelState)
DECODED_EVENT = msgspec.json.Decoder(Event)
DECODED_COUNTS = msgspec.json.Decoder(dict[str, int])
DECODED_OPTIONS = msgspec.json.Decoder(MonitorOptions)


class Totals(msgspec.Struct, frozen=True):
    """What all models have in common.

    Attributes:
        sequence: Number of the last commit.
        requests: Requests compared.
        set_aside: Requests that were not, by reason.
        options: What the monitor looks for.
    """

    sequence: int
    requests: int
    set_aside: dict[str, int]
    options: MonitorOptions


class Answered(msgspec.Struct, frozen=True):
    """A batch that was taken under a key.

    Attributes:
        digest: Of what it said.
        answer: What was answered, as JSON.
    """

    digest: str
    answer: bytes


class Ledger:
    """Holds the file open; one thread at a time.

    Args:
        path: The file; created when missing.
        options: What a new one looks for.

    Raises:
        ConfigurationError: If it cannot be opened, written or is no file of ours.
    """

    def __init__(self, path: Path, options: MonitorOptions) -> None:
        self._path = path
        self._lock = FileLock(f"{path}{LOCK_SUFFIX}", timeout=PATIENCE_S)
        try:
            with self._locked():
                self._database = sqlite3.connect(
                    path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
                )
                self._check_kind()
                self._database.executescript(SETTINGS)
                self._database.executescript(SCHEMA)
                self._begin(options)
                self.totals()
        except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
            raise ConfigurationError(
                f"expected a state of the service that can be written (--state), got {path}: "
                f"{error}; name another file, or remove it to begin anew"
            ) from error

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the file within a block; what it wrote is on the disk once it ended well.

        Raises:
            sqlite3.Error: If the disk refuses; nothing is written then.
            OSError: If the turn did not come.
        """
        with self._locked():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only process that has to do with the file within a block."""
        with self._lock.acquire(poll_interval=LOOK_EVERY_S):
            yield

    def totals(self) -> Totals:
        """Return what all models have in common."""
        row = self._database.execute(
            "SELECT sequence, requests, set_aside, options FROM tally"
        ).fetchone()
        sequence, requests, set_aside, options = row
        return Totals(
            sequence, requests, DECODED_COUNTS.decode(set_aside), DECODED_OPTIONS.decode(options)
        )

    def models_since(self, sequence: int) -> dict[str, ModelState]:
        """Return the state of every model that changed after a commit."""
        rows = self._database.execute(
            "SELECT key, state FROM models WHERE sequence > ? ORDER BY key", (sequence,)
        )
        return {key: DECODED_STATE.decode(state) for key, state in rows}

    def model_keys(self) -> frozenset[str]:
        """Return the keys of all models."""
        return frozenset(key for (key,) in self._database.execute("SELECT key FROM models"))

    def events(self) -> list[Event]:
        """Return the last events, in the order they happened."""
        rows = self._database.execute("SELECT event FROM events ORDER BY number")
        return [DECODED_EVENT.decode(event) for (event,) in rows]

    def answered(self, key: str) -> Answered | None:
        """Return what was answered under a key; None where it is not known."""
        row = self._database.execute(
            "SELECT digest, answer FROM batches WHERE key = ?", (key,)
        ).fetchone()
        return None if row is None else Answered(*row)

    def remember(self, key: str, answered: Answered) -> None:
        """Remember what is answered under a key, and forget what is older than promised."""
        now_s = time.time()
        last = self._database.execute(
            "INSERT INTO batches (key, at_s, digest, answer) VALUES (?, ?, ?, ?)",
            (key, now_s, answered.digest, answered.answer),
        ).lastrowid
        assert last is not None
        self._database.execute("DELETE FROM batches WHERE number <= ?", (last - MOST_BATCHES,))
        self._database.execute("DELETE FROM batches WHERE at_s < ?", (now_s - REMEMBERED_S,))

    def write(self, totals: Totals, models: Mapping[str, ModelState]) -> None:
        """Write totals, and the models that changed with this commit."""
        self._database.execute(
            "UPDATE tally SET sequence = ?, requests = ?, set_aside = ?",
            (totals.sequence, totals.requests, msgspec.json.encode(totals.set_aside)),
        )
        self._database.executemany(
            "INSERT OR REPLACE INTO models (key, sequence, state) VALUES (?, ?, ?)",
            [(key, totals.sequence, msgspec.json.encode(state)) for key, state in models.items()],
        )

    def add_events(self, events: Sequence[Event]) -> None:
        """Write what happened, and forget the oldest."""
        for event in events:
            last = self._database.execute(
                "INSERT INTO events (event) VALUES (?)", (msgspec.json.encode(event),)
            ).lastrowid
            assert last is not None
            self._database.execute("DELETE FROM events WHERE number <= ?", (last - MOST_EVENTS,))

    def forget(self, keys: Sequence[str]) -> None:
        """Remove models."""
        self._database.executemany("DELETE FROM models WHERE key = ?", [(key,) for key in keys])

    def close(self) -> None:
        """Close the file."""
        with self._locked():
            self._database.close()

    def _check_kind(self) -> None:
        """Refuse a database of something else.

        Raises:
            ConfigurationError: If it is one, or of another version.
        """
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and (application, version) != (APPLICATION, VERSION):
            raise ConfigurationError(
                f"expected --state to name a state of the service, version {VERSION}, got "
                f"{self._path}, another database; name another file"
            )

    def _begin(self, options: MonitorOptions) -> None:
        """Write the row of totals where there is none."""
        self._database.execute(
            "INSERT INTO tally SELECT 0, 0, ?, ? WHERE NOT EXISTS (SELECT * FROM tally)",
            (msgspec.json.encode({}), msgspec.json.encode(options)),
        )
