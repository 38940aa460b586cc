"""Which rows each fit of a nested cross-validation may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from token2metrics.config import RegressionConfig
from token2metrics.modeling.rows import FitRows
from token2metrics.processors.split import fold_numbers, holdout_mask

Mask = NDArray[np.bool_]

ALWAYS_TRAINED = -1
MIN_FOLDS = 2
MIN_NESTED_FOLDS = 3


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows that one fit of the batch has not seen.

    Attributes:
        fit: Number of the fit.
        rows: The rows it is judged on, ``(rows,)``.
    """

    fit: int
    rows: Mask


@dataclass(frozen=True, slots=True)
class Split:
    """A training part and its held-out rows, with the splits within the training part."""

    outer: HeldOut
    inner: tuple[HeldOut, ...]


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """Every fit of a nested cross-validation as one batch; fit 0 sees all rows.

    Attributes:
        masks: 1 where a fit trains on a row, ``(fits, rows)``.
        folds: The outer folds.
        test: The held-out test part; None when too few rows.
    """

    masks: Tensor
    folds: tuple[Split, ...]
    test: Split | None


def plan_validation(rows: FitRows, config: RegressionConfig) -> ValidationPlan:
    """Deal the edge rows into folds, whole token settings of each kind of row together.

    The inner folds of a fold are the other folds, so that the fits number quadratically and
    not cubically: every pair of folds is left out once (Varma and Simon 2006 for the nesting).

    Args:
        rows: Edge rows.
        config: Folds, test share and seed.
    """
    folds = _folds(rows, config)
    masks: list[Mask] = [np.ones(len(rows), dtype=bool)]

    def add(mask: Mask) -> int:
        masks.append(mask)
        return len(masks) - 1

    numbers = sorted(set(folds.tolist()) - {ALWAYS_TRAINED})
    without = {k: add(folds != k) for k in numbers}
    pairs: dict[frozenset[int], int] = {}
    if len(numbers) >= MIN_NESTED_FOLDS:
        for j, k in combinations(numbers, 2):
            pairs[frozenset((j, k))] = add((folds != j) & (folds != k))
    splits = tuple(
        Split(
            HeldOut(without[k], folds == k),
            (
                tuple(HeldOut(pairs[frozenset((j, k))], folds == j) for j in numbers if j != k)
                if pairs
                else ()
            ),
        )
        for k in numbers
    )
    test = _test_split(rows, config, folds, add)
    return ValidationPlan(torch.from_numpy(np.stack(masks).astype(np.float64)), splits, test)


def _test_split(
    rows: FitRows,
    config: RegressionConfig,
    folds: NDArray[np.int64],
    add: Callable[[Mask], int],
) -> Split | None:
    """Hold out the test rows, and fold what remains."""
    held = np.zeros(len(rows), dtype=bool)
    for kind in _kinds(rows):
        held[kind] = holdout_mask(rows.settings[kind], config.test_size, config.random_state)
    if not held.any():
        return None
    outer = HeldOut(add(~held), held)
    numbers = sorted(set(folds[~held].tolist()) - {ALWAYS_TRAINED})
    inner = tuple(
        HeldOut(add(~held & (folds != k)), ~held & (folds == k))
        for k in numbers
        if len(numbers) >= MIN_FOLDS
    )
    return Split(outer, inner)


def _kinds(rows: FitRows) -> list[Mask]:
    """Return the rows of each kind: prefill, decode, request."""
    return [kind.numpy() for kind in rows.pure.values() if bool(kind.any())]


def _folds(rows: FitRows, config: RegressionConfig) -> NDArray[np.int64]:
    """Return the fold of each row; kinds with a single setting are always trained on."""
    folds = np.full(len(rows), ALWAYS_TRAINED, dtype=np.int64)
    for kind in _kinds(rows):
        numbers = fold_numbers(
            rows.settings[kind], config.cross_validation_folds, config.random_state
        )
        if numbers.max(initial=0) > 0:
            folds[kind] = numbers
    return folds
