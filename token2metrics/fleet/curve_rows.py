"""Measured rows of many curves, and the batches in which they are fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from token2metrics.fleet.families import FleetFamily, features
from token2metrics.fleet.ragged import Counts, Ragged, ragged
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.vocabulary import Phase

BATCH_ROWS = 1 << 17
"""Rows of one batch: few enough for the caches of a processor, many enough to hide what a call
costs."""

CUDA_BATCH_ROWS = 1 << 24
"""The same on an accelerator, whose calls cost more and whose memory is faster."""

ALGEBRA = TorchAlgebra()


@dataclass(frozen=True, slots=True)
class CurveRows:
    """Measured rows of curves of one phase; the rows of a curve lie beside each other.

    Attributes:
        phase: Of all curves.
        starts: First row of each curve, ``(curves,)``.
        counts: Usable rows of each curve, ``(curves,)``.
        input_tokens: ``(rows,)``.
        output_tokens: ``(rows,)``.
        latency_s: ``(rows,)``.
    """

    phase: Phase
    starts: Counts
    counts: Counts
    input_tokens: Tensor
    output_tokens: Tensor
    latency_s: Tensor

    def __len__(self) -> int:
        """Return the number of curves."""
        return len(self.counts)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some curves and their rows, in the order of ``runs``.

    Attributes:
        curves: Which curves, ``(problems,)``.
        runs: Where their rows are.
        latency_s: Seconds, ``(rows,)``.
        relative: Features over latencies, and ones, ``(weights + 1, rows)``.
    """

    curves: Tensor
    runs: Ragged
    latency_s: Tensor
    relative: Tensor

    @property
    def counts(self) -> Tensor:
        """Return the rows of each curve, ``(problems,)``."""
        return torch.from_numpy(self.runs.counts).to(self.curves.device)


def cut(rows: CurveRows, chosen: Counts) -> list[Counts]:
    """Cut curves into batches of about equally many rows, the longest curves first.

    Args:
        rows: All curves of a phase.
        chosen: Which curves, each with a row, ``(chosen,)``.
    """
    if not len(chosen):
        return []
    most = CUDA_BATCH_ROWS if rows.latency_s.is_cuda else BATCH_ROWS
    ordered = chosen[np.argsort(-rows.counts[chosen], kind="stable")]
    number = (np.cumsum(rows.counts[ordered]) - 1) // most
    return np.split(ordered, np.flatnonzero(np.diff(number)) + 1)


def take(rows: CurveRows, family: FleetFamily, curves: Counts) -> Batch:
    """Take some curves, the longest first, out of all.

    Args:
        rows: All curves of a phase.
        family: Whose features are wanted.
        curves: Which curves, ``(problems,)``.
    """
    device = rows.latency_s.device
    runs = ragged(rows.starts[curves], rows.counts[curves], device)
    latency_s = rows.latency_s[runs.place]
    tokens = (one[runs.place].double() for one in (rows.input_tokens, rows.output_tokens))
    named = features(family, rows.phase, ALGEBRA, *tokens)
    relative = torch.stack([*named.values(), latency_s])
    relative /= latency_s
    return Batch(torch.from_numpy(curves).to(device), runs, latency_s, relative)
