"""Fit many problems at once: the same rows, each problem seeing its own share of them.

Cross-validation is a batch: every fold is a row of weights beside the others. A fit starts at
the exact non-negative least squares of the families' sums and continues, where the formula is
not such a sum, with damped Gauss-Newton steps on the joint objective.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.heads import LOAD_SHARE
from token2metrics.modeling.energy import initial_load_share
from token2metrics.modeling.exact import Array, design, solve
from token2metrics.modeling.objective import (
    ENERGY_SCALE,
    Side,
    energy_errors,
    log_errors,
    phase_latencies_s,
    robust_scales,
    total,
)
from token2metrics.modeling.optimise import Lift, minimise
from token2metrics.modeling.parameters import LawfulMap, Part, Slot, slots_of, weights_of
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.vocabulary import CalibrationMethod, Phase

ROUGH_ITERATIONS = 8
"""Iterations after which the spread of the errors is estimated anew."""

SMALLEST_SHARE = 1e-6
"""A weight that the exact fit leaves at zero restarts at this share of the latency."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is fitted, on which rows.

    Attributes:
        formulas: Curve, calibration and head of each phase.
        method: How gains are estimated.
        edge: Rows of the edge device; None where there are none.
        source: Rows the curve comes from; None where it is fitted on the edge rows.
        masks: Which edge rows each problem trains on, ``(problems, rows)``.
        scale_factor: Gain of the manual method.
        max_iterations: Most optimiser iterations.
    """

    formulas: Mapping[Phase, PhaseFormula]
    method: CalibrationMethod
    edge: FitRows | None
    source: FitRows | None
    masks: Tensor
    scale_factor: float
    max_iterations: int

    @property
    def has_heads(self) -> bool:
        """Return whether any phase has a power head to fit."""
        return any(formula.head is not None for formula in self.formulas.values())

    def map(self, change: Callable[[Tensor], Tensor]) -> Problem:
        """Return the problem with every tensor of its rows changed."""
        edge = None if self.edge is None else self.edge.map(change)
        source = None if self.source is None else self.source.map(change)
        return replace(self, edge=edge, source=source)

    @property
    def sides(self) -> list[Side]:
        """Return source and edge, those that have rows."""
        sides = []
        if self.source is not None:
            everything = torch.ones(len(self.masks), len(self.source), dtype=torch.float64)
            sides.append(Side(self.source, everything, on_edge=False))
        if self.edge is not None:
            sides.append(Side(self.edge, self.masks, on_edge=True))
        return sides


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights of every problem of a batch.

    Attributes:
        slots: Meaning of the columns of ``values``.
        values: Lawful weights, ``(problems, slots)``.
        steps: Learned staircases by phase, levels ``(problems, steps)``.
        iterations: optimiser iterations; 0 for an exact fit.
        converged: Whether the optimiser stopped by itself.
    """

    slots: list[Slot]
    values: Tensor
    steps: Mapping[Phase, StepTable[Tensor]]
    iterations: int = 0
    converged: bool = True

    @property
    def weights(self) -> dict[Phase, PhaseWeights[Tensor]]:
        """Return the weights by phase and part."""
        return weights_of(self.slots, self.values, self.steps)


def fit(problem: Problem) -> Fit:
    """Fit a batch of problems.

    Args:
        problem: At least one side must have rows.
    """
    start = _with_load_shares(problem, _with_gains(problem, _start(problem)))
    fitted = start
    if not _is_exact(problem):
        rough = _optimise(problem, start, min(ROUGH_ITERATIONS, problem.max_iterations))
        fitted = _optimise(problem, rough, problem.max_iterations)
    return _with_mean_ratios(problem, fitted)


def _is_exact(problem: Problem) -> bool:
    """Return whether the start already is the solution: sums fitted on the edge rows alone."""
    return problem.method is CalibrationMethod.DIRECT and all(
        formula.curve.linear_in_weights and formula.head is None
        for formula in problem.formulas.values()
    )


