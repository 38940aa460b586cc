"""Fit the curves of a table in memory: the work of one part of a fleet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from scipy.special import stdtrit

from token2metrics.errors import ConfigurationError
from token2metrics.fleet.columns import (
    FAILED,
    FAMILY,
    FITTED,
    HALF_WIDTH,
    HELD_OUT,
    IN_SAMPLE,
    JUDGED,
    PRIOR,
    R2,
    RANGES,
    REASON,
    REJECTED_ROWS,
    ROWS,
    STATUS,
    check_by,
)
from token2metrics.fleet.curve_rows import CurveRows
from token2metrics.fleet.families import FleetFamily, every_weight, weight_names
from token2metrics.fleet.fit import Fits, fit_phases
from token2metrics.fleet.group import Grouped, Positions, group
from token2metrics.fleet.shapes import Belief
from token2metrics.fleet.shared import Shared
from token2metrics.fleet.status import STATUSES, Status

Floats = NDArray[np.float64]
PERCENT = 100.0
CONFIDENCE = 0.9
UPPER_END = (1.0 + CONFIDENCE) / 2.0
NO_PRIOR = "none"
CUDA = "cuda"
ONE_EACH = 1
"""Threads of torch within a batch: its vectors are short, and batches run beside each other."""

FEWEST_FREEDOM = 1.0 - 1e-6
"""Fewer rows than this beyond the weights told, and there is no interval."""

INVERSE_FREEDOMS = np.linspace(0.0, 1.0 / FEWEST_FREEDOM, 2_049)
QUANTILES = stdtrit(1.0 / np.maximum(INVERSE_FREEDOMS, 1e-9), UPPER_END)
"""Student's quantiles at these inverse degrees of freedom; those between are interpolated, to
better than 0.001 %."""


def check_torch_device(name: str) -> None:
    """Refuse a device that torch does not have.

    Raises:
        ConfigurationError: If there is none.
    """
    if name == CUDA and not torch.cuda.is_available():
        raise ConfigurationError(
            "expected a CUDA device for --torch-device cuda, got a torch without one; use cpu"
        )


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the curves of a table are fitted.

    Attributes:
        by: Columns that tell curves apart.
        family: Of every curve.
        torch_device: ``cpu`` or ``cuda``.
        threads: Batches fitted at once, each on one core.
    """

    by: tuple[str, ...]
    family: FleetFamily = FleetFamily.LINEAR
    torch_device: str = "cpu"
    threads: int = 1


def fit_table(rows: pl.DataFrame, fitting: Fitting, belief: Belief | None = None) -> pl.DataFrame:
    """Fit every curve of a table.

    Args:
        rows: The columns of ``fitting.by``, ``input_tokens``, ``output_tokens`` and
            ``latency_s``; a row without a latency counts as rejected.
        fitting: How.
        belief: What the curves share; None for nothing.

    Returns:
        A row per curve, in the order in which curves appear.

    Raises:
        ConfigurationError: If the columns cannot tell curves apart.
    """
    check_by(fitting.by)
    usual = torch.get_num_threads()
    torch.set_num_threads(ONE_EACH)
    try:
        return fit_grouped(group(rows, fitting.by), fitting, belief)
    finally:
        torch.set_num_threads(usual)


def fit_grouped(grouped: Grouped, fitting: Fitting, belief: Belief | None) -> pl.DataFrame:
    """Fit curves whose rows are gathered, and say what came of each."""
    curves = grouped.curves
    found = _Found(len(curves), every_weight(fitting.family))
    places, asked = [], []
    for own, rows in grouped.phases(torch.device(fitting.torch_device)):
        places.append(own)
        asked.append((rows, None if belief is None else belief.shared(curves[own], rows)))
    fits = fit_phases(asked, fitting.family, fitting.threads)
    for own, (rows, shared), one in zip(places, asked, fits, strict=True):
        found.put(own, rows, weight_names(fitting.family, rows.phase), one, shared)
    texts = pl.Series([None, *map(str, STATUSES[1:])], dtype=pl.String)
    words = pl.Series([FITTED, *[FAILED] * (len(STATUSES) - 1)])
    priors = pl.Series([NO_PRIOR, NO_PRIOR if belief is None else belief.name])
    reached = pl.Series(found.status, dtype=pl.UInt32)
    numbers = pl.DataFrame(found.numbers).fill_nan(None)
    return curves.select(
        *fitting.by,
        pl.lit(str(fitting.family)).alias(FAMILY),
        words.gather(reached).alias(STATUS),
        texts.gather(reached).alias(REASON),
        ROWS,
        REJECTED_ROWS,
        *numbers.get_columns(),
        priors.gather(pl.Series(found.believed, dtype=pl.UInt32)).alias(PRIOR),
        *RANGES,
    )


class _Found:
    """What came of the curves of a table, phase after phase."""

    def __init__(self, curves: int, weights: tuple[str, ...]) -> None:
        self.status = np.full(curves, Status.NO_ROWS.code)
        self.believed = np.zeros(curves, dtype=bool)
        self.numbers = {name: np.full(curves, np.nan) for name in (*weights, *JUDGED)}

    def put(
        self,
        own: Positions,
        rows: CurveRows,
        names: tuple[str, ...],
        fits: Fits,
        shared: Shared | None,
    ) -> None:
        """Take in the fits of the curves of one phase, and how their weights are named."""
        named = dict(zip(names, fits.weights.cpu().numpy(), strict=True))
        for name, values in (named | _judgement(fits, rows)).items():
            self.numbers[name][own] = values
        self.status[own] = fits.status.cpu().numpy()
        if shared is not None:
            self.believed[own] = shared.known().cpu().numpy()


def _judgement(fits: Fits, rows: CurveRows) -> dict[str, Floats]:
    """Return errors in percent, and the half-width of the interval of one more row."""
    named = fits.judgement
    error, held_out, variance, told, r2 = (
        values.cpu().numpy()
        for values in (named.error, named.held_out, named.variance, named.told, named.r2)
    )
    counts = np.maximum(rows.counts, 1)
    freedom = counts - told
    inverse = 1.0 / np.where(freedom >= FEWEST_FREEDOM, freedom, np.nan)
    half_width = np.interp(inverse, INVERSE_FREEDOMS, QUANTILES) * np.sqrt(
        variance * (1.0 + told / counts)
    )
    return {
        IN_SAMPLE: PERCENT * error,
        HELD_OUT: PERCENT * held_out,
        R2: r2,
        HALF_WIDTH: PERCENT * half_width,
    }
