"""Files of other tools as tables, so that the same rules apply to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.columns import AS_READ, FILE, ROW
from token2metrics.data.save_records import frame_of
from token2metrics.data.sources import FIRST_ROW
from token2metrics.doctor.evidence import EVIDENCE
from token2metrics.doctor.table import FAILURE, SET_ASIDE
from token2metrics.errors import DataError
from token2metrics.ingest.reader import Reading
from token2metrics.ingest.roster import recognise
from token2metrics.ingest.sniffed import sniff
from token2metrics.processors.validate import CATEGORY, REASON

FAILED = re.compile(FAILURE)
UNNAMED = "unnamed"
"""Device or model of a file that names none."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file of another tool.

    Attributes:
        table: Its records as text, as ``data.load`` returns them; ``row`` numbers the records.
        evidence: Their columns ``EVIDENCE``.
        refused: What its reader set aside, as rejected rows without a number.
    """

    table: pl.LazyFrame
    evidence: pl.DataFrame
    refused: pl.DataFrame


def read_foreign(path: Path) -> Foreign:
    """Read a file of another tool.

    Raises:
        DataError: If no tool is known to write such a file, or nothing in it can be used for
            another reason than that every request failed.
    """
    file = sniff(path)
    reading = recognise(file).read(file)
    reasons = {one.reason for one in reading.set_aside}
    if not reading.records and not all(FAILED.search(reason) for reason in reasons):
        raise DataError(f"nothing in {path} can be used: {'; '.join(sorted(reasons))}")
    return as_foreign(path, reading)


def as_foreign(path: Path, reading: Reading) -> Foreign:
    """Turn what a reader made of a file into tables.

    Args:
        path: The file.
        reading: Its records, and what was set aside.
    """
    file = pl.lit(str(path)).alias(FILE)
    records = frame_of(reading.records).with_row_index(ROW, FIRST_ROW)
    known = [name for name in AS_READ if name in records.columns]
    text = records.select(pl.col(known).cast(pl.String), ROW, file)
    refused = pl.DataFrame(
        {REASON: [f"{one.where}: {one.reason}" for one in reading.set_aside]},
        schema={REASON: pl.String()},
    )
    nothing = pl.lit(None, pl.String)
    return Foreign(
        table=text.lazy().with_columns(pl.col("device", "model").fill_null(UNNAMED)),
        evidence=records.select(file, ROW, *EVIDENCE).cast(pl.Schema(EVIDENCE)),
        refused=refused.select(
            *(nothing.alias(name) for name in AS_READ),
            file,
            pl.lit(None, pl.UInt32).alias(ROW),
            pl.lit(SET_ASIDE).alias(CATEGORY),
            REASON,
        ),
    )
