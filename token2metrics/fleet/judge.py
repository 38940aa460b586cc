"""How well fitted curves describe their rows, and rows that they have not seen."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from token2metrics.fleet.curve_rows import Batch
from token2metrics.fleet.triangular import inverted, summed

SATURATED = 1e-9
"""A row whose leverage is nearer than this to one cannot be left out."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Errors of curves relative to the latencies, each ``(curves,)``.

    Attributes:
        error: Mean absolute error of the fitted rows.
        held_out: The same of each row by the fit without it, with weights at zero kept there and
            the belief as it is; nan where a row cannot be left out.
        variance: Squared errors over the rows beyond the weights told; nan where there are none.
        told: How many weights the rows tell: the sum of their leverages, and one for each weight
            that they put at zero.
        r2: Share of the variance of the seconds that is explained; nan without variance.
    """

    error: Tensor
    held_out: Tensor
    variance: Tensor
    told: Tensor
    r2: Tensor

    def where(self, known: Tensor) -> Judgement:
        """Return nan for all but some curves."""
        named = (getattr(self, field.name) for field in fields(self))
        return Judgement(*(torch.where(known, values, torch.nan) for values in named))


def judged(batch: Batch, weights: Tensor, factor: Tensor, scale: Tensor) -> Judgement:
    """Compare curves with their rows.

    Args:
        batch: The rows.
        weights: Of the curves, ``(weights, problems)``.
        factor: Of the unknowns that are free of the bound, with columns of unit length.
        scale: What brought the columns to unit length, ``(unknowns, problems)``.
    """
    count = len(weights)
    owner = batch.runs.owners()
    rows = batch.relative[:count]
    error = 1.0 - summed(rows * weights[:, owner])
    leverage = torch.zeros_like(error)
    spread = (inverted(factor) * scale[:, None])[:count]
    for place, direction in enumerate(spread.unbind(dim=1), start=1):
        leverage += summed(rows[:place] * direction[:place, owner]).square_()
    left = 1.0 - leverage
    left = torch.where(left > SATURATED, left, torch.nan)
    above_s = batch.latency_s - batch.latency_s[owner]
    size, off_s = error.abs(), error * batch.latency_s
    sums = batch.runs.sums(
        torch.stack(
            [size, size / left, error * error, leverage, above_s, above_s * above_s, off_s * off_s]
        )
    )
    counts = batch.counts.double()
    at_zero = (weights == 0).sum(dim=0)
    error, held_out, squares, told, above_s, above_squared, unexplained = sums
    told = told + at_zero
    freedom = counts - told
    variation = above_squared - above_s * above_s / counts
    return Judgement(
        error=error / counts,
        held_out=held_out / counts,
        variance=squares / torch.where(freedom > SATURATED, freedom, torch.nan),
        told=told,
        r2=1.0 - unexplained / torch.where(variation > 0, variation, torch.nan),
    )
