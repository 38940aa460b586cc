"""Fit many problems at once: the same rows, each problem seeing its own share of them.

Cross-validation is a batch: every fold is a row of weights beside the others. A fit starts at
the exact non-negative least squares of the families' sums and continues, where the formula is
not such a sum, with damped Gauss-Newton steps on the joint objective.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.cost import PhaseWeights
from token2metrics.modeling.objective import (
    ENERGY_SCALE,
    energy_errors,
    log_errors,
    robust_scales,
)
from token2metrics.modeling.optimise import Lift, minimise
from token2metrics.modeling.parameters import LawfulMap, Part, Slot, weights_of
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.start import (
    exact_start,
    with_gains,
    with_load_shares,
    with_mean_ratios,
)
from token2metrics.vocabulary import CalibrationMethod, Phase

ROUGH_ITERATIONS = 8
"""Iterations after which the spread of the errors is estimated anew."""


def fit(problem: Problem) -> Fit:
    """Fit a batch of problems.

    Args:
        problem: At least one side must have rows.
    """
    start = exact_start(problem)
    if problem.source is not None and not problem.is_linear:
        start = _settled_on_source(problem, start)
    start = with_load_shares(problem, with_gains(problem, start))
    done = problem.is_exact and not problem.has_heads
    fitted = start if done else _settle(problem, start)
    return with_mean_ratios(problem, fitted)


def _settled_on_source(problem: Problem, start: Fit) -> Fit:
    """Fit the source rows alone first: few edge rows could not tell a poor curve from a gain."""
    alone = replace(problem, edge=None, masks=problem.masks[:1])
    settled = _settle(alone, start.first())
    return replace(start, values=settled.values.expand(len(start.values), -1).clone())


def _settle(problem: Problem, start: Fit) -> Fit:
    """Optimise in two stages, estimating the spread of the errors anew before each."""
    moved = problem.to_device()
    few = min(ROUGH_ITERATIONS, problem.max_iterations)
    rough = _optimise(moved, start.to(problem.torch_device), few)
    return _optimise(moved, rough, problem.max_iterations).to("cpu")


def _optimise(problem: Problem, start: Fit, most: int) -> Fit:
    """Minimise the joint objective of all problems from the start."""
    lawful = LawfulMap(start.slots, problem.torch_device)
    free = lawful.to_free(start.values)
    learned = [not _is_held(problem, slot) for slot in start.slots]
    scales, importance = _scales_and_importance(problem, start)
    initial = [[slot.parameter.initial for slot in start.slots]]
    means = lawful.to_free(torch.tensor(initial, dtype=free.dtype, device=free.device))

    def merge(variable: Tensor, numbers: Tensor) -> Tensor:
        full = free[numbers]
        columns = iter(variable.unbind(dim=1))
        merged = [next(columns) if learn else full[:, i] for i, learn in enumerate(learned)]
        return torch.stack(merged, dim=1)

    def residuals(variable: Tensor, numbers: Tensor, lift: Lift) -> Tensor:
        everything = merge(variable, numbers)
        values = lawful.to_weights(everything)
        steps: dict[Phase, StepTable[Tensor]] = {
            phase: StepTable(table.edges, lift(table.levels[numbers]))
            for phase, table in start.steps.items()
        }
        weights = weights_of(start.slots, values, steps)
        errors = _data_errors(problem.map(lift), weights)
        return torch.cat([errors, everything - lift(means)], dim=1) / lift(scales[numbers])

    minimum = minimise(residuals, importance, free[:, learned], most)
    values = lawful.to_weights(merge(minimum.free, torch.arange(len(free), device=free.device)))
    return Fit(start.slots, values, start.steps, minimum.iterations, minimum.converged)


def _data_errors(problem: Problem, weights: Mapping[Phase, PhaseWeights[Tensor]]) -> Tensor:
    """Return every measured error side by side, latencies before energies."""
    errors = [
        log_errors(problem.formulas, weights, side.rows, side.on_edge) for side in problem.sides
    ]
    if problem.has_heads and problem.edge is not None:
        errors.append(energy_errors(problem.formulas, weights, problem.edge))
    return torch.cat(errors, dim=1)


def _scales_and_importance(problem: Problem, start: Fit) -> tuple[Tensor, Tensor]:
    """Return scale and weight of every error, priors last, ``(problems, errors)``.

    Each side counts by its mean error; a prior counts like one edge row at one spread.
    """
    scales, importance = [], []
    for side in problem.sides:
        errors = log_errors(problem.formulas, start.weights, side.rows, side.on_edge)
        scales.append(robust_scales(errors, side))
        importance.append(side.mask / side.mask.sum(dim=1, keepdim=True).clamp_min(1.0))
    rows = problem.masks.sum(dim=1, keepdim=True).clamp_min(1.0)
    if problem.has_heads and problem.edge is not None:
        known = problem.masks * ~problem.edge.energy_j.isnan()
        scales.append(torch.full_like(known, ENERGY_SCALE))
        importance.append(known / known.sum(dim=1, keepdim=True).clamp_min(1.0))
    spreads = torch.tensor(
        [slot.parameter.spread or math.inf for slot in start.slots],
        dtype=rows.dtype,
        device=rows.device,
    )
    scales.append(spreads.expand(len(rows), -1))
    importance.append((1.0 / rows).expand(-1, len(spreads)))
    return torch.cat(scales, dim=1), torch.cat(importance, dim=1)


def _is_held(problem: Problem, slot: Slot) -> bool:
    """Return whether a weight keeps its start.

    That holds for exact latencies, which powers must not move, for the user's gain, and for
    calibrations of a phase no edge row measures.
    """
    if slot.part is Part.CURVE:
        return problem.is_exact
    if slot.part is Part.HEAD:
        return False
    if problem.method is CalibrationMethod.MANUAL or problem.edge is None:
        return True
    return not problem.edge.measures(slot.phase)
