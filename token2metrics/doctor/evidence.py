"""What files tell beside the canonical columns: real and asked lengths, repeats, ragged lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.columns import FILE, PROVENANCE, ROW, SHEET
from token2metrics.data.sources import FIRST_ROW, scan

FIELDS = "fields"
NAMES = "names"
LINE_SCHEMA: dict[str, pl.DataType] = {
    FILE: pl.String(),
    ROW: pl.UInt32(),
    FIELDS: pl.Int64(),
    NAMES: pl.Int64(),
}
"""A CSV line with the number of its fields and of the header's names."""

EVIDENCE: dict[str, pl.DataType] = {
    "repeat": pl.Float64(),
    "started_at_s": pl.Float64(),
    "asked_input_tokens": pl.Float64(),
    "asked_output_tokens": pl.Float64(),
    "finish_reason": pl.String(),
}
"""Optional columns of a table of records that only the rules look at."""

CSV_ENDING = ".csv"
WORKBOOK_ENDING = ".xlsx"


@dataclass(frozen=True, slots=True)
class Lines:
    """What is odd about the lines of CSV files.

    Attributes:
        ragged: Lines whose number of fields is not that of the header; see ``LINE_SCHEMA``.
        repeated_names: Header names that a file has more than once, by file.
    """

    ragged: pl.DataFrame
    repeated_names: Mapping[str, tuple[str, ...]]

    def odd(self, file: str) -> bool:
        """Return whether anything is odd about a file."""
        return file in self.repeated_names or file in self.ragged.get_column(FILE)

    def of(self, files: Collection[str]) -> Lines:
        """Return what is odd about some files."""
        return Lines(
            self.ragged.filter(pl.col(FILE).is_in(files)),
            {file: names for file, names in self.repeated_names.items() if file in files},
        )


NO_LINES = Lines(pl.DataFrame(schema=LINE_SCHEMA), {})


def extra_columns(paths: Sequence[Path]) -> pl.DataFrame:
    """Return the columns ``EVIDENCE`` of files by ``file`` and ``row``; workbooks have none.

    Args:
        paths: Files of a known format.

    Raises:
        DataError: If a file cannot be scanned.
    """
    schema = {FILE: pl.String(), ROW: pl.UInt32(), **EVIDENCE}
    tables = [table for path in paths for table in _extra_columns(path)]
    return pl.concat((pl.DataFrame(schema=schema), *tables), how="diagonal")


def look_at_lines(paths: Sequence[Path]) -> Lines:
    """Find ragged lines and repeated header names of CSV files, whatever their format.

    Args:
        paths: Files that exist; those that are no CSV are passed over.
    """
    ragged: list[tuple[str, int, int, int]] = []
    repeated: dict[str, tuple[str, ...]] = {}
    for path in paths:
        if path.suffix.lower() != CSV_ENDING:
            continue
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            lines = csv.reader(stream)
            names = [name.strip() for name in next(lines, [])]
            ragged += (
                (str(path), number, fields, len(names))
                for number, fields in _unequal(lines, len(names))
            )
        twice = tuple(name for name, count in Counter(names).items() if name and count > 1)
        if twice:
            repeated[str(path)] = twice
    return Lines(pl.DataFrame(ragged, schema=LINE_SCHEMA, orient="row"), repeated)


def _unequal(lines: Iterator[list[str]], names: int) -> Iterator[tuple[int, int]]:
    """Yield number and fields of the lines that do not fit their header; empty ones do."""
    try:
        for number, cells in enumerate(lines, start=FIRST_ROW):
            if cells and len(cells) != names:
                yield number, len(cells)
    except csv.Error:
        return


def _extra_columns(path: Path) -> list[pl.DataFrame]:
    """Return the evidence columns of a file; workbooks have none."""
    if path.suffix.lower() == WORKBOOK_ENDING:
        return []
    tables = []
    for table in scan(path):
        columns = table.collect_schema().names()
        present = [name for name in EVIDENCE if name in columns]
        if present and SHEET not in columns:
            cells = (pl.col(name).cast(EVIDENCE[name], strict=False) for name in present)
            tables.append(table.select(*PROVENANCE, *cells).cast({ROW: pl.UInt32()}).collect())
    return tables
