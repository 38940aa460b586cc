"""Rules about the lines of a CSV file, whatever its format."""

from __future__ import annotations

import polars as pl

from token2metrics.columns import FILE, ROW
from token2metrics.doctor.rule import FINDING_SCHEMA, NOTE, Rule, findings
from token2metrics.doctor.severity import Action, Severity
from token2metrics.doctor.table import PLACE, Table
from token2metrics.processors.validate import CATEGORY, REASON

SURPLUS_FIELDS = "too many fields"
"""The row rule that a longer line breaks."""


def ragged_lines(table: Table) -> pl.DataFrame:
    """Find lines whose number of fields is not that of the header."""
    place = table.rows.select(PLACE, FILE, ROW).unique((FILE, ROW), keep="first")
    ragged = table.lines.ragged.join(place, on=(FILE, ROW), how="left", maintain_order="left")
    refused = table.rows.filter(pl.col(CATEGORY) == SURPLUS_FIELDS)
    others = refused.join(ragged, on=(FILE, ROW), how="anti")
    nothing = pl.lit(None, pl.Float64)
    return pl.concat(
        (
            findings(ragged, pl.col("fields"), pl.col("names")),
            findings(others, nothing, nothing, pl.col(REASON)),
        )
    )


def repeated_names(table: Table) -> pl.DataFrame:
    """Find header names that a file has more than once."""
    named = [
        {FILE: file, NOTE: f"column {name!r}"}
        for file, names in table.lines.repeated_names.items()
        for name in names
    ]
    return pl.DataFrame(named, schema=FINDING_SCHEMA)


RAGGED_LINES = Rule(
    name="ragged line",
    looks_for="a CSV line with more or fewer fields than the header has names",
    severity=Severity.ERROR,
    action=Action.KEEP,
    advice="export it again: values may stand under the wrong names",
    found="fields",
    expected="names in the header",
    check=ragged_lines,
)
REPEATED_NAMES = Rule(
    name="repeated column",
    looks_for="a header that names a column twice",
    severity=Severity.ERROR,
    action=Action.KEEP,
    advice="rename or remove one of them; such a file is not read",
    found="",
    expected="",
    check=repeated_names,
)
