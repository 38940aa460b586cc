"""From a table of rows to the curves of each phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from token2metrics.fleet.columns import (
    FEWEST,
    INPUT,
    LATENCY,
    MOST,
    OUTPUT,
    REJECTED_ROWS,
    ROWS,
)
from token2metrics.fleet.curve_rows import CurveRows
from token2metrics.fleet.sharing import PHASE
from token2metrics.vocabulary import Phase

MEASURED = (INPUT, OUTPUT, LATENCY)
EVERY_ROW = "every_row"
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The curves of a table, and what was measured of them, one curve after the other.

    Attributes:
        curves: A row per curve: the columns that tell curves apart, how many of its rows are
            usable and how many are not, and the range of their token counts.
        measured: Token counts and seconds of all usable rows.
    """

    curves: pl.DataFrame
    measured: pl.DataFrame

    def phases(self, device: torch.device) -> Iterator[tuple[Positions, CurveRows]]:
        """Yield which curves are of each phase, with their rows.

        Args:
            device: Where the fit runs.
        """
        counts = self.curves.get_column(ROWS).to_numpy()
        starts = counts.cumsum() - counts
        columns = [
            torch.from_numpy(self.measured.get_column(name).to_numpy(writable=True)).to(device)
            for name in MEASURED
        ]
        phases = self.curves.get_column(PHASE)
        for phase in Phase:
            own = np.flatnonzero((phases == phase).to_numpy())
            if len(own):
                yield own, CurveRows(phase, starts[own], counts[own], *columns)


def group(rows: pl.DataFrame, by: tuple[str, ...]) -> Grouped:
    """Gather the rows of each curve, in the order in which curves appear.

    Args:
        rows: Columns of ``by``, token counts and seconds; null in a row that is not usable.
        by: Columns that tell curves apart.
    """
    constant = rows.select(pl.col(by).eq_missing(pl.col(by).first()).all())
    varying = [name for name in by if name == PHASE or not constant.get_column(name).item()]
    spoilt = rows.get_column(LATENCY).null_count() > 0
    measured = rows.select(*varying, pl.col(MEASURED).cast(pl.Float64))
    alike = rows.select(pl.col(name).first() for name in by if name not in varying)
    lists = (pl.col(name).drop_nulls() if spoilt else pl.col(name) for name in MEASURED)
    grouped = measured.group_by(varying, maintain_order=True).agg(*lists, pl.len().alias(EVERY_ROW))
    usable = pl.col(LATENCY).list.len().cast(pl.Int64)
    curves = grouped.with_columns(
        pl.lit(value.item(), pl.String).alias(value.name) for value in alike
    ).select(
        *by,
        usable.alias(ROWS),
        (pl.col(EVERY_ROW).cast(pl.Int64) - usable).alias(REJECTED_ROWS),
        pl.col(INPUT, OUTPUT).list.min().cast(pl.Int64).name.suffix(FEWEST),
        pl.col(INPUT, OUTPUT).list.max().cast(pl.Int64).name.suffix(MOST),
    )
    lists_with_rows = grouped.filter(usable > 0) if spoilt else grouped
    return Grouped(curves, lists_with_rows.select(MEASURED).explode(MEASURED))
