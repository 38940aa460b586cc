"""Who takes part in the protocols: ours, the plainest rival of all, and those of the roster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from scipy.optimize import nnls

from token2metrics.bench import ours
from token2metrics.bench.contender import Array, Contender, Forecast, Known
from token2metrics.bench.roster import ROSTER, build
from token2metrics.vocabulary import FITTED_PHASES, Phase


@dataclass(frozen=True, slots=True)
class OurForecast(ours.Fitted):
    """A model as this project trains it: with meters and intervals, which no rival has."""

    def window_energy_j(
        self,
        phase: Phase,
        input_tokens: Array,
        output_tokens: Array,
        window_s: Array | None,
        latency_s: Array | None,
    ) -> Array | None:
        """Return the joules that a meter reads over a window around each row.

        Args:
            phase: The phase.
            input_tokens: Prompt tokens, ``(rows,)``.
            output_tokens: Generated tokens, ``(rows,)``.
            window_s: Measured windows; None derives them from the latency.
            latency_s: Measured latencies; None takes the predicted ones.
        """
        energies = np.zeros(len(input_tokens))
        for row, tokens in enumerate(_whole(input_tokens, output_tokens)):
            energy_j = self.predictor.window_energy_j(
                phase,
                *tokens,
                window_s=None if window_s is None else float(window_s[row]),
                latency_s=None if latency_s is None else float(latency_s[row]),
            )
            if energy_j is None:
                return None
            energies[row] = energy_j
        return energies

    def intervals_s(
        self, input_tokens: Array, output_tokens: Array, confidence: float
    ) -> dict[Phase, Array]:
        """Return lower and upper latency of both phases, ``(rows, 2)``; nan where unknown."""
        bounds = {phase: np.full((len(input_tokens), 2), np.nan) for phase in FITTED_PHASES}
        for row, tokens in enumerate(_whole(input_tokens, output_tokens)):
            prediction = self.predictor(*tokens, confidence=confidence)
            for phase in FITTED_PHASES:
                interval = getattr(prediction, phase).latency_interval_s
                if interval is not None:
                    bounds[phase][row] = interval.lower, interval.upper
        return bounds


class Ours(ours.Ours):
    """This project at its defaults, as its own comparison trains it."""

    def fit(self, known: Known) -> OurForecast:
        """Train on the known rows.

        Raises:
            NotApplicableError: If nothing measured supports a prediction.
        """
        return OurForecast(super().fit(known).predictor)


@dataclass(frozen=True, slots=True)
class LinearForecast(Forecast):
    """Non-negative weights of each phase's own features.

    Attributes:
        weights: Per phase, those of ``features``.
    """

    weights: Mapping[Phase, Array]

    def latency_s(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the latency of a phase in seconds; None where it was not fitted."""
        if phase not in self.weights:
            return None
        latency_s: Array = features(phase, input_tokens, output_tokens) @ self.weights[phase]
        return latency_s


class DirectNnls(Contender):
    """The textbook fit of a device's own rows: non-negative least squares of relative errors."""

    name: ClassVar[str] = "nnls"
    source: ClassVar[str] = "prefill a + b I; decode n S + m (S I + S (S + 1) / 2), S = O - 1"

    def fit(self, known: Known) -> LinearForecast:
        """Fit every phase that has rows."""
        own = known.data.rows.filter(
            pl.col("device") == known.experiment.edge.name,
            pl.col("model") == known.experiment.model.id,
        )
        weights = {}
        for phase in FITTED_PHASES:
            rows = own.filter(pl.col("phase") == phase)
            if rows.is_empty():
                continue
            latency_s = rows["latency_s"].to_numpy()
            matrix = features(
                phase,
                rows["input_tokens"].cast(pl.Float64).to_numpy(),
                rows["output_tokens"].cast(pl.Float64).to_numpy(),
            )
            weights[phase] = nnls(matrix / latency_s[:, None], np.ones(len(rows)))[0]
        return LinearForecast(weights)


def features(phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
    """Return what the plain law of a phase is linear in, ``(rows, 2)``."""
    if phase is Phase.PREFILL:
        return np.stack([np.ones_like(input_tokens), input_tokens], axis=1)
    steps = output_tokens - 1
    attended = steps * input_tokens + steps * (steps + 1) / 2
    return np.stack([steps, attended], axis=1)


def _whole(input_tokens: Array, output_tokens: Array) -> list[tuple[int, int]]:
    """Return token counts as pairs of whole numbers."""
    pairs = zip(input_tokens.tolist(), output_tokens.tolist(), strict=True)
    return [(int(given), int(generated)) for given, generated in pairs]


OWN: Mapping[str, type[Contender]] = {kind.name: kind for kind in (Ours, DirectNnls)}
RIVALS = (DirectNnls.name, *(name for name in ROSTER if name not in OWN))
"""Everyone but this project, in the order of the tables."""

CONTENDERS = (Ours.name, *RIVALS)
"""The name of every contender."""


def contender_of(name: str) -> Contender:
    """Return a contender; the project's rivals are those of its own comparison."""
    if name in OWN:
        return OWN[name]()
    (rival,) = build([name])
    return rival
