"""The joint objective as the optimiser sees it: free numbers to scaled residuals."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from token2metrics.modeling.campaigns import membership
from token2metrics.modeling.objective import (
    ENERGY_SCALE,
    energy_errors,
    expected_scales,
    log_errors,
    robust_scales,
)
from token2metrics.modeling.parameters import LawfulMap, Part, Slot, places_of, weights_of
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.unknowns import placed
from token2metrics.vocabulary import CalibrationMethod


class JointObjective:
    """Measured errors and priors of a batch of problems, around a start.

    Attributes:
        variable: Free numbers of the learned weights at the start, ``(problems, unknowns)``.
        importance: Weight of every residual, priors last, ``(problems, residuals)``.
    """

    def __init__(self, problem: Problem, start: Fit, settled: bool) -> None:
        """Take the scales of the errors from the start.

        Args:
            problem: The problems.
            start: Their weights.
            settled: Whether the start's errors tell how far rows scatter; where weights are only
                believed they do not.
        """
        self._problem, self._start = problem, start
        self._lawful = LawfulMap(start.slots, problem.torch_device)
        self._free = self._lawful.to_free(start.values)
        self._learned = [not _is_held(problem, slot) for slot in start.slots]
        self._means, self._roots = _priors(problem, start.slots, self._lawful)
        self._scales, self.importance = _scales_and_importance(problem, start, settled)
        self.variable = self._free[:, self._learned]

    def weights_at(self, variable: Tensor) -> Tensor:
        """Return the lawful weights at free numbers of all problems, ``(problems, slots)``."""
        return self._lawful.to_weights(self._merge(variable))

    def residuals(self, variable: Tensor) -> Tensor:
        """Return scaled residuals, ``(problems, residuals)``.

        Args:
            variable: Free numbers, ``(problems, unknowns)``.
        """
        everything = self._merge(variable)
        values = self._lawful.to_weights(everything)
        weights = weights_of(self._start.slots, values, self._start.steps)
        problem = self._problem
        errors = [
            log_errors(problem.formulas, weights, side.rows, side.on_edge) for side in problem.sides
        ]
        if problem.has_heads and problem.edge is not None:
            errors.append(energy_errors(problem.formulas, weights, problem.edge))
        if problem.campaigns:
            offsets = everything[:, -len(problem.campaigns) :]
            errors[0] = errors[0] + offsets @ membership(problem.campaigns).to(offsets.device)
        data = torch.cat(errors, dim=1) / self._scales
        priors = (everything - self._means) @ self._roots
        return torch.cat([data, priors], dim=1)

    def _merge(self, variable: Tensor) -> Tensor:
        """Put the learned numbers beside those that are held."""
        return placed(variable, self._free, self._learned)


def _priors(problem: Problem, slots: list[Slot], lawful: LawfulMap) -> tuple[Tensor, Tensor]:
    """Return the prior means, ``(1, slots)``, and what weighs deviations, ``(slots, slots)``."""
    initial = torch.tensor(
        [[slot.parameter.initial for slot in slots]],
        dtype=torch.float64,
        device=problem.torch_device,
    )
    means = lawful.to_free(initial)
    roots = np.diag([1.0 / (slot.parameter.spread or np.inf) for slot in slots])
    for phase, belief in problem.beliefs.items():
        places = places_of(slots, phase, belief.names)
        roots[np.ix_(places, places)] = belief.root_precision().T
        means[:, places] = torch.as_tensor(belief.means, device=means.device)
    return means, torch.as_tensor(roots, device=means.device)


def _scales_and_importance(problem: Problem, start: Fit, settled: bool) -> tuple[Tensor, Tensor]:
    """Return the scale of every measured error and the weight of every residual.

    Each side counts by its mean error; a prior counts like one edge row at one spread.
    """
    scales, importance = [], []
    for side in problem.sides:
        errors = log_errors(problem.formulas, start.weights, side.rows, side.on_edge)
        scattered = robust_scales(errors, side)
        scales.append(expected_scales(scattered, side, settled) if problem.beliefs else scattered)
        importance.append(side.mask / side.mask.sum(dim=1, keepdim=True).clamp_min(1.0))
    if problem.has_heads and problem.edge is not None:
        known = problem.masks * ~problem.edge.energy_j.isnan()
        scales.append(torch.full_like(known, ENERGY_SCALE))
        importance.append(known / known.sum(dim=1, keepdim=True).clamp_min(1.0))
    rows = problem.masks.sum(dim=1, keepdim=True).clamp_min(1.0)
    importance.append((1.0 / rows).expand(-1, len(start.slots)))
    return torch.cat(scales, dim=1), torch.cat(importance, dim=1)


def _is_held(problem: Problem, slot: Slot) -> bool:
    """Return whether a weight keeps its start.

    That holds for exact latencies, which powers must not move, for the user's gain, and for
    calibrations of a phase no edge row measures.
    """
    if slot.part is Part.CURVE:
        return problem.is_exact
    if slot.part in (Part.HEAD, Part.CAMPAIGN):
        return False
    if problem.method is CalibrationMethod.MANUAL or problem.edge is None:
        return True
    return not problem.edge.measures(slot.phase)
