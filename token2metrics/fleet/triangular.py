"""Triangular factors of many small least-squares problems at once.

Problems lie along the last axis, so that every step is plain arithmetic on long vectors: a
problem is computed by the same operations in the same order alone as among a million others, on
the CPU as on CUDA. The factor is Cholesky's of the normal equations, which costs least. Where
their pivots say that they have lost digits, or that columns depend on each other, rows are rotated
into the factor one by one instead (Givens; Golub and Van Loan 2013, "Matrix Computations", 5.2):
as accurate as Householder's reflections.

A factor is ``(columns, columns, problems)`` with the right side as its last column;
``factor[k, j]`` is row ``k`` of column ``j``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from token2metrics.fleet.ragged import Ragged

DEPENDENT = 1e-10
"""A column of unit length nearer than this to the span of those before it tells nothing new."""

ACCURATE_PIVOT = 1e-5
"""Squared distance to that span from which on normal equations keep at least ten digits."""

SMALLEST_LENGTH = 1e-150
"""Stands for no length at all where lengths divide."""


def rotate_in(factor: Tensor, row: Tensor) -> None:
    """Add one row to each of the first problems.

    Args:
        factor: ``(columns, columns, problems)``, changed in place.
        row: The right side last, ``(columns, at most problems)``; not kept.
    """
    columns, width = row.shape
    for place in range(columns):
        above = factor[place, place:, :width]
        below = row[place:]
        length = (above[0] * above[0] + below[0] * below[0]).sqrt_()
        inverse = length.clamp_min(SMALLEST_LENGTH).reciprocal_()
        cosine, sine = above[0] * inverse, below[0] * inverse
        rest = below[1:] * cosine - above[1:] * sine
        above[1:] = above[1:] * cosine + below[1:] * sine
        above[0] = length
        row[place + 1 :] = rest


def rotated(rows: Tensor, runs: Ragged) -> Tensor:
    """Return the factor of each run of rows, rotated in one by one.

    Args:
        rows: The right side last, in the order of the runs, ``(columns, rows)``.
        runs: Where the rows of each run are.
    """
    found = rows.new_zeros(len(rows), len(rows), runs.problems)
    for _, where in runs.slices():
        rotate_in(found, rows[:, where].clone())
    return found


def multiplied(rows: Tensor, runs: Ragged) -> Tensor:
    """Return the normal equations of each run of rows, ``(columns, columns, problems)``."""
    total = rows.new_zeros(len(rows), len(rows), runs.problems)
    for width, where in runs.slices():
        row = rows[:, where]
        total[..., :width] += row[:, None] * row
    return total


def cholesky(products: Tensor) -> tuple[Tensor, Tensor]:
    """Factor normal equations.

    Args:
        products: ``(columns, columns, problems)``; not kept.

    Returns:
        The factor, and which problems it is accurate for.
    """
    columns = len(products)
    squares = products.diagonal(dim1=0, dim2=1).T.clone()
    accurate = torch.ones_like(products[0, 0], dtype=torch.bool)
    factor = torch.zeros_like(products)
    for place in range(columns):
        pivot = products[place, place].clamp_min(0.0)
        if place < columns - 1:
            accurate &= pivot > ACCURATE_PIVOT * squares[place]
        length = pivot.sqrt()
        row = products[place, place:] * length.clamp_min(SMALLEST_LENGTH).reciprocal_()
        row[0] = length
        factor[place, place:] = row
        if place < columns - 1:
            products[place + 1 :, place + 1 :] -= row[1:, None] * row[1:]
    return factor, accurate


def factored(rows: Tensor, runs: Ragged) -> Tensor:
    """Return the factor of each run of rows, by whichever way is accurate for it.

    Args:
        rows: The right side last, in the order of the runs, ``(columns, rows)``.
        runs: Where the rows of each run are.
    """
    factor, accurate = cholesky(multiplied(rows, runs))
    doubtful = (~accurate).nonzero().flatten()
    if len(doubtful):
        chosen = runs.chosen(doubtful)
        factor[..., doubtful] = rotated(rows[:, chosen.place], chosen)
    return factor


def lengths(factor: Tensor) -> Tensor:
    """Return the length of each column, ``(columns, problems)``."""
    return summed(factor * factor).sqrt_()


def back_substituted(factor: Tensor) -> Tensor:
    """Return the unknowns of problems, zero where a column of unit length tells nothing new."""
    unknowns = factor[:-1, -1].clone()
    for place in reversed(range(len(unknowns))):
        pivot = factor[place, place]
        unknowns[place] *= torch.where(pivot > DEPENDENT, pivot.reciprocal(), 0.0)
        unknowns[:place] -= unknowns[place] * factor[:place, place]
    return unknowns


def inverted(factor: Tensor) -> Tensor:
    """Return the inverse of the triangles without their right sides, zero for dependent columns.

    Args:
        factor: ``(columns + 1, columns + 1, problems)``.

    Returns:
        ``(columns, columns, problems)``; the leverage of a row is the squared length of the row
        times this.
    """
    count = len(factor) - 1
    found = factor.new_zeros(count, count, factor.shape[-1])
    for column in range(count):
        pivot = factor[column, column]
        inverse = torch.where(pivot > DEPENDENT, pivot.reciprocal(), 0.0)
        found[column, column] = inverse
        for place in range(column):
            found[place, column] = -inverse * summed(
                found[place, place:column] * factor[place:column, column]
            )
    return found


def summed(values: Tensor) -> Tensor:
    """Sum over the first axis, one after the other, so that the shape decides no digit."""
    total = values[0].clone()
    for value in values[1:]:
        total += value
    return total
