"""The unknowns of a fit as numbers with slopes: where dual numbers begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor

from token2metrics.modeling import dual_functions
from token2metrics.modeling.dual import Dual, spread, value_of

__all__ = ["Columns", "dual_functions", "independent", "placed", "slopes_of", "value_of"]


class Columns(Dual):
    """Numbers of which each column depends on an unknown of its own, or on none.

    Attributes:
        value: The numbers, ``(problems, columns)``.
        slopes: Each by its own unknown, ``(1, problems, columns)``.
        places: The unknown of each column; None where it is held.
    """

    __slots__ = ("places",)

    def __init__(self, value: Tensor, slopes: Tensor, places: tuple[int | None, ...]) -> None:
        super().__init__(value, slopes)
        self.places = places

    def alike(self, value: Tensor, slopes: Tensor) -> Self:
        """Return other numbers of the same unknowns."""
        return cast(Self, Columns(value, slopes, self.places))

    def __getitem__(self, index: tuple[slice, slice]) -> Dual | Tensor:
        """Return some columns; a single one has a slope by its own unknown alone."""
        places, value = self.places[index[1]], self.value[index]
        slopes = self.slopes[:, *index]
        if len(places) == 1:
            (place,) = places
            return value if place is None else Dual(value, slopes, place)
        return Columns(value, slopes, places)

    def __matmul__(self, other: Tensor) -> Dual:
        """Return the matrix product with a constant; learned columns follow each other."""
        learned = [column for column, place in enumerate(self.places) if place is not None]
        own = self.slopes[0].T[learned, :, None] * other[learned, None, :]
        return Dual(self.value @ other, own, self.places[learned[0]] or 0)


def independent(values: Tensor) -> Tensor:
    """Return numbers of which each column is an unknown: dual numbers in the dress of a tensor.

    Args:
        values: The unknowns of each problem, ``(problems, unknowns)``.
    """
    columns = Columns(values, torch.ones_like(values)[None], tuple(range(values.shape[1])))
    return cast(Tensor, columns)


def placed(numbers: Tensor, held: Tensor, learned: Sequence[bool]) -> Tensor:
    """Return the numbers, plain or ``independent``, among columns that are held.

    Args:
        numbers: The learned columns, ``(problems, unknowns)``.
        held: All columns, ``(problems, columns)``.
        learned: Which of them are learned, in the order of the unknowns.
    """
    if all(learned):
        return numbers
    value = held.clone()
    value[:, learned] = value_of(numbers)
    if not isinstance(numbers, Columns):
        return value
    slopes = torch.zeros_like(held)[None]
    slopes[..., learned] = numbers.slopes
    unknowns = iter(numbers.places)
    places = tuple(next(unknowns) if learn else None for learn in learned)
    return cast(Tensor, Columns(value, slopes, places))


def slopes_of(numbers: Tensor, unknowns: int) -> Tensor:
    """Return the derivatives of what was computed from ``independent``, ``(unknowns, ...)``."""
    return spread(cast(Dual, numbers), 0, unknowns)
