"""Robust non-linear least squares over a batch of independent problems.

Levenberg-Marquardt with pseudo-Huber weights (Marquardt 1963; Triggs et al. 2000, "Bundle
adjustment", section 4): each problem has its own damping and accepts its own steps. The
Jacobian comes from one forward-mode pass in which every problem is repeated once per unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad

from token2metrics.modeling.torch_algebra import Lift, as_it_is

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

Residuals = Callable[[Tensor, Tensor, Lift], Tensor]
"""Maps free numbers ``(instances, unknowns)`` and the problem number of each instance
``(instances,)`` to scaled residuals ``(instances, residuals)``; lifts the constants it uses."""


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
    problems = torch.arange(len(start), device=start.device)
    free = start.clone()
    damping = torch.full_like(start[:, 0], INITIAL_DAMPING)
    idle = torch.zeros_like(problems)
    current = residuals(free, problems, as_it_is)
    loss = _robust_loss(current, importance)
    for iteration in range(1, most + 1):
        step = _step(residuals, importance, free, current, damping)
        candidate = free + step
        changed = residuals(candidate, problems, as_it_is)
        candidate_loss = _robust_loss(changed, importance)
        better = candidate_loss < loss
        improved = loss - candidate_loss > RELATIVE_IMPROVEMENT * loss + SMALLEST_IMPROVEMENT
        free = torch.where(better[:, None], candidate, free)
        current = torch.where(better[:, None], changed, current)
        loss = torch.where(better, candidate_loss, loss)
        damping = (damping * torch.where(better, LOWER_DAMPING, RAISE_DAMPING)).clamp(
            SMALLEST_DAMPING, LARGEST_DAMPING
        )
        idle = torch.where(improved, 0, idle + 1)
        if bool((idle >= STEPS_WITHOUT_IMPROVEMENT).all()):
            return Minimum(free, iteration, converged=True)
    return Minimum(free, most, converged=False)


def _without_slope(constant: Tensor) -> Tensor:
    """Return the constant as a dual number of slope zero.

    Arithmetic between dual and plain tensors takes a slow path in torch; with slopes
    everywhere it runs an order of magnitude faster.
    """
    dual: Tensor = forward_ad.make_dual(  # type: ignore[no-untyped-call]
        constant, torch.zeros_like(constant)
    )
    return dual


def _robust_loss(residuals: Tensor, importance: Tensor) -> Tensor:
    """Return the pseudo-Huber loss of each problem, ``(problems,)``.

    Charbonnier et al. 1997: quadratic within one scale, linear beyond it.
    """
    loss = ((torch.sqrt(1.0 + residuals.square()) - 1.0) * importance).sum(dim=1)
    return torch.where(loss.isfinite(), loss, torch.inf)


def normal_matrix(residuals: Residuals, importance: Tensor, free: Tensor) -> Tensor:
    """Return the reweighted Gauss-Newton curvature, ``(problems, unknowns, unknowns)``."""
    current = residuals(free, torch.arange(len(free), device=free.device), as_it_is)
    jacobian = derivatives(residuals, free)
    return _weighted(jacobian, importance, current) @ jacobian.transpose(1, 2)


def _weighted(jacobian: Tensor, importance: Tensor, current: Tensor) -> Tensor:
    """Return the Jacobian with far residuals weighted down."""
    return jacobian * (importance / torch.sqrt(1.0 + current.square()))[:, None, :]


def _step(
    residuals: Residuals, importance: Tensor, free: Tensor, current: Tensor, damping: Tensor
) -> Tensor:
    """Return the damped Gauss-Newton step of each problem, ``(problems, unknowns)``."""
    jacobian = derivatives(residuals, free)
    weighted = _weighted(jacobian, importance, current)
    curvature = weighted @ jacobian.transpose(1, 2)
    gradient = (weighted @ current[:, :, None])[:, :, 0]
    diagonal = curvature.diagonal(dim1=1, dim2=2)
    floor = TINY_CURVATURE * diagonal.amax(dim=1, keepdim=True).clamp_min(TINY_CURVATURE)
    damped = curvature + torch.diag_embed(damping[:, None] * diagonal + floor)
    step: Tensor = -torch.linalg.solve(damped, gradient)
    return step.nan_to_num(0.0).clamp(-LONGEST_STEP, LONGEST_STEP)


def derivatives(residuals: Residuals, free: Tensor) -> Tensor:
    """Return the derivative of each residual, ``(problems, unknowns, residuals)``."""
    problems, unknowns = free.shape
    repeated = free.repeat_interleave(unknowns, dim=0)
    directions = torch.eye(unknowns, dtype=free.dtype, device=free.device).repeat(problems, 1)
    numbers = torch.arange(problems, device=free.device).repeat_interleave(unknowns)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(repeated, directions)  # type: ignore[no-untyped-call]
        unpacked = forward_ad.unpack_dual(residuals(dual, numbers, _without_slope))  # type: ignore[no-untyped-call]
        tangent: Tensor = unpacked.tangent
        return tangent.reshape(problems, unknowns, -1)
