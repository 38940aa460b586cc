"""Find the trace files behind paths, patterns, directories and URLs, and pin what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from glob import has_magic
from pathlib import Path
from stat import S_ISREG

import msgspec
import polars as pl

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.errors import DataError

URL_MARK = "://"
SHOWN_LETTERS = 80
"""Of a name that cannot be one."""

SOURCE = "__token2metrics_source"


class Kind(StrEnum):
    """How a trace file is written."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON_LINES = "ndjson"


KINDS = {
    ".parquet": Kind.PARQUET,
    ".pq": Kind.PARQUET,
    ".csv": Kind.CSV,
    ".ndjson": Kind.JSON_LINES,
    ".jsonl": Kind.JSON_LINES,
}
"""The kind of each file name ending."""


class Source(msgspec.Struct, frozen=True):
    """A trace file, and what tells it from a changed one.

    Attributes:
        path: As given or found; absolute where it is a file of this machine.
        kind: How it is written.
        size_bytes: Its size; None in an object store.
        modified_ns: When it was last written; None in an object store.
        rows: Rows of a Parquet file, from its footer; None for text.
    """

    path: str
    kind: Kind
    size_bytes: int | None
    modified_ns: int | None
    rows: int | None

    @property
    def remote(self) -> bool:
        """Whether it lies in an object store."""
        return URL_MARK in self.path


def find_sources(inputs: Sequence[str]) -> tuple[Source, ...]:
    """Find the files that inputs name, in the order given, those of one input by name.

    Args:
        inputs: Files, patterns, directories or URLs.

    Raises:
        DataError: If an input names nothing, or a file is of an unknown kind or unreadable.
    """
    found = [source for one in inputs for source in _found(one)]
    counts = Counter(source.path for source in found)
    for path, count in counts.most_common(1):
        if count > 1:
            raise DataError(f"expected every file once, got {path} again; name it once")
    return tuple(found)


def _found(given: str) -> Iterator[Source]:
    """Yield the files of one input."""
    if URL_MARK in given:
        yield from _remote(given)
        return
    path = Path(given)
    if not given or not _can_be_named(path):
        raise DataError(f"expected the name of a trace, got {given[:SHOWN_LETTERS]!r}")
    if path.is_dir():
        inside = (one for one in path.rglob("*") if one.suffix.lower() in KINDS and one.is_file())
        files = sorted(str(one) for one in inside)
    elif path.exists() or not has_magic(given):
        files = [given]
    else:
        files = sorted(str(one) for one in _matching(path) if one.is_file())
    if not files:
        raise DataError(f"expected trace files at {given}, got none ending in {', '.join(KINDS)}")
    for file in files:
        yield _local(Path(file))


def _can_be_named(path: Path) -> bool:
    """Return whether a path can be asked for at all; names can be too long."""
    try:
        path.exists()
    except OSError:
        return False
    return True


def _matching(pattern: Path) -> Iterator[Path]:
    """Yield what matches a pattern."""
    start = Path(pattern.anchor)
    yield from start.glob(str(pattern.relative_to(start)))


def _local(path: Path) -> Source:
    """Describe a file of this machine."""
    kind = _kind(str(path))
    try:
        told = path.stat()
        if not S_ISREG(told.st_mode):
            raise DataError(f"expected {path} to be a file, got something else")
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    rows = _parquet_rows(str(path)) if kind is Kind.PARQUET else None
    return Source(str(path.resolve()), kind, told.st_size, told.st_mtime_ns, rows)


def _kind(path: str) -> Kind:
    """Return the kind that the ending of a name tells."""
    suffix = Path(path.partition("?")[0]).suffix.lower()
    if suffix not in KINDS:
        raise DataError(f"expected {path} to end in one of {', '.join(KINDS)}, got {suffix!r}")
    return KINDS[suffix]


def _remote(url: str) -> Iterator[Source]:
    """Yield the objects of a URL; Polars lists patterns of Parquet alone."""
    kind = _kind(url)
    if kind is not Kind.PARQUET:
        yield Source(url, kind, None, None, None)
        return
    try:
        listed = pl.scan_parquet(url, include_file_paths=SOURCE).select(SOURCE)
        counts = listed.group_by(SOURCE).len().sort(SOURCE).collect(engine="streaming")
    except (*TABLE_ERRORS, OSError) as error:
        raise unreadable(url, kind, error) from error
    for path, rows in counts.iter_rows():
        yield Source(str(path), kind, None, None, int(rows))


def _parquet_rows(path: str) -> int:
    """Return how many rows the footer of a file tells."""
    try:
        counted = pl.scan_parquet(path, glob=False).select(pl.len()).collect()
    except (*TABLE_ERRORS, OSError) as error:
        raise unreadable(path, Kind.PARQUET, error) from error
    return int(counted.item())


def unreadable(path: str, kind: Kind, error: BaseException) -> DataError:
    """Say that a file is not what its name says.

    Args:
        path: The file.
        kind: What its name says.
        error: What the reader said.
    """
    first_line = str(error).partition("\n")[0]
    return DataError(f"expected {path} to be a whole {kind} file, got: {first_line}")
