"""The canonical measurement table itself, in any kind of file."""

import polars as pl

from token2metrics.columns import AS_READ, PROVENANCE, REQUIRED, SURPLUS
from token2metrics.data.formats.format import Format, FormatContext


class CanonicalTable(Format):
    """A file that already has the canonical columns."""

    name = "canonical table"
    required = REQUIRED

    def convert(self, frame: pl.LazyFrame, context: FormatContext) -> pl.LazyFrame:
        """Keep the known columns."""
        columns = frame.collect_schema().names()
        known = (*AS_READ, SURPLUS, *PROVENANCE)
        return frame.select(name for name in columns if name in known)