def _start(problem: Problem) -> Fit:
    """Solve the curves exactly on the side they come from."""
    side = problem.sides[0]
    latency_s = side.rows.latency_s.numpy()
    system = design(problem.formulas, side.rows, latency_s)
    masks = side.mask.numpy() > 0
    distinct, member = np.unique(masks, axis=0, return_inverse=True)
    solved = np.stack([solve(system, latency_s, mask) for mask in distinct])[member.reshape(-1)]
    slots = slots_of(problem.formulas, side.rows.workload, ALGEBRA)
    values = torch.tensor([[slot.parameter.initial for slot in slots]], dtype=torch.float64)
    values = values.repeat(len(masks), 1)
    shares = (system.features / latency_s[:, None]).max(axis=0)
    for index, slot in enumerate(slots):
        for column, meaning in enumerate(system.columns):
            named = (slot.phase, slot.parameter.name) == (meaning.phase, meaning.name)
            if slot.part is Part.CURVE and named and not meaning.is_step:
                floor = SMALLEST_SHARE / shares[column] if shares[column] > 0 else 0.0
                exact = _is_exact(problem)
                weight = solved[:, column] if exact else np.maximum(solved[:, column], floor)
                values[:, index] = torch.from_numpy(weight.copy())
    steps = {
        phase: _step_table(edges, solved, [c.is_step and c.phase is phase for c in system.columns])
        for phase, edges in system.edges.items()
    }
    return Fit(slots, values, steps)


def _step_table(edges: Array, solved: Array, chosen: list[bool]) -> StepTable[Tensor]:
    """Turn the heights of all steps of a phase into levels, dropping steps nobody uses."""
    heights = solved[:, np.array(chosen, dtype=bool)]
    used = (heights > 0).any(axis=0)
    levels = torch.from_numpy(np.cumsum(heights[:, used], axis=1))
    return StepTable(edges=tuple(edges[used].tolist()), levels=levels)


def _with_gains(problem: Problem, start: Fit) -> Fit:
    """Start calibrations near the measured ratios; the identity where no row tells."""
    if problem.method is CalibrationMethod.DIRECT:
        return start
    if problem.method is CalibrationMethod.MANUAL:
        return _with_calibration(start, "gain", dict.fromkeys(Phase, problem.scale_factor))
    if problem.edge is None:
        return start
    ratios = _ratios(problem, start, _nan_median)
    started = _with_calibration(start, "gain", ratios)
    if problem.method is CalibrationMethod.LINEAR_FIT:
        return _with_affine_start(problem, started)
    return started


def _nan_median(values: Tensor) -> Tensor:
    """Return the median of each row's numbers, nan where there is none."""
    return torch.nanmedian(values, dim=1).values


def _nan_mean(values: Tensor) -> Tensor:
    """Return the mean of each row's numbers, nan where there is none."""
    return torch.nanmean(values, dim=1)


def _ratios(
    problem: Problem, fitted: Fit, average: Callable[[Tensor], Tensor]
) -> dict[Phase, Tensor | float]:
    """Return measured over source latency of each phase, averaged per problem, ``(problems,)``.

    A phase without rows of its own takes the ratio of whole requests, then of the other phase,
    then 1.
    """
    edge = problem.edge
    assert edge is not None
    latencies = phase_latencies_s(problem.formulas, fitted.weights, edge, on_edge=False)
    ratio = edge.latency_s / total(latencies).clamp_min(1e-12)
    kinds = edge.pure
    found: dict[Phase, Tensor] = {}
    for kind, rows in kinds.items():
        seen = torch.where((problem.masks > 0) & rows, ratio, torch.nan)
        found[kind] = average(seen)
    fallback = {Phase.PREFILL: Phase.DECODE, Phase.DECODE: Phase.PREFILL}
    chosen: dict[Phase, Tensor | float] = {}
    for phase in problem.formulas:
        value = found[phase]
        for other in (Phase.REQUEST, fallback[phase]):
            value = torch.where(value.isnan(), found[other], value)
        chosen[phase] = value.nan_to_num(1.0)
    return chosen


