"""How strongly curves are held to their group: the strength that rows left out ask for."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import torch

from token2metrics.fleet.columns import ROWS
from token2metrics.fleet.fit import fit_phases
from token2metrics.fleet.group import group
from token2metrics.fleet.shapes import Belief
from token2metrics.fleet.shared import Shared
from token2metrics.fleet.sharing import PHASE
from token2metrics.fleet.table import Fitting
from token2metrics.vocabulary import Phase

STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Standard deviation of a row's error over that of a weight's share of the latency."""

SAMPLE_CURVES = 1_000
"""Curves of each phase on which the strength is chosen."""

STEP, HASH_SEED = "step", 1
LARGEST_ERROR = 1.0
"""Errors count up to this, so that no broken curve decides for all others."""


def sampled(curves: pl.LazyFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Return the keys of about so many curves of each phase, those of which a row can be left out.

    Args:
        curves: Curves of all phases.
        by: Columns that tell curves apart; their hash says which are taken.
    """
    several = curves.filter(pl.col(ROWS) > 1).select(by)
    step = (pl.len() - 1) // SAMPLE_CURVES + 1
    steps = several.group_by(PHASE).agg(step.cast(pl.UInt64).alias(STEP))
    taken = several.join(steps, on=PHASE).filter(pl.struct(by).hash(HASH_SEED) % pl.col(STEP) == 0)
    return taken.drop(STEP).collect(engine="streaming")


def choose_strengths(
    sample: pl.DataFrame, belief: Belief, fitting: Fitting
) -> Mapping[Phase, float]:
    """Return the strength of the belief in each phase that has a shape.

    Args:
        sample: Rows of some curves.
        belief: Its shapes; its strengths do not matter.
        fitting: How curves are fitted.
    """
    grouped = group(sample, fitting.by)
    found = {}
    for own, rows in grouped.phases(torch.device(fitting.torch_device)):
        if belief.whole.filter(pl.col(PHASE) == rows.phase).is_empty():
            continue
        shapes = belief.shapes_of(grouped.curves[own], rows)
        beliefs = [(rows, Shared(strength, shapes)) for strength in STRENGTHS]
        fits = fit_phases(beliefs, fitting.family, fitting.threads)
        errors = torch.stack([one.judgement.held_out for one in fits])
        known = errors[:, errors.isfinite().all(dim=0)].clamp_max(LARGEST_ERROR)
        best = int(known.mean(dim=1).argmin()) if known.shape[1] else 0
        found[rows.phase] = STRENGTHS[best]
    return found
