"""Isotonic regression: the best curve that never falls, and nothing more."""

from __future__ import annotations

import numpy as np

from token2metrics.bench.contender import Array
from token2metrics.bench.learners import Learner, Predict
from token2metrics.bench.libraries import library
from token2metrics.vocabulary import Phase

MEAN_STEP = 2.0


class Isotonic(Learner):
    """Isotonic regression over one count per phase, constant beyond the measured range.

    The count is the prompt for prefill, the mean context of a step for decode, and the output for
    whole requests.
    """

    name = "isotonic"
    source = "isotonic regression, scikit-learn, rows weighted by relative error"

    def features(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the one count of a phase, ``(rows, 1)``."""
        counts = {
            Phase.PREFILL: input_tokens,
            Phase.DECODE: input_tokens + output_tokens / MEAN_STEP,
            Phase.REQUEST: output_tokens,
        }
        return counts[phase][:, None]

    def learn(self, features: Array, target: Array) -> Predict:
        """Fit the targets, a row's weight being one over its square."""
        regression = library("sklearn.isotonic", self.name).IsotonicRegression(out_of_bounds="clip")
        regression.fit(features[:, 0], target, sample_weight=target**-2.0)

        def predict(asked: Array) -> Array:
            return np.asarray(regression.predict(asked[:, 0]), dtype=np.float64)

        return predict
