"""Robust non-linear least squares over a batch of independent problems.

Levenberg-Marquardt with pseudo-Huber weights (Marquardt 1963; Triggs et al. 2000, "Bundle
adjustment", section 4): each problem has its own damping and accepts its own steps. The
Jacobian comes from one forward pass of dual numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from token2metrics.modeling.unknowns import independent, slopes_of, value_of

INITIAL_DAMPING = 1e-3
LOWER_DAMPING = 0.25
RAISE_DAMPING = 6.0
SMALLEST_DAMPING = 1e-12
LARGEST_DAMPING = 1e10
LONGEST_STEP = 1.5
"""Largest change of a free number in one step; free numbers are mostly logarithms."""

RELATIVE_IMPROVEMENT = 1e-4
SMALLEST_IMPROVEMENT = 1e-6
"""In units of the loss of one residual near one scale: less is no better prediction."""

STEPS_WITHOUT_IMPROVEMENT = 6
"""Refused steps raise the damping and are tried again, so a few in a row mean nothing."""
TINY_CURVATURE = 1e-12

Residuals = Callable[[Tensor], Tensor]
"""Maps free numbers ``(problems, unknowns)``, plain or dual, to scaled residuals of each problem,
``(problems, residuals)``."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where the optimiser stopped.

    Attributes:
        free: Free numbers, ``(problems, unknowns)``.
        iterations: Steps taken by the slowest problem.
        converged: Whether every problem stopped by itself.
    """

    free: Tensor
    iterations: int
    converged: bool


def minimise(residuals: Residuals, importance: Tensor, start: Tensor, most: int) -> Minimum:
    """Minimise the weighted robust residuals of every problem.

    Args:
        residuals: The model.
        importance: Weight of each residual, ``(problems, residuals)``.
        start: First free numbers, ``(problems, unknowns)``.
        most: Most iterations.
    """
    free = start.clone()
    damping = torch.full_like(start[:, 0], INITIAL_DAMPING)
    idle = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    current, jacobian = _with_derivatives(residuals, free)
    loss = _robust_loss(current, importance)
    for iteration in range(1, most + 1):
        candidate = free + _step(jacobian, importance, current, damping)
        changed, slopes = _with_derivatives(residuals, candidate)
        candidate_loss = _robust_loss(changed, importance)
        better = candidate_loss < loss
        improved = loss - candidate_loss > RELATIVE_IMPROVEMENT * loss + SMALLEST_IMPROVEMENT
        free = torch.where(better[:, None], candidate, free)
        current = torch.where(better[:, None], changed, current)
        jacobian = torch.where(better[:, None, None], slopes, jacobian)
        loss = torch.where(better, candidate_loss, loss)
        damping = (damping * torch.where(better, LOWER_DAMPING, RAISE_DAMPING)).clamp(
            SMALLEST_DAMPING, LARGEST_DAMPING
        )
        idle = torch.where(improved, 0, idle + 1)
        if bool((idle >= STEPS_WITHOUT_IMPROVEMENT).all()):
            return Minimum(free, iteration, converged=True)
    return Minimum(free, most, converged=False)


def _robust_loss(residuals: Tensor, importance: Tensor) -> Tensor:
    """Return the pseudo-Huber loss of each problem, ``(problems,)``.

    Charbonnier et al. 1997: quadratic within one scale, linear beyond it.
    """
    loss = ((torch.sqrt(1.0 + residuals.square()) - 1.0) * importance).sum(dim=1)
    return torch.where(loss.isfinite(), loss, torch.inf)


def normal_matrix(residuals: Residuals, importance: Tensor, free: Tensor) -> Tensor:
    """Return the reweighted Gauss-Newton curvature, ``(problems, unknowns, unknowns)``."""
    current, jacobian = _with_derivatives(residuals, free)
    return _weighted(jacobian, importance, current) @ jacobian.transpose(1, 2)


def _weighted(jacobian: Tensor, importance: Tensor, current: Tensor) -> Tensor:
    """Return the Jacobian with far residuals weighted down."""
    return jacobian * (importance / torch.sqrt(1.0 + current.square()))[:, None, :]


def _step(jacobian: Tensor, importance: Tensor, current: Tensor, damping: Tensor) -> Tensor:
    """Return the damped Gauss-Newton step of each problem, ``(problems, unknowns)``."""
    weighted = _weighted(jacobian, importance, current)
    curvature = weighted @ jacobian.transpose(1, 2)
    gradient = (weighted @ current[:, :, None])[:, :, 0]
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    floor = TINY_CURVATURE * diagonal.amax(dim=1, keepdim=True).clamp_min(TINY_CURVATURE)
    damped = curvature + torch.diag_embed(damping[:, None] * diagonal + floor)
    step: Tensor = -torch.linalg.solve(damped, gradient)
    return step.nan_to_num(0.0).clamp(-LONGEST_STEP, LONGEST_STEP)


def _with_derivatives(residuals: Residuals, free: Tensor) -> tuple[Tensor, Tensor]:
    """Return residuals and their derivatives, which cost little more than these alone."""
    found = residuals(independent(free))
    return value_of(found), slopes_of(found, free.shape[1]).transpose(0, 1)


def derivatives(residuals: Residuals, free: Tensor) -> Tensor:
    """Return the derivative of each residual, ``(problems, unknowns, residuals)``."""
    return _with_derivatives(residuals, free)[1]
