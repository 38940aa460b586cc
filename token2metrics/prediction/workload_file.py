"""Read the requests of trace files: their lengths, and how often each pair of lengths comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.columns import FILE, ROW, SURPLUS
from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.sources import scan
from token2metrics.errors import DataError
from token2metrics.prediction.count_rules import broken_counts, number
from token2metrics.prediction.workload import WorkloadSummary

INPUT, OUTPUT, COUNT, REASON = "input_tokens", "output_tokens", "requests", "reason"
LENGTHS = (INPUT, OUTPUT)

KNOWN_NAMES: Mapping[str, tuple[str, ...]] = {
    INPUT: (
        "inputtokens",
        "contexttokens",
        "requesttokens",
        "numprefilltokens",
        "inputlength",
        "prompttokens",
    ),
    OUTPUT: (
        "outputtokens",
        "generatedtokens",
        "responsetokens",
        "numdecodetokens",
        "outputlength",
        "completiontokens",
    ),
}
"""Names of both lengths, without case, blanks and underscores: ours, and those of the Azure traces
(ContextTokens, GeneratedTokens), BurstGPT (Request tokens, Response tokens), Vidur
(num_prefill_tokens, num_decode_tokens), Mooncake (input_length, output_length) and the usage fields
of OpenAI's API."""


@dataclass(frozen=True, slots=True)
class WorkloadTable:
    """The requests of trace files.

    Attributes:
        pairs: ``input_tokens``, ``output_tokens`` and ``requests``, a row per pair of lengths, in
            ascending order.
        summary: What was read.
    """

    pairs: pl.DataFrame
    summary: WorkloadSummary


def read_workload(files: Sequence[Path]) -> WorkloadTable:
    """Read trace files as one workload.

    Args:
        files: CSV, Parquet, JSON lines or XLSX with a column for each length, under any known
            name. Further columns are not read.

    Raises:
        DataError: If a file is unreadable, lacks a length, or no row is a request.
    """
    counted = _counted([table for file in files for table in _lengths(file)], files)
    used = counted.filter(pl.col(REASON).is_null())
    rejected = counted.filter(pl.col(REASON).is_not_null())
    reasons = rejected.group_by(REASON).agg(pl.col(COUNT).sum())
    reasons = reasons.sort(COUNT, REASON, descending=[True, False])
    by_reason = dict(reasons.iter_rows())
    if used.is_empty():
        named = ", ".join(str(file) for file in files)
        worst = f": {next(iter(by_reason))}" if by_reason else ""
        raise DataError(f"expected at least one request in {named}, got none{worst}")
    pairs = used.select(*(pl.col(name).cast(pl.Int64) for name in (*LENGTHS, COUNT)))
    return WorkloadTable(pairs.sort(LENGTHS), _summary(files, pairs, by_reason))


def _summary(
    files: Sequence[Path], pairs: pl.DataFrame, rejected_counts: dict[str, int]
) -> WorkloadSummary:
    """Count what was read."""
    requests = int(pairs.get_column(COUNT).sum())
    tokens = pairs.select((pl.col(name) * pl.col(COUNT)).sum() for name in LENGTHS)
    prompts, answers = tokens.row(0)
    return WorkloadSummary(
        files=tuple(str(file) for file in files),
        read_rows=requests + sum(rejected_counts.values()),
        requests=requests,
        distinct=pairs.height,
        rejected_counts=rejected_counts,
        input_tokens=int(prompts),
        output_tokens=int(answers),
    )


def _lengths(file: Path) -> Iterator[pl.LazyFrame]:
    """Yield both lengths of every row as text, for each table of a file."""
    for table in scan(file):
        columns = table.collect_schema().names()
        known = [name for name in columns if name not in (FILE, ROW, SURPLUS)]
        surplus = pl.col(SURPLUS) if SURPLUS in columns else pl.lit(None, dtype=pl.String)
        yield table.select(
            *(pl.col(length_column(name, known, file)).alias(name) for name in LENGTHS),
            surplus.alias(SURPLUS),
        )


def length_column(length: str, columns: Sequence[str], file: Path | str) -> str:
    """Return the column that holds a length: the first known name that the file has.

    Args:
        length: ``input_tokens`` or ``output_tokens``.
        columns: Columns of the file.
        file: The file, for errors.

    Raises:
        DataError: If there is none, or the same name twice.
    """
    for name in KNOWN_NAMES[length]:
        found = [column for column in columns if _plain(column) == name]
        if len(found) > 1:
            raise DataError(
                f"expected one column of {length} in {file}, got {' and '.join(found)}; remove one"
            )
        if found:
            return found[0]
    raise DataError(
        f"expected the columns input_tokens and output_tokens in {file}, or those of a public "
        f"trace such as ContextTokens and GeneratedTokens; no column of {length} among: "
        f"{', '.join(columns)}"
    )


def _plain(column: str) -> str:
    """Return a name without case, blanks and underscores."""
    return "".join(letter for letter in column.casefold() if letter.isalnum())


def _counted(tables: Sequence[pl.LazyFrame], files: Sequence[Path]) -> pl.DataFrame:
    """Count equal requests, and rows that are none by reason."""
    numbers = (number(name).alias(name) for name in LENGTHS)
    judged = (
        pl.concat(tables)
        .with_columns(pl.coalesce(*_reasons()).alias(REASON), *numbers)
        .with_columns(
            pl.when(pl.col(REASON).is_null()).then(pl.col(name)).alias(name) for name in LENGTHS
        )
    )
    try:
        return judged.group_by(*LENGTHS, REASON).agg(pl.len().alias(COUNT)).collect()
    except TABLE_ERRORS as error:
        named = ", ".join(str(file) for file in files)
        first_line = str(error).partition("\n")[0]
        raise DataError(f"expected whole files, got {named}: {first_line}") from error


def _reasons() -> Iterator[pl.Expr]:
    """Yield why a row is no request, each null where it is no reason."""
    yield pl.when(pl.col(SURPLUS).is_not_null()).then(pl.lit("too many fields"))
    for name in LENGTHS:
        yield from broken_counts(name, number(name))
