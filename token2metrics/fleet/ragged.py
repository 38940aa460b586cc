"""Curves of unequal length as long vectors: the first rows of all, then the second rows, ...

Runs of rows are ordered by their length, the longest first, so that those which have an ``i``-th
row are a prefix of all, and nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ragged:
    """Runs of rows, the longest first.

    Attributes:
        counts: Rows of each run, never rising, ``(runs,)``.
        place: Where the rows lie: those that are first in their run, then the second, and so on,
            ``(rows,)``.
        sizes: How many runs have a first, a second, ... row.
    """

    counts: Counts
    place: Tensor
    sizes: tuple[int, ...]

    @property
    def problems(self) -> int:
        """Return the number of runs."""
        return len(self.counts)

    def slices(self) -> Iterator[tuple[int, slice]]:
        """Yield how many runs have a next row, and where these rows are in this order."""
        ends = accumulate(self.sizes)
        return ((size, slice(end - size, end)) for size, end in zip(self.sizes, ends, strict=True))

    def owners(self) -> Tensor:
        """Return the run of each row, ``(rows,)``."""
        within = [np.arange(size) for size in self.sizes]
        return torch.from_numpy(np.concatenate(within)).to(self.place.device)

    def chosen(self, runs: Tensor) -> Ragged:
        """Return some of the runs, in ascending order, with places among the rows of these."""
        numbers = runs.cpu().numpy()
        counts = self.counts[numbers]
        offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        sizes = _sizes(counts)
        place = [offsets[row] + numbers[:size] for row, size in enumerate(sizes)]
        return Ragged(counts, torch.from_numpy(np.concatenate(place)).to(runs.device), sizes)

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum over each run, ``(..., runs)``.

        Args:
            values: In this order, ``(..., rows)``.
        """
        total = values.new_zeros(*values.shape[:-1], self.problems)
        for size, where in self.slices():
            total[..., :size] += values[..., where]
        return total


def ragged(starts: Counts, counts: Counts, device: torch.device) -> Ragged:
    """Order the rows of runs that are sorted by their length, the longest first.

    Args:
        starts: First row of each run, ``(runs,)``.
        counts: Rows of each run, above 0 and never rising, ``(runs,)``.
        device: Where the rows are.
    """
    sizes = _sizes(counts)
    place = np.concatenate([starts[:size] + row for row, size in enumerate(sizes)])
    return Ragged(counts, torch.from_numpy(place).to(device), sizes)


def _sizes(counts: Counts) -> tuple[int, ...]:
    """Return how many runs have a first, a second, ... row."""
    return tuple(np.searchsorted(-counts, -np.arange(counts[0]), side="left").tolist())
