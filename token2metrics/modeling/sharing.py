"""How several samples at once share a phase: fitted beside what one sample costs.

Rows of several samples and those of one from the same data set tell the level of that data set
and, relative to it, what each further sample adds: non-negative least squares on relative errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from token2metrics.artifact.manifest import ParallelRecord
from token2metrics.heads import TAIL_SHARE, UNLIMITED_POWER_W
from token2metrics.modeling.margins import carried_sharing_margin, sharing_margin
from token2metrics.modeling.single_costs import FittedPhases, SingleCosts
from token2metrics.parallel import (
    ENERGY_PER_SAMPLE,
    LATENCY_OF_SEVERAL,
    LATENCY_PER_SAMPLE,
    SINGLE,
    ParallelSamples,
)
from token2metrics.processors.batch import Measurements
from token2metrics.vocabulary import FITTED_PHASES, Phase

Floats = NDArray[np.float64]
Shares = Mapping[Phase, Mapping[str, float]]
"""Weights of ``ParallelSamples`` of each phase."""

RELATIVE_ERROR = 0.02
"""How well rows of several samples are expected to follow the form."""

SPREADS = {LATENCY_PER_SAMPLE: 0.5, LATENCY_OF_SEVERAL: 0.05, ENERGY_PER_SAMPLE: 0.5}
"""How large the weights may easily be."""

PREFILL_SPREAD_SHARE = 0.1
"""The prompt is shared by its answers: prefill is expected to grow this much less."""

MOST_UNMETERED_SHARE = 0.1
"""A phase without a power head may take up to this share of a row whose energy is used."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How samples share, and what that rests on.

    Attributes:
        shares: Weights of each phase.
        records: What an artifact says of it, of each phase.
    """

    shares: Shares
    records: Mapping[Phase, ParallelRecord]


def fit_sharing(model: FittedPhases, rows: Measurements, words: str) -> Sharing | None:
    """Fit what further samples add; None without a row of several samples.

    Args:
        model: The model as fitted for one sample.
        rows: Rows of several samples, and those of one sample from the same data sets.
        words: What the rows are, such as ``of dsr1-qwen-1.5b on jetson-agx-orin-64gb``.
    """
    several = rows.parallel > SINGLE
    phases = [phase for phase in model.formulas if bool((_includes(rows, phase) & several).any())]
    if not phases:
        return None
    costs = model.single_costs(rows)
    shares = _solved(model, costs, rows, np.ones(len(rows), dtype=bool))
    counts = np.unique(rows.parallel[several])
    held_out = [
        _latency_errors(_solved(model, costs, rows, rows.parallel != count), costs, rows, count)
        for count in counts
        if len(counts) > 1
    ]
    errors = np.concatenate(held_out) if held_out else np.array([])
    record = ParallelRecord(
        rows=int(several.sum()),
        samples=(int(counts.min()), int(counts.max())),
        rests_on=f"{int(several.sum())} rows {words}, {_listed(counts)} at once",
        margin=sharing_margin(errors),
    )
    return Sharing({phase: shares[phase] for phase in phases}, dict.fromkeys(phases, record))


def carried_sharing(siblings: Sequence[Sharing], words: str) -> Sharing:
    """Return how a model shares that was never measured so: like others on its device.

    Args:
        siblings: How the others share; a phase that none of them tells is left out.
        words: Where they were measured.
    """
    shares, records = {}, {}
    for phase in FITTED_PHASES:
        told = [one for one in siblings if phase in one.records]
        if not told:
            continue
        samples = [one.records[phase].samples for one in told]
        shares[phase] = {
            name: float(np.median([one.shares[phase][name] for one in told])) for name in SPREADS
        }
        records[phase] = ParallelRecord(
            rows=0,
            samples=(min(fewest for fewest, _ in samples), max(most for _, most in samples)),
            rests_on=f"carried over from {len(told)} other models {words}",
            margin=carried_sharing_margin(),
        )
    return Sharing(shares, records)


def _listed(counts: Floats) -> str:
    """Return numbers of samples in words."""
    return ", ".join(f"{count:g}" for count in counts)


def _includes(rows: Measurements, phase: Phase) -> NDArray[np.bool_]:
    """Return which rows include a phase."""
    return rows.in_prefill if phase is Phase.PREFILL else rows.in_decode


def _solved(
    model: FittedPhases, costs: SingleCosts, rows: Measurements, seen: NDArray[np.bool_]
) -> dict[Phase, dict[str, float]]:
    """Fit the weights of every phase on some of the rows."""
    more = rows.parallel - SINGLE
    latency = {
        (phase, name): costs.latency_s[phase] * factor
        for phase in model.formulas
        for name, factor in (
            (LATENCY_PER_SAMPLE, more),
            (LATENCY_OF_SEVERAL, (more > 0).astype(np.float64)),
        )
    }
    single_s = np.sum(list(costs.latency_s.values()), axis=0)
    found = _relative_nnls(latency, single_s, rows.latency_s, rows, seen)
    active_j, metered = _active_j(model, costs, rows)
    if costs.active_j and metered.any():
        energy = {
            (phase, ENERGY_PER_SAMPLE): active * more for phase, active in costs.active_j.items()
        }
        single_j = np.sum(list(costs.active_j.values()), axis=0)
        usable = seen & metered & (single_j > 0.0)
        found |= _relative_nnls(energy, single_j, active_j, rows, usable)
    return {
        phase: {name: found.get((phase, name), 0.0) for name in SPREADS} for phase in model.formulas
    }


def _active_j(
    model: FittedPhases, costs: SingleCosts, rows: Measurements
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the metered energy above idle without what the window's tail adds, and where known."""
    heads = {phase: f.head for phase, f in model.formulas.items() if f.head is not None}
    if not heads:
        return np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    last = Phase.DECODE if Phase.DECODE in heads else Phase.PREFILL
    tail_share = model.weights[last].head[TAIL_SHARE]
    tail_s = np.maximum(rows.energy_window_s - rows.latency_s, 0.0)
    above_j = rows.energy_j - heads[last].idle_power_w * rows.energy_window_s
    active_j = above_j / (1.0 + tail_share * tail_s / rows.latency_s)
    total_s = np.sum(list(costs.latency_s.values()), axis=0)
    unmetered_s = total_s - np.sum([costs.latency_s[phase] for phase in heads], axis=0)
    known = unmetered_s <= MOST_UNMETERED_SHARE * total_s
    return active_j, known & np.isfinite(active_j) & (active_j > 0.0)


