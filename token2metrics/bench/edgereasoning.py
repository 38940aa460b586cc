"""EdgeReasoning: the closed forms of its authors, refitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.forecasts import Curve, CurveForecast, too_few
from token2metrics.bench.least_squares import Features, LinearCurve, count_of, fit_linear
from token2metrics.bench.rows import own_rows, phase_rows
from token2metrics.vocabulary import FITTED_PHASES, Phase

PAPER = "EdgeReasoning, Kubwimana and Huang 2025, arXiv:2511.01866"
PADDING_TOKENS = 128.0
POWER_THRESHOLD_TOKENS = 800.0
"""Prefill power is constant up to this prompt length and logarithmic beyond."""

RAMP = (
    "energy takes the logarithmic decode power throughout; its authors look up a ramp per measured "
    "cell above 64 output tokens, which needs power traces"
)


def prefill_features(input_tokens: Array, output_tokens: Array) -> Array:
    """Return ``P^2, P, 1`` with the prompt padded to whole tiles, ``(rows, 3)``."""
    padded = np.ceil(input_tokens / PADDING_TOKENS) * PADDING_TOKENS
    return np.stack([padded**2, padded, np.ones_like(padded)], axis=1)


def decode_features(input_tokens: Array, output_tokens: Array) -> Array:
    """Return the features of ``O (m I + n + m (O - 1) / 2)``, ``(rows, 2)``: of m and of n."""
    context = input_tokens + (output_tokens - 1.0) / 2.0
    return np.stack([output_tokens * context, output_tokens], axis=1)


def decode_power_features(input_tokens: Array, output_tokens: Array) -> Array:
    """Return ``ln O, 1``, ``(rows, 2)``."""
    return np.stack([np.log(np.maximum(output_tokens, 1.0)), np.ones_like(output_tokens)], axis=1)


def long_prefill_power_features(input_tokens: Array, output_tokens: Array) -> Array:
    """Return ``ln I, 1``, ``(rows, 2)``."""
    return np.stack([np.log(np.maximum(input_tokens, 1.0)), np.ones_like(input_tokens)], axis=1)


def request_features(input_tokens: Array, output_tokens: Array) -> Array:
    """Return the features of both phases side by side, ``(rows, 5)``."""
    parts = (prefill_features, decode_features)
    return np.concatenate([part(input_tokens, output_tokens) for part in parts], axis=1)


LATENCY_FEATURES: Mapping[Phase, Features] = {
    Phase.PREFILL: prefill_features,
    Phase.DECODE: decode_features,
}


@dataclass(frozen=True, slots=True)
class PrefillPower:
    """Mean watts of prefill: constant for short prompts, logarithmic for long ones.

    Attributes:
        short_w: Watts up to the threshold.
        long_w: Watts beyond it.
    """

    short_w: float
    long_w: LinearCurve

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the power of every row, never below 0, ``(rows,)``."""
        beyond = self.long_w(input_tokens, output_tokens)
        power_w = np.where(input_tokens <= POWER_THRESHOLD_TOKENS, self.short_w, beyond)
        return np.maximum(power_w, 0.0)


@dataclass(frozen=True, slots=True)
class PowerTimesLatency:
    """Energy as mean power, never below 0, times latency."""

    power_w: Curve
    latency_s: Curve

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the joules of every row, ``(rows,)``."""
        power_w = np.maximum(self.power_w(input_tokens, output_tokens), 0.0)
        return power_w * self.latency_s(input_tokens, output_tokens)


class EdgeReasoning(Contender):
    """The forms, fitted by ordinary least squares as their authors do."""

    name = "edgereasoning"
    source = (
        f"{PAPER}; forms of latency_model.py and power_model.py in edge-inference/edgereasoning"
    )

    def fit(self, known: Known) -> Forecast:
        """Fit each phase on its own rows, or both on whole requests where there is nothing else.

        Raises:
            NotApplicableError: If no phase has a row per coefficient.
        """
        rows = own_rows(known)
        latency, remarks = _latency_curves(rows)
        if not latency:
            raise NotApplicableError("; ".join(remarks))
        energy = _energy_curves(rows, latency)
        if Phase.DECODE in energy:
            remarks.append(RAMP)
        elif len(phase_rows(rows, Phase.DECODE).metered):
            remarks.append(too_few(Phase.DECODE, count_of(decode_power_features), "energy"))
        return CurveForecast(latency, energy, tuple(remarks))


def _latency_curves(rows: pl.DataFrame) -> tuple[dict[Phase, Curve], list[str]]:
    """Fit the latency of every phase, and say which has too few rows."""
    curves: dict[Phase, Curve] = {}
    remarks = []
    for phase, features in LATENCY_FEATURES.items():
        measured = phase_rows(rows, phase)
        curve = fit_linear(
            features, measured.input_tokens, measured.output_tokens, measured.latency_s
        )
        if curve is None:
            remarks.append(too_few(phase, count_of(features)))
        else:
            curves[phase] = curve
    if rows.filter(pl.col("phase") != str(Phase.REQUEST)).is_empty():
        requests = phase_rows(rows, Phase.REQUEST)
        joint = fit_linear(
            request_features, requests.input_tokens, requests.output_tokens, requests.latency_s
        )
        if joint is None:
            return {}, [too_few(Phase.REQUEST, count_of(request_features))]
        split = count_of(prefill_features)
        curves[Phase.PREFILL] = LinearCurve(prefill_features, joint.coefficients[:split])
        curves[Phase.DECODE] = LinearCurve(decode_features, joint.coefficients[split:])
        remarks = []
    return curves, remarks


def _energy_curves(rows: pl.DataFrame, latency: Mapping[Phase, Curve]) -> dict[Phase, Curve]:
    """Fit the mean power of every metered phase."""
    powers = {Phase.PREFILL: _prefill_power(rows), Phase.DECODE: _decode_power(rows)}
    return {
        phase: PowerTimesLatency(power, latency[phase])
        for phase in FITTED_PHASES
        if (power := powers[phase]) is not None and phase in latency
    }


def _decode_power(rows: pl.DataFrame) -> Curve | None:
    """Fit ``a ln O + b``; None without two metered rows."""
    metered = phase_rows(rows, Phase.DECODE).metered
    power_w = metered.energy_j / metered.latency_s
    return fit_linear(decode_power_features, metered.input_tokens, metered.output_tokens, power_w)


def _prefill_power(rows: pl.DataFrame) -> Curve | None:
    """Fit the piecewise form; a side without rows goes on as the other one.

    None without any metered row, or where long prompts are too few and short ones missing.
    """
    metered = phase_rows(rows, Phase.PREFILL).metered
    short = metered.input_tokens <= POWER_THRESHOLD_TOKENS
    power_w = metered.energy_j / metered.latency_s
    beyond = metered.take(~short)
    long_w = fit_linear(
        long_prefill_power_features, beyond.input_tokens, beyond.output_tokens, power_w[~short]
    )
    if not short.any():
        return long_w
    short_w = float(power_w[short].mean())
    return PrefillPower(short_w, long_w or _constant(short_w))


def _constant(power_w: float) -> LinearCurve:
    """Return a power that does not depend on the prompt."""
    return LinearCurve(long_prefill_power_features, np.array([0.0, power_w]))
