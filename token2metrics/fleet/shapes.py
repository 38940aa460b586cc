"""The shapes that curves of a group share, learned from the curves whose rows tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import torch

from token2metrics.fleet.columns import FEWEST, FITTED, INPUT, MOST, OUTPUT, RANGES, ROWS, STATUS
from token2metrics.fleet.curve_rows import CurveRows
from token2metrics.fleet.families import FleetFamily, features, weight_names
from token2metrics.fleet.shared import Shared
from token2metrics.fleet.sharing import PHASE
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.vocabulary import Phase

FEWEST_DONORS = 8
"""Curves from which on a group has a shape of its own; below, that of the whole fleet serves."""

LOWEST, HIGHEST = 0.25, 0.75
"""Quantiles between which weights are averaged: no odd curve moves a shape far, and a weight that
half of the curves put at zero is not taken for zero."""

DONORS, LEVEL = "donors", "level"


@dataclass(frozen=True, slots=True)
class Belief:
    """What the curves of each group share.

    Attributes:
        name: Of the sharing.
        family: Of the curves.
        group: Columns that tell groups apart.
        shapes: A row per group: its columns, and the weights of its shape.
        whole: A row per phase: the same of the whole fleet.
        strengths: Strength of the belief in each phase that has a shape.
    """

    name: str
    family: FleetFamily
    group: tuple[str, ...]
    shapes: pl.DataFrame
    whole: pl.DataFrame
    strengths: Mapping[Phase, float]

    def shared(self, keys: pl.DataFrame, rows: CurveRows) -> Shared | None:
        """Return the belief about some curves of one phase; None where there is none.

        Args:
            keys: The curves.
            rows: Their rows.
        """
        strength = self.strengths.get(rows.phase)
        if strength is None:
            return None
        return Shared(strength, self.shapes_of(keys, rows))

    def shapes_of(self, keys: pl.DataFrame, rows: CurveRows) -> torch.Tensor:
        """Return the shape of the group of each curve, ``(weights, curves)``."""
        names = weight_names(self.family, rows.phase)
        own = keys.select(self.group).join(
            self.shapes, on=self.group, how="left", maintain_order="left"
        )
        whole = keys.select(PHASE).join(self.whole, on=PHASE, how="left", maintain_order="left")
        filled = [
            own.get_column(name).fill_null(whole.get_column(name)).cast(pl.Float64)
            for name in names
        ]
        table = torch.from_numpy(pl.DataFrame(filled).fill_null(torch.nan).to_numpy().T.copy())
        return table.to(rows.latency_s.device)


def learn(curves: pl.LazyFrame, family: FleetFamily, group: tuple[str, ...]) -> pl.DataFrame:
    """Return the shape of each group that has enough curves with more rows than weights.

    Args:
        curves: Curves fitted without a belief.
        family: Their family.
        group: Columns that tell groups apart.
    """
    shapes = [_shapes(curves, family, group, phase) for phase in Phase]
    return pl.concat(shapes, how="diagonal")


def _shapes(
    curves: pl.LazyFrame, family: FleetFamily, group: tuple[str, ...], phase: Phase
) -> pl.DataFrame:
    """Return the shapes of the groups of one phase; weights in order, since sums round by it."""
    names = weight_names(family, phase)
    fitted = curves.filter(
        pl.col(PHASE) == phase, pl.col(STATUS) == FITTED, pl.col(ROWS) > len(names)
    )
    kept = fitted.select(*dict.fromkeys((PHASE, *group, *names, *RANGES)))
    donors = kept.collect(engine="streaming").sort(*group, *names, *RANGES).rechunk()
    middle = (
        (pl.col(name + FEWEST) + pl.col(name + MOST)).median() / 2.0 for name in (INPUT, OUTPUT)
    )
    reference = features(family, phase, ALGEBRA, *middle)
    level = pl.sum_horizontal(pl.col(name) * reference[name] for name in names)
    levelled = donors.with_columns(level.alias(LEVEL)).filter(pl.col(LEVEL) > 0)
    shares = {name: pl.col(name) / pl.col(LEVEL) for name in names}
    between = {
        name: share.is_between(share.quantile(LOWEST, "linear"), share.quantile(HIGHEST, "linear"))
        for name, share in shares.items()
    }
    return (
        levelled.group_by(group)
        .agg(
            *(share.filter(between[name]).mean().alias(name) for name, share in shares.items()),
            pl.len().alias(DONORS),
        )
        .filter(pl.col(DONORS) >= FEWEST_DONORS)
        .drop(DONORS)
        .sort(group)
    )
