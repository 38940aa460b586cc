"""Where a fit starts: exact curves, calibrations near the measured ratios, metered powers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.heads import LOAD_SHARE
from token2metrics.modeling.beliefs import (
    ATTENTION_WEIGHT,
    FLOP_WEIGHTS,
    LAYER_WEIGHT,
    ORDER_WEIGHT,
)
from token2metrics.modeling.campaigns import campaign_slots
from token2metrics.modeling.energy import initial_load_share
from token2metrics.modeling.exact import Array, design, solve
from token2metrics.modeling.objective import phase_latencies_s, total
from token2metrics.modeling.parameters import Part, places_of, slots_of
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.rows import ALGEBRA
from token2metrics.vocabulary import CalibrationMethod, Phase

SMALLEST_SHARE = 1e-6
"""A weight that the exact fit leaves at zero restarts at this share of the latency."""

OFFSET_SHARE = 0.01
"""An offset starts at no less than this share of the shortest latency, so that it can grow."""

MIN_ROWS_OF_AN_OFFSET = 3
"""Fewer rows cannot tell an offset from a gain, and leave it out."""

SMALLEST_LATENCY_S = 1e-12

WIDEST_KNOWLEDGE = 1.0
"""A weight whose logarithm is believed with a larger spread is not known at all."""


def exact_start(problem: Problem) -> Fit:
    """Start the curves: as believed, or solved exactly on the side they come from."""
    if problem.beliefs:
        return _believed_start(problem)
    side = problem.sides[0]
    latency_s = side.rows.latency_s.numpy()
    system = design(problem.formulas, side.rows, latency_s)
    masks = side.mask.numpy() > 0
    distinct, member = np.unique(masks, axis=0, return_inverse=True)
    solved = np.stack([solve(system, latency_s, mask) for mask in distinct])[member.reshape(-1)]
    slots = slots_of(problem.formulas)
    values = torch.tensor([[slot.parameter.initial for slot in slots]], dtype=torch.float64)
    values = values.repeat(len(masks), 1)
    shares = (system.features / latency_s[:, None]).max(axis=0)
    places = {(s.phase, s.parameter.name): i for i, s in enumerate(slots) if s.part is Part.CURVE}
    for column, meaning in enumerate(system.columns):
        if meaning.is_step:
            continue
        usable = shares[column] > 0 and not problem.is_exact
        floor = SMALLEST_SHARE / shares[column] if usable else 0.0
        weight = np.maximum(solved[:, column], floor)
        values[:, places[meaning.phase, meaning.name]] = torch.from_numpy(weight)
    steps = {
        phase: _step_table(edges, solved, [c.is_step and c.phase is phase for c in system.columns])
        for phase, edges in system.edges.items()
    }
    return Fit(slots, values, steps)


def _believed_start(problem: Problem) -> Fit:
    """Start every curve weight at the mean of its belief."""
    slots = [*slots_of(problem.formulas), *campaign_slots(problem.campaigns)]
    means = {
        (phase, name): math.exp(mean)
        for phase, belief in problem.beliefs.items()
        for name, mean in zip(belief.names, belief.means, strict=True)
    }
    start = [means.get((s.phase, s.parameter.name), s.parameter.initial) for s in slots]
    values = torch.tensor([start], dtype=torch.float64).repeat(len(problem.masks), 1)
    return _with_visible_terms(problem, _at_measured_level(problem, Fit(slots, values, {})))


def _at_measured_level(problem: Problem, start: Fit) -> Fit:
    """Start a curve of known shape and unknown level where the rows are.

    Term by term, the steps of the fit would be led into a valley of the wrong shape.
    """
    edge = problem.edge
    unlevelled = [p for p, belief in problem.beliefs.items() if belief.knows_only_the_shape()]
    if edge is None or not unlevelled:
        return start
    latencies = phase_latencies_s(problem.formulas, start.weights, edge, on_edge=True)
    values = start.values.clone()
    for phase in unlevelled:
        seen = (problem.masks > 0) & edge.pure[phase]
        ratio = edge.latency_s / latencies[phase].clamp_min(SMALLEST_LATENCY_S)
        level = _nan_median(torch.where(seen, ratio, torch.nan)).nan_to_num(1.0)
        timed = [name for name in problem.beliefs[phase].names if name != ORDER_WEIGHT]
        places = places_of(start.slots, phase, timed)
        values[:, places] = start.values[:, places] * level[:, None]
    return replace(start, values=values)


def _with_visible_terms(problem: Problem, start: Fit) -> Fit:
    """Start arithmetic that nobody knows at the longest prompt, and launches at the shortest.

    Of a smooth maximum only the largest term moves: one that starts far too small stays hidden.
    """
    edge, belief = problem.edge, problem.beliefs.get(Phase.PREFILL)
    if edge is None or belief is None or belief.knows_only_the_shape():
        return start
    if belief.spread(FLOP_WEIGHTS[0]) <= WIDEST_KNOWLEDGE:
        return start
    seen = (problem.masks > 0) & edge.pure[Phase.PREFILL]
    basis = problem.formulas[Phase.PREFILL].curve.basis(ALGEBRA, edge.workload)
    prompts = edge.workload.input_tokens
    values = start.values.clone()
    for names, ranks in (((*FLOP_WEIGHTS, ATTENTION_WEIGHT), prompts), ((LAYER_WEIGHT,), -prompts)):
        places = places_of(start.slots, Phase.PREFILL, names)
        ends = torch.where(seen, ranks, -torch.inf).argmax(dim=1)
        alone_s = sum(
            start.values[:, place] * basis[name][ends]
            for place, name in zip(places, names, strict=True)
        )
        factor = torch.where(seen.any(dim=1), edge.latency_s[ends] / alone_s, 1.0)
        values[:, places] = start.values[:, places] * factor[:, None]
    return replace(start, values=values)


def _step_table(edges: Array, solved: Array, chosen: list[bool]) -> StepTable[Tensor]:
    """Turn the heights of all steps of a phase into levels, dropping steps nobody uses."""
    heights = solved[:, np.array(chosen, dtype=bool)]
    used = (heights > 0).any(axis=0)
    levels = torch.from_numpy(np.cumsum(heights[:, used], axis=1))
    return StepTable(edges=tuple(edges[used].tolist()), levels=levels)


def with_gains(problem: Problem, start: Fit) -> Fit:
    """Start calibrations near the measured ratios; the identity where no row tells."""
    if problem.method in (CalibrationMethod.DIRECT, CalibrationMethod.PRIOR):
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

    A phase without rows of its own takes the ratio of whole requests; then, from another device,
    that of the other phase; then 1.
    """
    edge = problem.edge
    assert edge is not None
    latencies = phase_latencies_s(problem.formulas, fitted.weights, edge, on_edge=False)
    ratio = edge.latency_s / total(latencies).clamp_min(SMALLEST_LATENCY_S)
    kinds = edge.pure
    found: dict[Phase, Tensor] = {}
    for kind, rows in kinds.items():
        seen = torch.where((problem.masks > 0) & rows, ratio, torch.nan)
        found[kind] = average(seen)
    fallback = {Phase.PREFILL: Phase.DECODE, Phase.DECODE: Phase.PREFILL}
    chosen: dict[Phase, Tensor | float] = {}
    for phase in problem.formulas:
        value = found[phase]
        others = () if problem.shares_device else (fallback[phase],)
        for other in (Phase.REQUEST, *others):
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


