"""From measurement files to prepared rows; a screen aside, the one place that collects frames."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.columns import AS_READ, CONDITIONS, FILE, PROVENANCE, Measurement
from token2metrics.config import DataConfig
from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.formats import FormatContext
from token2metrics.data.load import load
from token2metrics.errors import DataError
from token2metrics.processors.prepare import aggregate_repeats, is_kept, is_trained, mark
from token2metrics.processors.validate import (
    CATEGORY,
    ENERGY_SET_ASIDE,
    REASON,
    Validated,
    validate,
)

logger = logging.getLogger(__name__)

TOP_REASONS = 3
KEPT_ROWS = "kept_rows"

Screening = Callable[[Validated], Validated]
"""Looks at the accepted rows together, and rejects some of them with a reason."""


@dataclass(frozen=True, slots=True)
class PreparedData:
    """Measurements ready for modelling, and what became of the rest.

    Attributes:
        rows: One canonical row per token setting, sorted.
        beside: The same of the edge device in other power modes, and of several samples at once:
            no curve is fitted to them, but they say what to believe and how samples share.
        rejected: Rows rejected or set aside: the columns as read, ``file``, ``row``,
            ``category`` and ``reason``.
        read_by_file: Measurements read from each file, kept and rejected together.
        rejected_counts: Rejected rows of each category, the most frequent first.
        energy_set_aside: Kept rows whose energy is not used, by reason.
        fingerprint: SHA-256 of ``rows`` and ``beside``; the order of the rows in the files does
            not matter.
        sources: Distinct sources of ``rows``.
    """

    rows: pl.DataFrame
    beside: pl.DataFrame
    rejected: pl.DataFrame
    read_by_file: dict[str, int]
    rejected_counts: dict[str, int]
    energy_set_aside: dict[str, int]
    fingerprint: str
    sources: tuple[str, ...]

    @property
    def read_rows(self) -> int:
        """Measurements read from all files."""
        return sum(self.read_by_file.values())


def prepare_measurements(
    paths: Sequence[Path],
    context: FormatContext,
    data: DataConfig,
    screen: Screening | None = None,
) -> PreparedData:
    """Load, check, select and aggregate measurements.

    Args:
        paths: Measurement files of any known format.
        context: What the files may leave unsaid.
        data: Which measurements are used.
        screen: Judges rows by each other; None trusts every row that is right by itself.

    Raises:
        DataError: If a file cannot be read or recognised, or no row is left.
    """
    try:
        return prepare(load(paths, context), context.edge_device, data, screen)
    except (*TABLE_ERRORS, OSError) as error:
        names = ", ".join(map(str, paths))
        raise DataError(
            f"expected whole measurement files in {names}, got: {error}; export them again"
        ) from error


def prepare(
    table: pl.LazyFrame, edge_device: str, data: DataConfig, screen: Screening | None = None
) -> PreparedData:
    """Check, select and aggregate a loaded table.

    Args:
        table: Text columns as ``load`` returns them.
        edge_device: The device that the choices in ``data`` are about.
        data: Which measurements are used.
        screen: Judges rows by each other; None trusts every row that is right by itself.

    Raises:
        DataError: If no row is left.
    """
    validated = validate(table) if screen is None else screen(validate(table))
    marked = mark(validated.accepted, data, edge_device)
    kept = marked.filter(is_kept())
    rows, beside, rejected, summary = pl.collect_all(
        (
            aggregate_repeats(kept.filter(is_trained())),
            aggregate_repeats(kept.filter(~is_trained())),
            pl.concat((validated.rejected, as_read(marked.filter(~is_kept())))),
            kept.group_by(FILE, ENERGY_SET_ASIDE).agg(pl.len().alias(KEPT_ROWS)),
        )
    )
    others = pl.concat((beside, rejected), how="diagonal_relaxed")
    _refuse_empty_choice(rows, others, edge_device, data)
    counts = _counts(rejected)
    _report(rejected, counts, rows.is_empty(), beside.height)
    return PreparedData(
        rows=Measurement.validate(rows),
        beside=Measurement.validate(beside),
        rejected=rejected.sort(PROVENANCE, maintain_order=True),
        read_by_file=_read_by_file(summary, rejected),
        rejected_counts=counts,
        energy_set_aside=_energy_set_aside(summary),
        fingerprint=fingerprint(pl.concat((rows, beside))),
        sources=tuple(rows.get_column("source").unique().sort()),
    )


def _refuse_empty_choice(
    rows: pl.DataFrame, others: pl.DataFrame, edge_device: str, data: DataConfig
) -> None:
    """Refuse a choice of power mode, runtime or precision that leaves the device no row."""
    if not rows.filter(pl.col("device") == edge_device).is_empty():
        return
    measured = others.filter(pl.col("device") == edge_device)
    for column in CONDITIONS:
        wanted = getattr(data, column)
        aside = pl.col(CATEGORY).is_null() | (pl.col(CATEGORY) == f"set aside: {column}")
        found = measured.filter(aside).get_column(column).drop_nulls().unique().sort()
        if wanted is not None and len(found) and wanted.strip().lower() not in found:
            raise DataError(
                f"expected rows of {edge_device} with {column} {wanted!r}, got {', '.join(found)}; "
                "choose one of them"
            )


def _read_by_file(kept: pl.DataFrame, rejected: pl.DataFrame) -> dict[str, int]:
    """Count the rows of each file, those kept and those rejected together."""
    counts: Counter[str] = Counter()
    for file, rows in kept.select(FILE, KEPT_ROWS).iter_rows():
        counts[file] += rows
    counts.update(rejected.get_column(FILE).to_list())
    return dict(counts)


def _energy_set_aside(kept: pl.DataFrame) -> dict[str, int]:
    """Count the kept rows that lost their energy, by reason."""
    lost = kept.drop_nulls(ENERGY_SET_ASIDE).group_by(ENERGY_SET_ASIDE)
    counted = lost.agg(pl.col(KEPT_ROWS).sum()).sort(ENERGY_SET_ASIDE)
    return {reason: int(rows) for reason, rows in counted.iter_rows()}


def fingerprint(rows: pl.DataFrame) -> str:
    """Return the SHA-256 of prepared rows, which are sorted."""
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()


def as_read(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Turn rows set aside, with their category and reason, into the columns of rejected rows."""
    present = rows.collect_schema().names()
    cells = (
        (pl.col(name) if name in present else pl.lit(None)).cast(pl.String).alias(name)
        for name in AS_READ
    )
    return rows.select(*cells, *PROVENANCE, CATEGORY, REASON)


def _counts(rejected: pl.DataFrame) -> dict[str, int]:
    """Count the rejected rows of each category, the most frequent first."""
    counted = rejected.get_column(CATEGORY).value_counts(name="rows")
    ordered = counted.sort("rows", CATEGORY, descending=[True, False])
    return dict(ordered.iter_rows())


def _report(
    rejected: pl.DataFrame, counts: dict[str, int], nothing_left: bool, beside: int
) -> None:
    """Log what was rejected; refuse to go on without rows."""
    for category, count in counts.items():
        logger.info("%d rows not used: %s", count, category)
    if not nothing_left:
        return
    reasons = rejected.unique(CATEGORY, keep="first", maintain_order=True)
    example = dict(reasons.select(CATEGORY, REASON).iter_rows())
    top = "; ".join(
        f"{count} rows: {example[category]}" for category, count in [*counts.items()][:TOP_REASONS]
    )
    alone = f"{beside} rows of several samples at once or in other power modes" if beside else ""
    reason = "; ".join(part for part in (top, alone) if part) or "the files are empty"
    raise DataError(f"expected at least one usable row, got none; {reason}")
