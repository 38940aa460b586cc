"""General-purpose monotone learners, given the targets that serving systems use.

Latency and energy are learned as one number per prefill and as one number per decode step, which is
how llm-d's latency predictor sets up its XGBoost models (time to first token, time per output
token); decode is the number per step times the steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.forecasts import Curve, CurveForecast
from token2metrics.bench.rows import PhaseRows, own_rows, phase_rows
from token2metrics.vocabulary import FITTED_PHASES, Phase

FIRST_TOKEN = 1.0
NO_ROWS = "needs a prefill, decode or request row"

Predict = Callable[[Array], Array]
"""Features of rows, ``(rows, features)``, to positive values, ``(rows,)``."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A learned value of a phase: of the whole of it, or of a decode step times the steps."""

    phase: Phase
    features: Callable[[Phase, Array, Array], Array]
    predict: Predict

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the value of every row, ``(rows,)``."""
        value = self.predict(self.features(self.phase, input_tokens, output_tokens))
        return value * units(self.phase, output_tokens)


def units(phase: Phase, output_tokens: Array) -> Array:
    """Return how many learned numbers a row adds up: its steps for decode, else one."""
    if phase is Phase.DECODE:
        return np.maximum(output_tokens - FIRST_TOKEN, 0.0)
    return np.ones_like(output_tokens)


def token_counts(phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
    """Return the counts a phase depends on, ``(rows, counts)``."""
    counts = (input_tokens,) if phase is Phase.PREFILL else (input_tokens, output_tokens)
    return np.stack(counts, axis=1)


class Learner(Contender):
    """A learner whose predictions never fall as a feature rises."""

    @abstractmethod
    def learn(self, features: Array, target: Array) -> Predict:
        """Learn positive targets by their relative error.

        Args:
            features: ``(rows, features)``.
            target: ``(rows,)``; above 0.

        Raises:
            NotApplicableError: If the library is not installed.
        """

    def features(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
        """Return what a phase is learned from, ``(rows, features)``."""
        return token_counts(phase, input_tokens, output_tokens)

    def fit(self, known: Known) -> Forecast:
        """Learn every phase that was measured, whole requests where there is nothing else.

        Raises:
            NotApplicableError: If there is no row, or the library is not installed.
        """
        rows = own_rows(known)
        latency: dict[Phase, Curve] = {}
        energy: dict[Phase, Curve] = {}
        for phase in _phases(rows):
            measured = _working(phase, phase_rows(rows, phase))
            if len(measured):
                latency[phase] = self._curve(phase, measured, measured.latency_s)
            metered = measured.metered
            if len(metered):
                energy[phase] = self._curve(phase, metered, metered.energy_j)
        if not latency:
            raise NotApplicableError(NO_ROWS)
        return CurveForecast(latency, energy)

    def _curve(self, phase: Phase, rows: PhaseRows, value: Array) -> Curve:
        """Learn one metric of one phase."""
        features = self.features(phase, rows.input_tokens, rows.output_tokens)
        predict = self.learn(features, value / units(phase, rows.output_tokens))
        return Learned(phase, self.features, predict)


def _phases(rows: pl.DataFrame) -> tuple[Phase, ...]:
    """Return both phases, or whole requests where they are all there is."""
    apart = rows.filter(pl.col("phase") != str(Phase.REQUEST))
    return (Phase.REQUEST,) if apart.is_empty() else FITTED_PHASES


def _working(phase: Phase, rows: PhaseRows) -> PhaseRows:
    """Return the rows in which a phase has something to do."""
    return rows.take(units(phase, rows.output_tokens) > 0)
