"""Non-negative least squares that begin with a guess of which unknowns are positive.

Lawson and Hanson's active set, SciPy's ``nnls``, adds one unknown at a time to an empty set. Block
pivoting (Portugal, Judice and Vicente 1994; Kim and Park 2011) exchanges all that are on the wrong
side, so that a good guess is confirmed in a few steps, on the normal equations. What it finds is
refined and checked on the matrix itself; what does not pass is solved by ``nnls``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import nnls

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST_UNKNOWNS = 32
"""Below, adding them one by one is as fast."""

MOST_EXCHANGES = 40
PATIENCE = 3
"""Exchanges of everything at once that may fail to bring fewer on the wrong side."""

SLACK = 1e-12
"""Of a gradient that should vanish or point outwards, relative to that of nothing explained."""

REFINEMENTS = 2
ITERATIONS_PER_UNKNOWN = 30


def nonnegative(matrix: Array, right: Array, guess: Mask) -> Array:
    """Return the unknowns ``>= 0`` that minimise ``|matrix @ unknowns - right|``.

    Args:
        matrix: The system, ``(rows, unknowns)``.
        right: What it should yield, ``(rows,)``.
        guess: Which unknowns are likely positive, ``(unknowns,)``.

    Returns:
        The unknowns, ``(unknowns,)``.
    """
    if matrix.shape[1] >= FEWEST_UNKNOWNS:
        try:
            found = _pivoted(matrix, right, guess)
        except LinAlgError:
            found = None
        if found is not None:
            return found
    solved: Array
    solved, _ = nnls(matrix, right, maxiter=ITERATIONS_PER_UNKNOWN * matrix.shape[1])
    return solved


def _pivoted(matrix: Array, right: Array, guess: Mask) -> Array | None:
    """Return the solution by block pivoting; None where it is not found or not exact.

    Raises:
        LinAlgError: If unknowns cannot be told apart.
    """
    gram, target = matrix.T @ matrix, matrix.T @ right
    slack = SLACK * float(np.abs(target).max(initial=0.0))
    positive, fewest, patience = guess, len(guess) + 1, PATIENCE
    for _ in range(MOST_EXCHANGES):
        kept = np.flatnonzero(positive)
        factor = cho_factor(gram[np.ix_(kept, kept)])
        values = np.zeros(len(guess))
        values[kept] = cho_solve(factor, target[kept])
        gradient = target - gram @ values
        wrong = np.where(positive, values <= 0.0, gradient > slack)
        count = int(wrong.sum())
        if not count:
            values[kept] = _refined(matrix[:, kept], right, factor)
            return values if _is_optimal(matrix, right, values, slack) else None
        patience = PATIENCE if count < fewest else patience - 1
        fewest = min(fewest, count)
        if patience < 0:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        positive = positive ^ wrong
    return None


def _refined(matrix: Array, right: Array, factor: tuple[Array, bool]) -> Array:
    """Return least squares by the normal equations, corrected by what is left on the matrix."""
    values = np.zeros(matrix.shape[1])
    for _ in range(1 + REFINEMENTS):
        values += cho_solve(factor, matrix.T @ (right - matrix @ values))
    return values


def _is_optimal(matrix: Array, right: Array, values: Array, slack: float) -> bool:
    """Return whether no change within the bounds lowers the sum of squares."""
    gradient = matrix.T @ (right - matrix @ values)
    vanishing = np.abs(gradient[values > 0.0]).max(initial=0.0) <= slack
    outward = gradient.max(initial=0.0) <= slack
    return bool(vanishing and outward and values.min(initial=0.0) >= 0.0)