def _with_calibration(fitted: Fit, name: str, by_phase: Mapping[Phase, Tensor | float]) -> Fit:
    """Return the fit with one calibration weight of each phase replaced."""
    values = fitted.values.clone()
    for index, slot in enumerate(fitted.slots):
        named = slot.part is Part.CALIBRATION and slot.parameter.name == name
        if named and slot.phase in by_phase:
            values[:, index] = torch.as_tensor(by_phase[slot.phase], dtype=values.dtype)
    return replace(fitted, values=values)


def _with_load_shares(problem: Problem, start: Fit) -> Fit:
    """Start the steady power of every head at the median metered power."""
    values = start.values.clone()
    for index, slot in enumerate(start.slots):
        head = problem.formulas[slot.phase].head
        if slot.parameter.name == LOAD_SHARE and head is not None and problem.edge is not None:
            values[:, index] = initial_load_share(problem.edge, slot.phase, head)
    return replace(start, values=values)


def _with_affine_start(problem: Problem, start: Fit) -> Fit:
    """Start gain and offset at their exact non-negative least squares on relative errors."""
    edge = problem.edge
    assert edge is not None
    gains: dict[Phase, Tensor | float] = {}
    offsets: dict[Phase, Tensor | float] = {}
    latencies = phase_latencies_s(problem.formulas, start.weights, edge, on_edge=False)
    floor = SMALLEST_SHARE * float(edge.latency_s.median())
    for phase in problem.formulas:
        gain, offset = [], []
        rows = edge.pure[phase].numpy()
        index = next(
            i
            for i, slot in enumerate(start.slots)
            if slot.phase is phase and slot.parameter.name == "gain"
        )
        for number, mask in enumerate(problem.masks.numpy() > 0):
            seen = rows & mask
            fallback = float(start.values[number, index])
            if not seen.any():
                gain.append(fallback)
                offset.append(floor)
                continue
            measured = edge.latency_s.numpy()[seen]
            source = latencies[phase][number].numpy()[seen]
            matrix = np.stack([source / measured, 1.0 / measured], axis=1)
            scale = matrix.max(axis=0)
            solved = nnls(matrix / scale, np.ones(len(measured)))[0] / scale
            gain.append(max(float(solved[0]), SMALLEST_SHARE * fallback))
            offset.append(max(float(solved[1]), floor))
        gains[phase], offsets[phase] = torch.tensor(gain), torch.tensor(offset)
    return _with_calibration(_with_calibration(start, "gain", gains), "offset_s", offsets)


def _optimise(problem: Problem, start: Fit, most: int) -> Fit:
    """Minimise the joint objective of all problems from the start."""
    lawful = LawfulMap(start.slots)
    free = lawful.to_free(start.values)
    learned = torch.tensor([not _is_held(problem, slot) for slot in start.slots])
    scales, importance = _scales_and_importance(problem, start)
    initial = [[slot.parameter.initial for slot in start.slots]]
    means = lawful.to_free(torch.tensor(initial, dtype=free.dtype))

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
    values = lawful.to_weights(merge(minimum.free, torch.arange(len(free))))
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
    spreads = torch.tensor([slot.parameter.spread or math.inf for slot in start.slots])
    scales.append(spreads.to(rows.dtype).expand(len(rows), -1))
    importance.append((1.0 / rows).expand(-1, len(spreads)))
    return torch.cat(scales, dim=1), torch.cat(importance, dim=1)


def _is_held(problem: Problem, slot: Slot) -> bool:
    """Return whether a weight keeps its start.

    That holds for the user's gain, and for calibrations of a phase no edge row measures.
    """
    if slot.part is not Part.CALIBRATION:
        return False
    if problem.method is CalibrationMethod.MANUAL or problem.edge is None:
        return True
    return not problem.edge.measures(slot.phase)


def _with_mean_ratios(problem: Problem, fitted: Fit) -> Fit:
    """Set the gains of simple scaling to the arithmetic mean of the ratios."""
    if problem.method is not CalibrationMethod.SIMPLE_SCALING or problem.edge is None:
        return fitted
    return _with_calibration(fitted, "gain", _ratios(problem, fitted, _nan_mean))
