"""The fit of every curve of one phase: exact, non-negative, relative to the latency."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.fleet.curve_rows import Batch, CurveRows, cut, take
from token2metrics.fleet.families import FleetFamily, Smoothness, smoothness, weight_names
from token2metrics.fleet.judge import Judgement, judged
from token2metrics.fleet.nonnegative import solve_nonnegative
from token2metrics.fleet.ragged import Counts
from token2metrics.fleet.shared import Shared, believing, smoothed
from token2metrics.fleet.status import Status
from token2metrics.fleet.triangular import DEPENDENT, factored, lengths

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fits:
    """Fits of curves.

    Attributes:
        status: Codes of ``Status``, ``(curves,)``.
        weights: nan where there is no fit, ``(weights, curves)``.
        judgement: How well they describe their rows, nan where there is no fit.
    """

    status: Tensor
    weights: Tensor
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Question:
    """What is fitted to the curves of a phase.

    Attributes:
        family: Of the curves.
        smooth: Which of its weights resemble each other.
        shared: What the curves have in common; None for nothing.
    """

    family: FleetFamily
    smooth: tuple[Smoothness, ...]
    shared: Shared | None


def fit_curves(rows: CurveRows, family: FleetFamily, shared: Shared | None = None) -> Fits:
    """Fit every curve of one phase.

    Args:
        rows: The curves.
        family: Their family.
        shared: What they have in common; None, or a shape of nan, for nothing.
    """
    return fit_phases([(rows, shared)], family)[0]


def fit_phases(
    asked: Sequence[tuple[CurveRows, Shared | None]], family: FleetFamily, threads: int = 1
) -> list[Fits]:
    """Fit every curve of several phases.

    Args:
        asked: Curves, and what those of a phase have in common.
        family: Of all curves.
        threads: Batches fitted at once.
    """
    fits = [_nothing(rows, family) for rows, _ in asked]
    jobs = [
        (place, rows, question, curves)
        for place, (rows, shared) in enumerate(asked)
        for question, chosen in _questions(rows, family, shared)
        for curves in cut(rows, np.flatnonzero(chosen))
    ]
    with ThreadPoolExecutor(threads) as pool:
        each = map if threads == 1 or len(jobs) == 1 else pool.map
        for place, curves, found in each(_fit_batch, *zip(*jobs, strict=True)) if jobs else ():
            _put(fits[place], curves, found)
    return fits


def _questions(
    rows: CurveRows, family: FleetFamily, shared: Shared | None
) -> list[tuple[Question, Mask]]:
    """Return what is fitted to which curves: with a belief to those that have one."""
    measured = rows.counts > 0
    believed = np.zeros(len(rows), dtype=bool)
    if shared is not None:
        believed = shared.known().cpu().numpy()
    smooth = smoothness(family, rows.phase)
    return [
        (Question(family, smooth, None), measured & ~believed),
        (Question(family, smooth, shared), measured & believed),
    ]


def _nothing(rows: CurveRows, family: FleetFamily) -> Fits:
    """Return fits of curves that have none."""
    weights = len(weight_names(family, rows.phase))
    nan = rows.latency_s.new_full((weights + len(fields(Judgement)), len(rows)), torch.nan)
    status = torch.full_like(nan[0], Status.NO_ROWS.code, dtype=torch.int64)
    return Fits(status, nan[:weights], Judgement(*nan[weights:]))


def _put(into: Fits, curves: Tensor, found: Fits) -> None:
    """Put the fits of some curves among those of all."""
    into.status[curves] = found.status
    into.weights[:, curves] = found.weights
    for field in fields(Judgement):
        getattr(into.judgement, field.name)[curves] = getattr(found.judgement, field.name)


def _fit_batch(
    place: int, rows: CurveRows, question: Question, curves: Counts
) -> tuple[int, Tensor, Fits]:
    """Fit the curves of one batch; return their phase, which they are, and their fits."""
    batch = take(rows, question.family, curves)
    return place, batch.curves, _fitted(batch, question)


def _fitted(batch: Batch, question: Question) -> Fits:
    """Fit the curves of one batch."""
    weights = len(batch.relative) - 1
    factor = factored(batch.relative, batch.runs)
    idle = (factor[:weights, :weights] == 0).all(dim=0).all(dim=0)
    counts = batch.counts.double()
    equations = batch.counts
    if question.smooth:
        equations = equations + smoothed(factor, counts, question.smooth)
    if question.shared is not None:
        factor = believing(factor, counts, question.shared, batch.curves)
        equations = equations + weights
    size = lengths(factor[:, :-1])
    sound = size.isfinite().all(dim=0) & factor[:, -1].isfinite().all(dim=0)
    if not sound.all():
        factor = torch.where(sound, factor, 0.0)
        size = torch.where(sound, size, 0.0)
    scale = torch.where(size > 0, size.reciprocal(), 0.0)
    factor[:, :-1] *= scale
    lost = (factor.diagonal(dim1=0, dim2=1)[:, :-1] <= DEPENDENT).any(dim=1)
    solution = solve_nonnegative(factor)
    values = (solution.unknowns * scale)[:weights]
    status = torch.full_like(batch.counts, Status.FITTED.code)
    status = torch.where(lost, Status.SINGULAR.code, status)
    few = equations < len(factor) - 1
    status = torch.where(lost & few, Status.TOO_FEW_ROWS.code, status)
    status = torch.where(idle, Status.NO_WORK.code, status)
    lawful = sound & ((values >= 0) & (values <= MAX_WEIGHT)).all(dim=0)
    status = torch.where(lawful, status, Status.NON_FINITE.code)
    fitted = status == Status.FITTED.code
    judgement = judged(batch, values, solution.factor, scale)
    return Fits(status, torch.where(fitted, values, torch.nan), judgement.where(fitted))
