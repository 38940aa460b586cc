"""Measurement files of any size as one lazy table of curve keys and rows.

The rules are those of ``train`` (``processors.rules``). What differs is that columns keep their
types where the file has them, so that ten million rows of Parquet are not written out as text, and
that rows are not compared with each other: a copy of a row, like a repeat, counts as one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from token2metrics.columns import AS_READ, CONDITIONS, REQUIRED, SURPLUS, UNSTATED
from token2metrics.data.sources import scan
from token2metrics.errors import DataError
from token2metrics.fleet.columns import INPUT, LATENCY, OUTPUT
from token2metrics.fleet.sharing import PHASE
from token2metrics.parallel import SINGLE
from token2metrics.processors.rules import (
    BAD_FLAG,
    BAD_FLAGS,
    NUMBERS,
    PARSED,
    RULES,
    Rule,
    parsed,
)
from token2metrics.vocabulary import Phase

PARQUET = ".parquet"
CATEGORY = "category"
PARALLEL = "parallel"
SEVERAL = "several samples at once: name parallel in --by"
NAMELESS = "a column of --by is empty"


@dataclass(frozen=True, slots=True)
class Reading:
    """A measurement table after the row rules; nothing is read yet.

    Attributes:
        rows: The columns of ``by`` and ``input_tokens``, ``output_tokens`` and ``latency_s``;
            these are null in a row that breaks a rule.
        rejected: ``category``, for each row that breaks a rule.
    """

    rows: pl.LazyFrame
    rejected: pl.LazyFrame


def read(paths: Sequence[Path], by: tuple[str, ...]) -> Reading:
    """Scan measurement files and check their rows.

    Args:
        paths: Canonical measurement tables.
        by: Columns that tell curves apart.

    Raises:
        DataError: If there is no file, or one cannot be read or lacks a column.
    """
    if not paths:
        raise DataError("expected at least one measurement file, got none; name a file")
    tables = [_typed(path, table, by) for path in paths for table in _scan(path)]
    checked = pl.concat([_checked(table, by) for table in tables], how="vertical_relaxed")
    measured = (pl.col(name) for name in (INPUT, OUTPUT, LATENCY))
    good = pl.col(CATEGORY).is_null()
    named = pl.all_horizontal(*(pl.col(name).is_not_null() for name in by))
    return Reading(
        rows=checked.filter(named & pl.col(PHASE).is_in(list(map(str, Phase)))).select(
            *by, *(pl.when(good).then(column) for column in measured)
        ),
        rejected=checked.filter(~good).select(CATEGORY),
    )


def _scan(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Scan a file: Parquet with its types, others as text."""
    if path.suffix.lower() != PARQUET:
        return scan(path)
    scan(path)
    return (pl.scan_parquet(path, glob=False),)


def _typed(path: Path, table: pl.LazyFrame, by: tuple[str, ...]) -> pl.LazyFrame:
    """Take the columns that matter: text stripped, blanks null, numbers beside them."""
    names = table.collect_schema().names()
    missing = [name for name in (*REQUIRED, *by) if name not in names and name not in OPTIONAL]
    if missing:
        raise DataError(
            f"expected the column {missing[0]} in {path}, got {', '.join(names)}; "
            "fit-fleet reads canonical tables: ingest writes them"
        )
    text = cs.string()
    known = [name for name in names if name in (*AS_READ, SURPLUS)]
    absent = [pl.lit(None, pl.String).alias(name) for name in by if name not in names]
    numbers = [name for name in NUMBERS if name in known]
    return (
        table.select(*known, *absent)
        .with_columns((cs.categorical() | cs.enum()).cast(pl.String))
        .with_columns(text.str.strip_chars())
        .with_columns(pl.when(text != "").then(text))
        .with_columns(
            pl.col(name).cast(pl.Float64, strict=False).alias(PARSED + name) for name in numbers
        )
        .with_columns(
            pl.col(PHASE).cast(pl.String).str.to_lowercase(),
            *(
                pl.col(name).cast(pl.String).str.to_lowercase().fill_null(UNSTATED)
                for name in CONDITIONS
            ),
            *_flags(known),
        )
    )


OPTIONAL = (PARALLEL, "power_rail", "source")
"""Columns that tell curves apart if named, and may be absent."""


def _flags(known: Sequence[str]) -> list[pl.Expr]:
    """Return the flag that spoils a row, where the file has flags."""
    if "quality_flags" not in known:
        return []
    flags = pl.col("quality_flags").cast(pl.String).str.to_lowercase()
    return [flags.str.extract(rf"(?:^|[,;\s])({'|'.join(BAD_FLAGS)})(?:$|[,;\s])").alias(BAD_FLAG)]


def _checked(table: pl.LazyFrame, by: tuple[str, ...]) -> pl.LazyFrame:
    """Name the first rule that each row breaks, and keep what a fit needs."""
    present = set(table.collect_schema().names())
    single = PARSED + PARALLEL in present and PARALLEL not in by
    rules = [rule for rule in RULES if _applies(rule, present)]
    broken = [pl.when(rule.broken).then(pl.lit(rule.name)) for rule in rules]
    if single:
        broken.append(pl.when(parsed(PARALLEL) != SINGLE).then(pl.lit(SEVERAL)))
    broken += [pl.when(pl.col(name).is_null()).then(pl.lit(NAMELESS)) for name in by]
    keys = [
        (
            pl.lit(str(SINGLE)).alias(name)
            if _is_absent(name, present)
            else pl.col(name).cast(pl.String)
        )
        for name in by
    ]
    return table.select(
        *keys,
        parsed(INPUT).alias(INPUT),
        parsed(OUTPUT).alias(OUTPUT),
        parsed(LATENCY).alias(LATENCY),
        pl.coalesce(*broken).alias(CATEGORY),
    )


def _is_absent(name: str, present: set[str]) -> bool:
    """Return whether the number of samples is left unsaid, so that it is one."""
    return name == PARALLEL and PARSED + name not in present


def _applies(rule: Rule, present: set[str]) -> bool:
    """Return whether a table has the columns that a rule is about."""
    return set(rule.broken.meta.root_names()) <= present