def with_load_shares(problem: Problem, start: Fit) -> Fit:
    """Start the steady power of every head at the median metered power."""
    values = start.values.clone()
    for index, slot in enumerate(start.slots):
        if slot.part is not Part.HEAD or slot.parameter.name != LOAD_SHARE:
            continue
        head = problem.formulas[slot.phase].head
        if head is not None and problem.edge is not None:
            values[:, index] = initial_load_share(problem.edge, slot.phase, head)
    return replace(start, values=values)


def _with_affine_start(problem: Problem, start: Fit) -> Fit:
    """Start gain and offset at their exact non-negative least squares on relative errors."""
    edge = problem.edge
    assert edge is not None
    gains: dict[Phase, Tensor | float] = {}
    offsets: dict[Phase, Tensor | float] = {}
    latencies = phase_latencies_s(problem.formulas, start.weights, edge, on_edge=False)
    shortest_s = float(edge.latency_s.min())
    for phase in problem.formulas:
        gain, offset = [], []
        rows = edge.pure[phase].numpy()
        (index,) = places_of(start.slots, phase, ("gain",))
        for number, mask in enumerate(problem.masks.numpy() > 0):
            seen = rows & mask
            fallback = float(start.values[number, index])
            if not seen.any():
                gain.append(fallback)
                offset.append(SMALLEST_SHARE * shortest_s)
                continue
            measured = edge.latency_s.numpy()[seen]
            source = latencies[phase][number].numpy()[seen]
            matrix = np.stack([source / measured, 1.0 / measured], axis=1)
            scale = matrix.max(axis=0)
            solved = nnls(matrix / scale, np.ones(len(measured)))[0] / scale
            gain.append(max(float(solved[0]), SMALLEST_SHARE * fallback))
            share = OFFSET_SHARE if seen.sum() >= MIN_ROWS_OF_AN_OFFSET else SMALLEST_SHARE
            offset.append(max(float(solved[1]), share * shortest_s))
        gains[phase], offsets[phase] = _doubles(gain), _doubles(offset)
    return _with_calibration(_with_calibration(start, "gain", gains), "offset_s", offsets)


def _doubles(values: list[float]) -> Tensor:
    """Return numbers as a float64 tensor."""
    return torch.tensor(values, dtype=torch.float64)


def with_mean_ratios(problem: Problem, fitted: Fit) -> Fit:
    """Set the gains of simple scaling to the arithmetic mean of the ratios."""
    if problem.method is not CalibrationMethod.SIMPLE_SCALING or problem.edge is None:
        return fitted
    return _with_calibration(fitted, "gain", _ratios(problem, fitted, _nan_mean))
