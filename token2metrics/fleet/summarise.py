"""Counts and errors of a fitted fleet, from its table of curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.fleet.columns import FITTED, HELD_OUT, IN_SAMPLE, REASON, STATUS
from token2metrics.fleet.result import FleetErrors
from token2metrics.fleet.sharing import PHASE
from token2metrics.vocabulary import Phase

MEDIAN, NINETIETH = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class CurveCounts:
    """How many curves were fitted.

    Attributes:
        curves: All.
        fitted: Those with weights.
        failed: Others, by reason, most first.
    """

    curves: int
    fitted: int
    failed: dict[str, int]


def counted_curves(file: Path) -> CurveCounts:
    """Count the curves of a table, and why some have no fit."""
    counted = pl.scan_parquet(file, glob=False).group_by(REASON).len().collect()
    counts = {reason: int(count) for reason, count in counted.iter_rows()}
    fitted = counts.pop(None, 0)
    failed = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    return CurveCounts(fitted + sum(failed.values()), fitted, failed)


def fleet_errors(file: Path, strengths: Mapping[Phase, float]) -> tuple[FleetErrors, ...]:
    """Return the errors of the fitted curves of each phase.

    Args:
        file: The table of curves.
        strengths: How strongly the curves of each phase are held to what they share.
    """
    quantiles = [
        pl.col(name).quantile(share, "linear").alias(f"{name}{share}")
        for name in (IN_SAMPLE, HELD_OUT)
        for share in (MEDIAN, NINETIETH)
    ]
    fitted = pl.scan_parquet(file, glob=False).filter(pl.col(STATUS) == FITTED)
    rows = fitted.group_by(PHASE).agg(pl.len(), *quantiles).collect()
    found = {phase: values for phase, *values in rows.iter_rows()}
    return tuple(
        FleetErrors(
            phase=str(phase),
            curves=found[phase][0],
            in_sample_mape_p50_percent=found[phase][1],
            in_sample_mape_p90_percent=found[phase][2],
            held_out_mape_p50_percent=found[phase][3],
            held_out_mape_p90_percent=found[phase][4],
            prior_strength=strengths.get(phase),
        )
        for phase in Phase
        if phase in found
    )