def _relative_nnls(
    features: Mapping[tuple[Phase, str], Floats],
    single: Floats,
    measured: Floats,
    rows: Measurements,
    seen: NDArray[np.bool_],
) -> dict[tuple[Phase, str], float]:
    """Solve ``measured = level (single + sum of weight x feature)`` for non-negative weights.

    The level of each data set is taken from its rows of one sample.
    """
    if not seen.any():
        return {}
    level = _levels(single, measured, rows, seen)
    names = list(features)
    scale = RELATIVE_ERROR * measured[seen]
    columns = [features[name][seen] * level[seen] / scale for name in names]
    priors = np.diag([1.0 / _spread(phase, name) for phase, name in names])
    wanted = (measured[seen] - single[seen] * level[seen]) / scale
    matrix = np.vstack([np.stack(columns, axis=1), priors])
    solved = nnls(matrix, np.concatenate([wanted, np.zeros(len(names))]))[0]
    return {name: float(weight) for name, weight in zip(names, solved, strict=True)}


def _spread(phase: Phase, name: str) -> float:
    """Return how large a weight of a phase may easily be."""
    share = PREFILL_SPREAD_SHARE if phase is Phase.PREFILL else 1.0
    return SPREADS[name] * share


def _levels(
    single: Floats, measured: Floats, rows: Measurements, seen: NDArray[np.bool_]
) -> Floats:
    """Return by which factor each row's data set lies off the fit, from its single samples.

    Rows of each kind, prefill, decode or both, have a level of their own: one phase may be fitted
    less well than the other. Without a row of one sample the level is that of the fit.
    """
    kinds = list(zip(rows.source, rows.in_prefill, rows.in_decode, strict=True))
    alone = seen & (rows.parallel == SINGLE) & (single > 0.0)
    level = np.ones(len(rows))
    for kind in set(kinds):
        own = np.array([one == kind for one in kinds])
        if (own & alone).any():
            ratios = measured[own & alone] / single[own & alone]
            level[own] = float(np.exp(np.median(np.log(ratios))))
    return level


def _latency_errors(shares: Shares, costs: SingleCosts, rows: Measurements, count: float) -> Floats:
    """Return the logarithmic errors of the rows of one number of samples, left out of a fit."""
    held = rows.parallel == count
    single_s = np.sum(list(costs.latency_s.values()), axis=0)
    level = _levels(single_s, rows.latency_s, rows, rows.parallel == SINGLE)
    form = ParallelSamples(0.0, UNLIMITED_POWER_W)
    predicted = sum(
        (
            seconds * form.slowdown(int(count), shares[phase])
            for phase, seconds in costs.latency_s.items()
            if phase in shares
        ),
        start=np.zeros(len(rows)),
    )
    errors: Floats = np.log(predicted[held] * level[held] / rows.latency_s[held])
    return errors
