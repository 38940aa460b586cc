"""How far held-out rows were off: from errors to half-widths of intervals.

With few rows Student's t on the pooled scale of the held-out errors; with many their own
quantiles (split conformal with cross-validated errors; Barber et al. 2021, "Predictive
inference with the jackknife+").
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from token2metrics.artifact.manifest import MarginRecord
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE, MAX_HALF_WIDTH
from token2metrics.modeling.exact import MAD_TO_SIGMA
from token2metrics.vocabulary import Phase, SourceKind

Errors = NDArray[np.float64]

CONFIDENCES = (
    LOWEST_CONFIDENCE,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.975,
    HIGHEST_CONFIDENCE,
)
CONFORMAL_ROWS = 40
"""Held-out rows from which their own quantiles are trusted."""

EXPECTED_ROWS = 1
"""How many held-out rows the expectation counts like."""

EXPECTED_FREEDOM = 3
"""Degrees of freedom of a margin that rests on expectation alone."""

EXPECTED_ERRORS = {Phase.PREFILL: 0.025, Phase.DECODE: 0.0005, Phase.REQUEST: 0.002}
"""Standard deviation of the logarithm expected of a calibrated phase."""

TAIL_WEIGHT = 0.4
"""Exponent of the root mean square, beside the median, in the scale of held-out errors: their
tails are heavier than normal, but one outlier should not double every interval."""

UNSEEN_FACTOR = 5.0
"""By how much more a phase may be off whose calibration no held-out row checks."""

UNCALIBRATED_ERRORS = {
    SourceKind.SIBLINGS: {Phase.PREFILL: 0.15, Phase.DECODE: 0.03},
    SourceKind.MODES: {Phase.PREFILL: 0.7, Phase.DECODE: 0.7},
    SourceKind.SERVER: {Phase.PREFILL: 0.3, Phase.DECODE: 0.15},
    SourceKind.HARDWARE: {Phase.PREFILL: 0.4, Phase.DECODE: 0.2},
    SourceKind.NONE: {Phase.PREFILL: 0.4, Phase.DECODE: 0.2},
}
"""The same without a row of the model on the device, by what the prediction rests on."""

ENERGY_FACTOR = 5.0
"""Energies scatter more than latencies: meters sample, and boards warm up."""

UNMETERED_ERROR = 0.1
"""Standard deviation of the logarithm of a power that was carried over or never checked."""

SHARING_ERROR = 0.03
"""Expected standard deviation of the logarithm of a slowdown by several samples, beside the error
of one."""

CARRIED_SHARING_ERROR = 0.1
"""The same where it was carried over from the device's other models."""

SMALLEST_ERROR = 1e-4


def latency_margin(
    phase: Phase, source: SourceKind, own_rows: int, held_out: Errors
) -> MarginRecord:
    """Return the margin of a phase's latency.

    Args:
        phase: The phase.
        source: What the prediction rests on beside the model's rows.
        own_rows: How many rows calibrated it.
        held_out: Logarithmic errors of held-out rows, ``(rows,)``.
    """
    if not own_rows:
        return _expected(UNCALIBRATED_ERRORS[source][phase], "no row of the model")
    if not len(held_out):
        return _expected(UNSEEN_FACTOR * EXPECTED_ERRORS[phase], "no held-out row")
    return _observed(held_out, EXPECTED_ERRORS[phase])


def energy_margin(held_out: Errors) -> MarginRecord:
    """Return the margin of a phase's energy.

    Args:
        held_out: Logarithmic errors of held-out energies, ``(rows,)``.
    """
    if not len(held_out):
        return _expected(UNMETERED_ERROR, "no held-out energy")
    return _observed(held_out, ENERGY_FACTOR * EXPECTED_ERRORS[Phase.REQUEST])


def sharing_margin(held_out: Errors) -> MarginRecord:
    """Return the margin of a slowdown by several samples.

    Args:
        held_out: Logarithmic errors of rows whose number of samples was left out, ``(rows,)``.
    """
    if not len(held_out):
        return _expected(SHARING_ERROR, "no held-out number of samples")
    return _observed(held_out, SHARING_ERROR)


def carried_sharing_margin() -> MarginRecord:
    """Return the margin of a slowdown that other models' rows tell."""
    return _expected(CARRIED_SHARING_ERROR, "carried over from other models")


def _expected(deviation: float, reason: str) -> MarginRecord:
    """Return a margin that rests on expectation alone."""
    return _student(deviation, EXPECTED_FREEDOM, 0, f"expected scatter: {reason}")


def _observed(held_out: Errors, expected: float) -> MarginRecord:
    """Return a margin that rests on held-out rows."""
    sizes = np.sort(np.abs(held_out))
    rows = len(sizes)
    pooled = np.append(sizes, np.full(EXPECTED_ROWS, expected))
    root_mean_square = float(np.sqrt(np.mean(pooled**2)))
    robust = MAD_TO_SIGMA * float(np.median(pooled))
    scale = root_mean_square**TAIL_WEIGHT * robust ** (1.0 - TAIL_WEIGHT)
    margin = _student(scale, rows, rows, f"Student's t on {rows} held-out rows")
    if rows < CONFORMAL_ROWS:
        return margin
    ranks = [math.ceil((rows + 1) * confidence) for confidence in CONFIDENCES]
    quantiles = [
        float(sizes[rank - 1]) if rank <= rows else max(float(sizes[-1]), wide)
        for rank, wide in zip(ranks, margin.half_widths, strict=True)
    ]
    return _margin(quantiles, rows, f"quantiles of {rows} held-out rows")


def _student(deviation: float, freedom: int, rows: int, method: str) -> MarginRecord:
    """Return the margin of Student's distribution."""
    quantiles = stdtrit(freedom, (1.0 + np.array(CONFIDENCES)) / 2.0)
    return _margin([float(deviation * quantile) for quantile in quantiles], rows, method)


def _margin(half_widths: list[float], rows: int, method: str) -> MarginRecord:
    """Return half-widths that never fall with the confidence."""
    rising = np.maximum.accumulate(np.clip(half_widths, SMALLEST_ERROR, MAX_HALF_WIDTH))
    return MarginRecord(
        method=method,
        rows=rows,
        confidences=CONFIDENCES,
        half_widths=tuple(float(width) for width in rising),
    )
