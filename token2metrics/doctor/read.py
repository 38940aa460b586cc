"""Read files of any known kind for an examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.formats import FormatContext
from token2metrics.data.load import load
from token2metrics.doctor.evidence import Lines, extra_columns, look_at_lines
from token2metrics.doctor.foreign import Foreign, as_foreign, read_foreign
from token2metrics.doctor.table import Table, build_table
from token2metrics.errors import DataError
from token2metrics.ingest.reader import Reading
from token2metrics.ingest.roster import NO_KNOWN_FORMAT
from token2metrics.processors.validate import validate

BINARY_ENDINGS = (".parquet", ".xlsx")
"""What no other tool writes its results as."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Files by how they are read.

    Attributes:
        tables: Files of our own formats.
        foreign: Files of other tools.
        unreadable: Why others could not be read.
    """

    tables: list[Path]
    foreign: list[Foreign]
    unreadable: dict[str, str]


def read_files(paths: Sequence[Path], context: FormatContext) -> tuple[Table, dict[str, str]]:
    """Read files into one table.

    Args:
        paths: Measurement files.
        context: What our own formats may leave unsaid.

    Returns:
        The table, and why a file with odd lines could not be read.

    Raises:
        DataError: If a file cannot be read, and its lines do not show why.
    """
    sources = Sources([], [], {})
    lines = look_at_lines([path for path in paths if path.is_file()])
    for path in paths:
        _sort(path, sources, context, lines)
    readable = {str(path) for path in sources.tables} | set(sources.unreadable)
    try:
        return _table(sources, context, lines.of(readable)), sources.unreadable
    except (*TABLE_ERRORS, OSError) as error:
        names = ", ".join(map(str, paths))
        raise DataError(
            f"expected whole measurement files in {names}, got: {error}; export them again"
        ) from error


def _sort(path: Path, sources: Sources, context: FormatContext, lines: Lines) -> None:
    """Find out how a file is read."""
    try:
        load([path], context)
    except DataError as refusal:
        is_text = path.suffix.lower() not in BINARY_ENDINGS
        if not is_text or not path.is_file() or not path.stat().st_size:
            raise
        try:
            sources.foreign.append(read_foreign(path))
        except DataError as error:
            reason = _clearest(refusal, error, str(path) in lines.repeated_names)
            if not lines.odd(str(path)):
                raise reason from None
            sources.unreadable[str(path)] = str(reason)
    else:
        sources.tables.append(path)


def _clearest(as_table: DataError, as_foreign: DataError, repeated: bool) -> DataError:
    """Return the reason to show for a file that is neither a table nor of another tool.

    Args:
        as_table: Why it is no table of ours.
        as_foreign: Why it is of no other tool.
        repeated: Whether a repeated column is the reason.
    """
    if repeated:
        return as_table
    if NO_KNOWN_FORMAT in str(as_foreign):
        return DataError(f"{as_table}; as a file of another tool it is {NO_KNOWN_FORMAT}")
    return as_foreign


def _table(sources: Sources, context: FormatContext, lines: Lines) -> Table:
    """Check the rows of all files together."""
    frames = [one.table for one in sources.foreign]
    if sources.tables:
        frames.insert(0, load(sources.tables, context))
    everything = pl.concat(frames, how="diagonal") if frames else EMPTY.table
    validated = validate(everything)
    accepted, rejected = pl.collect_all((validated.accepted, validated.rejected))
    return build_table(
        accepted,
        pl.concat((rejected, *(one.refused for one in sources.foreign))),
        pl.concat((extra_columns(sources.tables), *(one.evidence for one in sources.foreign))),
        lines,
    )


EMPTY = as_foreign(Path(), Reading((), ()))
"""A table without rows, for files of which only the lines are known."""
