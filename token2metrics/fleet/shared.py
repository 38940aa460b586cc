"""What curves are believed to have in common, as further rows of their problems."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from token2metrics.fleet.families import Smoothness
from token2metrics.fleet.triangular import lengths, rotate_in, summed

UNTOLD_SHARE = 1e-9
"""Stands for the share of a feature that no row of a curve has: the belief alone speaks then."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What curves are believed to have in common before their rows are seen.

    A weight is believed to be normally distributed around the shape of its group times a level
    of the curve's own, of which nothing is known: devices differ in speed more than in what
    takes their time. Its spread is counted in shares of the latency, as the rows' errors are, so
    that ``strength`` is the standard deviation of a row's error over that of a weight's share.

    Attributes:
        strength: Of the belief, above 0; the larger, the closer curves stay to their group.
        shapes: Weights of the group at any level, nan where there is none,
            ``(weights, curves)``.
    """

    strength: float
    shapes: Tensor

    def known(self) -> Tensor:
        """Return which curves have a shape to share, ``(curves,)``."""
        return self.shapes.isfinite().all(dim=0)


def smoothed(factor: Tensor, counts: Tensor, smooth: tuple[Smoothness, ...]) -> int:
    """Add the penalties on differences of neighbouring weights.

    Args:
        factor: Of the rows, changed in place.
        counts: Rows of each curve, ``(problems,)``.
        smooth: Which weights resemble each other.

    Returns:
        How many rows were added to each problem.
    """
    added = 0
    units = []
    for one in smooth:
        together = summed(factor[:, list(one.columns)].transpose(0, 1))
        units.append(one.penalty * (summed(together.square()) / counts).sqrt())
    for one, unit in zip(smooth, units, strict=True):
        for before, after in pairwise(one.columns):
            row = torch.zeros_like(factor[0])
            row[before], row[after] = unit, -unit
            rotate_in(factor, row)
            added += 1
    return added


def believing(factor: Tensor, counts: Tensor, shared: Shared, curves: Tensor) -> Tensor:
    """Add a belief, with the level of each curve as a further unknown after its weights.

    Args:
        factor: Of the rows, ``(weights + 1, weights + 1, problems)``.
        counts: Rows of each curve, ``(problems,)``.
        shared: The belief.
        curves: Which of its curves these are, ``(problems,)``.

    Returns:
        The factor of weights, level and right side.
    """
    weights = len(factor) - 1
    shares = lengths(factor[:, :-1]) / counts.sqrt()
    units = shared.strength * torch.where(shares > 0, shares, UNTOLD_SHARE)
    shapes = shared.shapes[:, curves]
    extended = factor.new_zeros(weights + 2, weights + 2, factor.shape[-1])
    extended[:weights, :weights] = factor[:weights, :weights]
    extended[:weights, -1] = factor[:weights, -1]
    extended[-1, -1] = factor[-1, -1]
    for weight in range(weights):
        row = torch.zeros_like(extended[0])
        row[weight] = units[weight]
        row[weights] = -units[weight] * shapes[weight]
        rotate_in(extended, row)
    return extended
