"""How far latencies depart from a law: smoothly along the lengths, and from one length to the next.

No law is exact. What is left over at one length is partly left over at the next ones too, so that
many points close together tell little more than one (Blight and Ott 1975, "A Bayesian approach to
model inadequacy for polynomial regression"). Here a departure is a piecewise linear function of the
logarithm of a length, with a knot per octave, each height normal around zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from token2metrics.modeling.objective import EXPECTED_SCALES
from token2metrics.vocabulary import FITTED_PHASES, Phase, RegressionType

Array = NDArray[np.float64]

OCTAVES = 24
"""Knots at 1, 2, 4 … tokens: ten million tokens, the most there are, lie below the last."""

LAW_DEPARTURES: Mapping[Phase, float] = {phase: EXPECTED_SCALES[phase] for phase in FITTED_PHASES}
"""Standard deviation of the logarithm: a roofline errs smoothly by about as much as single rows
scatter around it."""

EMPIRICAL_FACTOR = 5.0
"""By how much more a family may depart that knows nothing but the rows it was fitted on."""

CLOCK_S: Mapping[Phase, float] = {Phase.PREFILL: 5e-4, Phase.DECODE: 3e-3}
"""Absolute error of one timed phase: clients jitter by parts of a millisecond, and published
decode latencies are rounded to 0.01 s, which has this standard deviation."""


def departure_features(phase: Phase, input_tokens: Array, output_tokens: Array) -> Array:
    """Return the share of each knot in the departure of requests, ``(requests, knots)``.

    Args:
        phase: ``prefill``, along the prompt, or ``decode``, along prompt and answer.
        input_tokens: Prompt tokens, ``(requests,)``.
        output_tokens: Answer tokens, ``(requests,)``.
    """
    along = [input_tokens] if phase is Phase.PREFILL else [input_tokens, output_tokens]
    return np.concatenate([_hats(lengths) for lengths in along], axis=1)


def departure_variances(phase: Phase, family: RegressionType) -> Array:
    """Return the variance of each height before anything is measured, ``(knots,)``."""
    deviation = LAW_DEPARTURES[phase]
    if family is not RegressionType.ROOFLINE:
        deviation *= EMPIRICAL_FACTOR
    knots = OCTAVES + 1 if phase is Phase.PREFILL else 2 * (OCTAVES + 1)
    return np.full(knots, deviation**2)


def _hats(lengths: Array) -> Array:
    """Return how close each length lies to each knot, in octaves, from 1 at it to 0 at the next."""
    octaves = np.log2(np.maximum(lengths, 1.0))
    hats: Array = np.maximum(1.0 - np.abs(octaves[:, None] - np.arange(OCTAVES + 1)), 0.0)
    return hats
