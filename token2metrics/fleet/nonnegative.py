"""Exact non-negative least squares of many small triangular problems at once.

Block principal pivoting (Portugal, Júdice and Vicente 1994, "A comparison of block pivoting and
interior-point algorithms for linear least squares problems with nonnegative variables"): the
unconstrained solution first, which is the answer wherever it has no negative unknown; then all
infeasible unknowns change sides at once, or only the last one where that did not help (Murty's
rule, which ends). The few problems that rounding keeps from settling go to Lawson and Hanson's
algorithm, one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from token2metrics.fleet.triangular import DEPENDENT, SMALLEST_LENGTH, back_substituted, summed

DUAL_TOLERANCE = 1e-12
"""A zero unknown stays zero while the loss falls by no more than this share of the right side's
length per unit of it; columns are of unit length."""

FULL_EXCHANGES = 3
"""How often all infeasible unknowns may change sides without becoming fewer."""

EXCHANGES_PER_UNKNOWN = 8
ITERATIONS_PER_UNKNOWN = 30


@dataclass(frozen=True, slots=True)
class Solution:
    """Solutions of non-negative least squares.

    Attributes:
        unknowns: ``(columns, problems)``, >= 0.
        factor: Of the unknowns that are free of the bound, the others' columns zero;
            as in ``triangular``.
    """

    unknowns: Tensor
    factor: Tensor


def solve_nonnegative(factor: Tensor) -> Solution:
    """Minimise over unknowns >= 0.

    Args:
        factor: Triangular problems with columns of unit length, or zero; changed in place into
            that of the free unknowns.
    """
    unknowns = back_substituted(factor)
    unsettled = (unknowns < 0).any(dim=0).nonzero().flatten()
    if len(unsettled):
        found = _pivoted(factor[..., unsettled], unknowns[:, unsettled] < 0)
        unknowns[:, unsettled], factor[..., unsettled] = found.unknowns, found.factor
    return Solution(unknowns, factor)


@dataclass(slots=True)
class _Pivoting:
    """Problems that have not settled.

    Attributes:
        factor: Of all unknowns.
        free: Which unknowns are free of the bound, ``(columns, problems)``.
        fewest: Fewest infeasible unknowns so far, ``(problems,)``.
        chances: Full exchanges left, ``(problems,)``.
        place: Where each problem came from, ``(problems,)``.
    """

    factor: Tensor
    free: Tensor
    fewest: Tensor
    chances: Tensor
    place: Tensor

    def keep(self, chosen: Tensor) -> None:
        """Go on with some of the problems."""
        self.factor, self.free = self.factor[..., chosen], self.free[:, chosen]
        self.fewest, self.chances = self.fewest[chosen], self.chances[chosen]
        self.place = self.place[chosen]

    def exchange(self, infeasible: Tensor) -> None:
        """Let infeasible unknowns change sides: all, or the last one."""
        count = infeasible.sum(dim=0)
        fewer = count < self.fewest
        self.fewest = torch.where(fewer, count, self.fewest)
        self.chances = torch.where(fewer, FULL_EXCHANGES, self.chances - 1)
        order = torch.arange(1, len(infeasible) + 1, device=count.device)[:, None]
        last = (infeasible * order).argmax(dim=0)
        alone = torch.zeros_like(infeasible).scatter_(0, last[None], True)
        self.free = self.free ^ torch.where(self.chances >= 0, infeasible, alone)


def _pivoted(factor: Tensor, infeasible: Tensor) -> Solution:
    """Solve problems whose unconstrained solution is infeasible."""
    columns, problems = infeasible.shape
    device = factor.device
    found = Solution(torch.zeros_like(factor[:-1, -1]), factor.clone())
    state = _Pivoting(
        factor,
        torch.ones_like(infeasible),
        torch.full((problems,), columns + 1, device=device),
        torch.full((problems,), FULL_EXCHANGES, device=device),
        torch.arange(problems, device=device),
    )
    for _ in range(EXCHANGES_PER_UNKNOWN * columns):
        state.exchange(infeasible)
        freed, gain = freed_factor(state.factor, state.free)
        values = back_substituted(freed) * state.free
        least = DUAL_TOLERANCE * summed(freed[:, -1].square()).sqrt()
        infeasible = torch.where(state.free, values < 0, gain > least)
        settled = ~infeasible.any(dim=0)
        where = state.place[settled]
        found.unknowns[:, where] = values[:, settled]
        found.factor[..., where] = freed[..., settled]
        going_on = (~settled).nonzero().flatten()
        if not len(going_on):
            return found
        state.keep(going_on)
        infeasible = infeasible[:, going_on]
    last = _one_by_one(state.factor)
    found.unknowns[:, state.place] = last
    found.factor[..., state.place] = freed_factor(state.factor, last > 0)[0]
    return found


def freed_factor(factor: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factor of the free unknowns, and what each unknown could still gain.

    Args:
        factor: Of all unknowns.
        free: Which are free of the bound, ``(columns, problems)``.

    Returns:
        The factor, with zero columns for the others, and products of each column with what the
        free unknowns leave of the right side, ``(columns, problems)``. Modified Gram-Schmidt with
        the right side as a further column is as accurate as reflections (Björck 1967).
    """
    count = len(free)
    rest = factor[:-1].clone()
    rest[:, :-1] *= free
    found = torch.zeros_like(factor)
    for place in range(count):
        column = rest[:, place]
        length = summed(column * column).sqrt_()
        length = torch.where(length > DEPENDENT, length, 0.0)
        direction = column * length.clamp_min(SMALLEST_LENGTH).reciprocal_() * (length > 0)
        later = rest[:, place + 1 :]
        shares = summed(direction[:, None] * later)
        later -= direction[:, None] * shares
        found[place, place], found[place, place + 1 :] = length, shares
    found[count, -1] = (summed(rest[:, -1].square()) + factor[-1, -1].square()).sqrt_()
    gain = summed(factor[:-1, :-1] * rest[:, -1:])
    return found, gain


def _one_by_one(factor: Tensor) -> Tensor:
    """Solve each problem by itself; one that cannot be solved is not a number, and no other is."""
    systems = factor[:-1].permute(2, 0, 1).cpu().numpy()
    most = ITERATIONS_PER_UNKNOWN * (systems.shape[-1] - 1)
    found = [_one(one, most) for one in systems]
    return torch.from_numpy(np.stack(found, axis=1)).to(factor.device)


def _one(system: NDArray[np.float64], most_iterations: int) -> NDArray[np.float64]:
    """Solve one problem; not a number where that takes too many iterations."""
    try:
        weights, _ = nnls(system[:, :-1], system[:, -1], maxiter=most_iterations)
    except RuntimeError:
        return np.full(system.shape[1] - 1, np.nan)
    return np.asarray(weights)
