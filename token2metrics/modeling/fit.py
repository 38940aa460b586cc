"""Fit many problems at once: the same rows, each problem seeing its own share of them.

Cross-validation is a batch: every fold is a row of weights beside the others. A fit starts at
what is believed of the weights, or at the exact non-negative least squares of the families' sums,
and continues, where the formula is not such a sum, with damped Gauss-Newton steps on the joint
objective.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from token2metrics.modeling.joint import JointObjective
from token2metrics.modeling.optimise import minimise, normal_matrix
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.start import (
    exact_start,
    with_gains,
    with_load_shares,
    with_mean_ratios,
)

ROUGH_ITERATIONS = 8
"""Iterations after which the spread of the errors is estimated anew."""


def fit(problem: Problem) -> Fit:
    """Fit a batch of problems.

    Args:
        problem: At least one side must have rows, or the weights must be believed.
    """
    start = exact_start(problem)
    if not problem.sides:
        return with_gains(problem, start)
    if problem.source is not None and not problem.is_linear:
        start = _settled_on_source(problem, start)
    start = with_load_shares(problem, with_gains(problem, start))
    done = problem.is_exact and not problem.has_heads
    fitted = start if done else _settle(problem, start)
    return with_mean_ratios(problem, fitted)


def precision_of(problem: Problem, fitted: Fit) -> Tensor:
    """Return the curvature of the objective at a fit, in free numbers, ``(slots, slots)``.

    Its inverse approximates the covariance of the weights' logarithms (Laplace). Every weight of
    the problem, which has one mask, must be learned.
    """
    objective = JointObjective(problem, fitted, settled=True)
    curvature = normal_matrix(objective.residuals, objective.importance, objective.variable)
    rows = problem.masks.sum().clamp_min(1.0)
    precision: Tensor = curvature[0] * rows
    return precision


def _settled_on_source(problem: Problem, start: Fit) -> Fit:
    """Fit the source rows alone first: few edge rows could not tell a poor curve from a gain."""
    alone = replace(problem, edge=None, masks=problem.masks[:1])
    settled = _settle(alone, start.first())
    return replace(start, values=settled.values.expand(len(start.values), -1).clone())


def _settle(problem: Problem, start: Fit) -> Fit:
    """Optimise in two stages, estimating the spread of the errors anew before each."""
    moved = problem.to_device()
    few = min(ROUGH_ITERATIONS, problem.max_iterations)
    rough = _optimise(moved, start.to(problem.torch_device), few, settled=False)
    return _optimise(moved, rough, problem.max_iterations, settled=True).to("cpu")


def _optimise(problem: Problem, start: Fit, most: int, settled: bool) -> Fit:
    """Minimise the joint objective of all problems from the start."""
    objective = JointObjective(problem, start, settled)
    minimum = minimise(objective.residuals, objective.importance, objective.variable, most)
    values = objective.weights_at(minimum.free)
    return Fit(start.slots, values, start.steps, minimum.iterations, minimum.converged)
