"""Exact robust fits: non-negative least squares on relative errors, reweighted.

Every family is, up to its shaping, a non-negative combination of rising features. With learned
steps the active-set algorithm adds one stump at a time and refits all heights: fully corrective
boosting of monotone stumps (Lawson and Hanson 1974; Shalev-Shwartz et al. 2010).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from token2metrics.cost import PhaseFormula
from token2metrics.modeling.nonnegative import nonnegative
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.vocabulary import Phase

Array = NDArray[np.float64]

REWEIGHTINGS = 6
ROBUST_MULTIPLE = 1.5
MAD_TO_SIGMA = 1.4826
SHARE_QUANTILE = 0.9
"""Penalties are scaled by this quantile: a maximum would follow one row far too fast."""

SETTLED = 1e-9
SMALLEST_SCALE = 1e-4
"""Relative errors below this are noise of the clock: nothing is weighted down for them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One non-negative unknown of the linear system."""

    phase: Phase
    name: str
    is_step: bool


@dataclass(frozen=True, slots=True)
class Design:
    """The linear system of the formulas on one side's rows.

    Attributes:
        columns: What each unknown means.
        features: Latency per unit of each unknown, ``(rows, columns)``.
        penalty: What should vanish, as combinations of the unknowns, ``(penalties, columns)``.
        edges: Thresholds of the learned steps of each phase that has them.
    """

    columns: tuple[Column, ...]
    features: Array
    penalty: Array
    edges: Mapping[Phase, Array]


def _thresholds(axis: Array, most: int) -> Array:
    """Return thresholds between neighbouring token counts, thinned evenly to ``most``."""
    counts = np.unique(axis)
    between = np.floor((counts[1:] + counts[:-1]) / 2)
    if len(between) <= most:
        return between
    thinned: Array = between[np.linspace(0, len(between) - 1, most).round().astype(int)]
    return thinned


def _share(relative: Array) -> float:
    """Return how much of a latency one unit of a feature is, in all but the fastest rows."""
    positive = relative[relative > 0]
    return float(np.quantile(positive, SHARE_QUANTILE)) if len(positive) else 0.0


def design(formulas: Mapping[Phase, PhaseFormula], rows: FitRows, latency_s: Array) -> Design:
    """Write the formulas' sums as a linear system.

    Args:
        formulas: Formula of each phase.
        rows: Rows of the side that is fitted.
        latency_s: Measured seconds, ``(rows,)``, to scale penalties.
    """
    columns: list[Column] = []
    features: list[Array] = []
    edges: dict[Phase, Array] = {}
    for phase, formula in formulas.items():
        present = rows.includes[phase].numpy()
        for name, feature in formula.curve.basis(ALGEBRA, rows.workload).items():
            columns.append(Column(phase, name, is_step=False))
            features.append(feature.expand(len(rows)).numpy() * present)
        axis = formula.curve.step_axis(rows.workload)
        if axis is None:
            continue
        counts = axis.numpy()
        most = formula.curve.regularity().most_steps
        edges[phase] = _thresholds(counts[present > 0], most)
        for number, edge in enumerate(edges[phase]):
            columns.append(Column(phase, str(number), is_step=True))
            features.append((counts > edge) * present)
    matrix = np.stack(features, axis=1)
    penalty = _penalty(columns, formulas, matrix / latency_s[:, None])
    return Design(tuple(columns), matrix, penalty, edges)


def _penalty(
    columns: list[Column], formulas: Mapping[Phase, PhaseFormula], relative: Array
) -> Array:
    """Return what regular curves keep small, ``(penalties, columns)``, as relative errors."""
    penalties = []
    for number, column in enumerate(columns):
        regularity = formulas[column.phase].curve.regularity()
        weight = regularity.steps if column.is_step else regularity.slopes
        if weight > 0:
            scaled = column.is_step or regularity.scaled
            penalties.append(np.zeros(len(columns)))
            penalties[-1][number] = weight * (_share(relative[:, number]) if scaled else 1.0)
    for phase, formula in formulas.items():
        regularity = formula.curve.regularity()
        row = [columns.index(Column(phase, name, False)) for name in regularity.neighbours]
        unit = regularity.differences * _share(relative[:, row].sum(axis=1))
        for one, other in pairwise(row):
            penalties.append(np.zeros(len(columns)))
            penalties[-1][[one, other]] = unit, -unit
    return np.array(penalties).reshape(-1, len(columns))


def symmetric_errors(ratio: Array) -> Array:
    """Return errors of predicted over measured ratios, between -1 and 1.

    ``(predicted - measured) / max(predicted, measured)``: a row a thousand times too fast is no
    worse than one a thousand times too slow.
    """
    errors: Array = (ratio - 1.0) / np.maximum(ratio, 1.0)
    return errors


def robust_scale(errors: Array) -> float:
    """Return the spread of errors that outliers do not move."""
    return max(MAD_TO_SIGMA * float(np.median(np.abs(errors))), SMALLEST_SCALE)


def solve(system: Design, latency_s: Array, mask: NDArray[np.bool_]) -> Array:
    """Return the unknowns that minimise robust relative errors over the masked rows.

    Reweighting starts twice, from relative and from absolute errors: rows far too slow spoil the
    second start, rows far too fast the first. The one that ends with the lower loss is kept.

    Args:
        system: The linear system of all rows.
        latency_s: Measured seconds, ``(rows,)``.
        mask: Which rows count, ``(rows,)``.

    Returns:
        Non-negative unknowns, ``(columns,)``.
    """
    unknowns = len(system.columns)
    if not mask.any():
        return np.zeros(unknowns)
    measured = latency_s[mask]
    relative = system.features[mask] / measured[:, None]
    scale = relative.max(axis=0)
    scale[scale <= 0.0] = 1.0
    blocks = _blocks([column.phase for column in system.columns], relative, system.penalty / scale)
    starts = (np.ones(len(measured)), np.square(measured / measured.max()))
    solutions = [_reweighted(relative / scale, blocks, weights) for weights in starts]
    losses = [np.abs(symmetric_errors(relative / scale @ one)).mean() for one in solutions]
    unscaled: Array = solutions[int(np.argmin(losses))] / scale
    return unscaled


@dataclass(frozen=True, slots=True)
class Block:
    """Unknowns that share no row with any other: they are solved for by themselves.

    Attributes:
        rows: Rows they occur in.
        columns: The unknowns.
        penalty: What should vanish of them, ``(penalties, columns)``.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    penalty: Array


