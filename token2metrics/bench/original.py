"""The original token2metrics: a server regression times one mean ratio, and regressions alone."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.forecasts import Curve, CurveForecast, too_few
from token2metrics.bench.least_squares import Features, count_of, fit_linear
from token2metrics.bench.libraries import library
from token2metrics.bench.rows import PhaseRows, own_rows, phase_rows, server_rows
from token2metrics.vocabulary import FITTED_PHASES, Phase

PROJECT = "original token2metrics, edge-inference/token2metrics, src/modeling"
TREES = 100
MAX_DEPTH = 10
RANDOM_STATE = 42
FOREST = {
    "n_estimators": TREES,
    "max_depth": MAX_DEPTH,
    "min_samples_split": 2,
    "min_samples_leaf": 1,
    "max_features": "sqrt",
    "random_state": RANDOM_STATE,
    "n_jobs": 1,
}
"""As its experiment files configure the random forest."""

NO_SERVER = "needs rows of the model, or of its server counterpart, on the server"
NO_SHARED_PHASE = "needs rows of the same phase on server and device"
TOO_FEW_SERVER_ROWS = "has too few server rows for its coefficients"


def tokens_of(phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
    """Return what the original regresses a phase on, ``(rows, 1)``; both counts for requests."""
    columns = {
        Phase.PREFILL: (input_tokens,),
        Phase.DECODE: (output_tokens,),
        Phase.REQUEST: (input_tokens, output_tokens),
    }
    return np.stack(columns[phase], axis=1)


def linear_features(phase: Phase) -> Features:
    """Return the features of the linear regression: a constant and the tokens."""

    def features(input_tokens: Array, output_tokens: Array) -> Array:
        tokens = tokens_of(phase, input_tokens, output_tokens)
        return np.concatenate([np.ones_like(tokens[:, :1]), tokens], axis=1)

    return features


def quadratic_features(phase: Phase) -> Features:
    """Return the features of the polynomial regression: every monomial up to degree two."""

    def features(input_tokens: Array, output_tokens: Array) -> Array:
        tokens = tokens_of(phase, input_tokens, output_tokens)
        first, second = np.triu_indices(tokens.shape[1])
        products = tokens[:, first] * tokens[:, second]
        return np.concatenate([np.ones_like(tokens[:, :1]), tokens, products], axis=1)

    return features


@dataclass(frozen=True, slots=True)
class Forest:
    """A fitted random forest of one phase."""

    phase: Phase
    model: Any

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the value of every row, ``(rows,)``."""
        tokens = tokens_of(self.phase, input_tokens, output_tokens)
        return np.asarray(self.model.predict(tokens), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Scaled:
    """A curve times a factor."""

    curve: Curve
    factor: float

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the value of every row, ``(rows,)``."""
        return self.factor * self.curve(input_tokens, output_tokens)


class Regression(Contender):
    """One of the original's regressions, fitted on the device's own rows."""

    @abstractmethod
    def regress(self, phase: Phase, rows: PhaseRows) -> Curve | None:
        """Fit one phase; None with too few rows."""

    def minimum(self, phase: Phase) -> int:
        """Return how many rows a phase needs."""
        return 1

    def fit(self, known: Known) -> Forecast:
        """Fit every phase that was measured, whole requests where there is nothing else.

        Raises:
            NotApplicableError: If every phase has too few rows.
        """
        rows = own_rows(known)
        curves, remarks = {}, []
        for phase in _phases(rows):
            curve = self.regress(phase, phase_rows(rows, phase))
            if curve is None:
                remarks.append(too_few(phase, self.minimum(phase)))
            else:
                curves[phase] = curve
        if not curves:
            raise NotApplicableError("; ".join(remarks))
        return CurveForecast(curves, remarks=tuple(remarks))


class OriginalLinear(Regression):
    """Ordinary least squares of latency on tokens, with a constant."""

    name = "original-linear"
    source = f"{PROJECT}/linear_regression.py, on the device's rows"

    def minimum(self, phase: Phase) -> int:
        """Return how many coefficients the form has."""
        return count_of(linear_features(phase))

    def regress(self, phase: Phase, rows: PhaseRows) -> Curve | None:
        """Fit one phase; None with fewer rows than coefficients."""
        return _least_squares(linear_features(phase), rows)


class OriginalPolynomial(Regression):
    """Ordinary least squares of latency on tokens and their products of degree two."""

    name = "original-polynomial"
    source = f"{PROJECT}/polynomial_regression.py, on the device's rows"

    def minimum(self, phase: Phase) -> int:
        """Return how many coefficients the form has."""
        return count_of(quadratic_features(phase))

    def regress(self, phase: Phase, rows: PhaseRows) -> Curve | None:
        """Fit one phase; None with fewer rows than coefficients."""
        return _least_squares(quadratic_features(phase), rows)


class OriginalForest(Regression):
    """A random forest of latency on tokens."""

    name = "original-forest"
    source = "original token2metrics, edge-inference/token2metrics, configs, on the device's rows"

    def regress(self, phase: Phase, rows: PhaseRows) -> Curve | None:
        """Fit one phase; None without rows."""
        if not len(rows):
            return None
        forest = library("sklearn.ensemble", self.name).RandomForestRegressor(**FOREST)
        tokens = tokens_of(phase, rows.input_tokens, rows.output_tokens)
        return Forest(phase, forest.fit(tokens, rows.latency_s))


class OnServer(Contender):
    """One of the original's regressions on the server, times the mean ratio on the device."""

    @abstractmethod
    def regression(self) -> Regression:
        """Return the regression of the server rows."""

    def fit(self, known: Known) -> Forecast:
        """Fit the server rows, and one ratio per phase on the device's rows.

        Raises:
            NotApplicableError: If server and device have no phase in common.
        """
        on_server, own = server_rows(known), own_rows(known)
        if on_server.is_empty():
            raise NotApplicableError(NO_SERVER)
        shared = [p for p in _phases(on_server) if len(phase_rows(own, p))]
        if not shared:
            raise NotApplicableError(NO_SHARED_PHASE)
        curves = {phase: self._carried(phase, on_server, own) for phase in shared}
        return CurveForecast(curves)

    def _carried(self, phase: Phase, on_server: pl.DataFrame, own: pl.DataFrame) -> Curve:
        """Fit one phase on the server and scale it by the mean of measured over predicted."""
        server_curve = self.regression().regress(phase, phase_rows(on_server, phase))
        if server_curve is None:
            raise NotApplicableError(TOO_FEW_SERVER_ROWS)
        rows = phase_rows(own, phase)
        predicted = server_curve(rows.input_tokens, rows.output_tokens)
        usable = predicted != 0
        return Scaled(server_curve, float(np.mean(rows.latency_s[usable] / predicted[usable])))


class RatioLinear(OnServer):
    """The linear regression of the server, times the mean ratio: the original's default."""

    name = "original-ratio-linear"
    source = f"{PROJECT}/linear_regression.py and calibration.py (mean ratio)"

    def regression(self) -> Regression:
        """Return the linear regression."""
        return OriginalLinear()


class RatioPolynomial(OnServer):
    """The polynomial regression of the server, times the mean ratio."""

    name = "original-ratio-polynomial"
    source = f"{PROJECT}/polynomial_regression.py and calibration.py (mean ratio)"

    def regression(self) -> Regression:
        """Return the polynomial regression."""
        return OriginalPolynomial()


class RatioForest(OnServer):
    """The random forest of the server, times the mean ratio."""

    name = "original-ratio-forest"
    source = f"{PROJECT}/calibration.py (mean ratio), and configs for the forest"

    def regression(self) -> Regression:
        """Return the random forest."""
        return OriginalForest()


def _phases(rows: pl.DataFrame) -> list[Phase]:
    """Return the measured phases; ``request`` where whole requests are all there is."""
    measured = set(rows.get_column("phase"))
    return [phase for phase in FITTED_PHASES if str(phase) in measured] or [Phase.REQUEST]


def _least_squares(features: Features, rows: PhaseRows) -> Curve | None:
    """Fit latencies by ordinary least squares."""
    return fit_linear(features, rows.input_tokens, rows.output_tokens, rows.latency_s)