def _blocks(phases: Sequence[Phase], relative: Array, penalty: Array) -> list[Block]:
    """Take the phases apart where no row, such as a whole request, joins them.

    Args:
        phases: Phase of each column.
        relative: The linear system, ``(rows, columns)``.
        penalty: What should vanish, ``(penalties, columns)``.
    """
    kinds = [np.array([one is phase for one in phases]) for phase in dict.fromkeys(phases)]
    if (np.sum([(relative[:, kind] != 0).any(axis=1) for kind in kinds], axis=0) > 1).any():
        kinds = [np.ones(len(phases), dtype=bool)]
    return [
        Block(
            rows=np.flatnonzero((relative[:, kind] != 0).any(axis=1)),
            columns=np.flatnonzero(kind),
            penalty=penalty[(penalty[:, kind] != 0).any(axis=1)][:, kind],
        )
        for kind in kinds
    ]


def _reweighted(relative: Array, blocks: Sequence[Block], weights: Array) -> Array:
    """Return robust non-negative least squares of ``relative @ unknowns = 1``."""
    solution = np.zeros(relative.shape[1])
    for _ in range(REWEIGHTINGS):
        root = np.sqrt(weights)
        previous, solution = solution, np.zeros(relative.shape[1])
        for block in blocks:
            likely = previous[block.columns] > 0.0
            solution[block.columns] = _solved(relative, block, root, likely)
        ratio = relative @ solution
        errors = symmetric_errors(ratio)
        tail = errors / (ROBUST_MULTIPLE * robust_scale(errors))
        weights = np.maximum(ratio, 1.0) ** -2 / np.sqrt(1.0 + tail**2)
        if np.allclose(solution, previous, rtol=SETTLED, atol=0.0):
            break
    return solution


def _solved(relative: Array, block: Block, root: Array, likely: NDArray[np.bool_]) -> Array:
    """Return the weighted non-negative least squares of one block."""
    if not len(block.rows):
        return np.zeros(len(block.columns))
    own = root[block.rows]
    matrix = np.vstack([relative[np.ix_(block.rows, block.columns)] * own[:, None], block.penalty])
    right = np.concatenate([own, np.zeros(len(block.penalty))])
    return nonnegative(matrix, right, likely)
