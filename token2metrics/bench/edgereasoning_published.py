"""EdgeReasoning with the coefficients of its authors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.edgereasoning import (
    PAPER,
    RAMP,
    PowerTimesLatency,
    PrefillPower,
    decode_features,
    decode_power_features,
    long_prefill_power_features,
    prefill_features,
)
from token2metrics.bench.forecasts import Curve, CurveForecast
from token2metrics.bench.least_squares import LinearCurve
from token2metrics.vocabulary import FITTED_PHASES, Phase

PUBLISHED_DEVICE = "jetson-agx-orin-64gb"


def straight_line(input_tokens: Array, output_tokens: Array) -> Array:
    """Return ``I, 1``, ``(rows, 2)``."""
    return np.stack([input_tokens, np.ones_like(input_tokens)], axis=1)


@dataclass(frozen=True, slots=True)
class Published:
    """The coefficients of one model, as its authors give them.

    Attributes:
        prefill: a, b and c of the padded quadratic, in s.
        decode: m and n, in s.
        prefill_power_w: Mean watts of prefill.
        decode_power_w: Mean watts of decode: slope per ln(token), and offset.
    """

    prefill: tuple[float, float, float]
    decode: tuple[float, float]
    prefill_power_w: Curve
    decode_power_w: tuple[float, float]


def _piecewise(short_w: float, slope_w: float, offset_w: float) -> PrefillPower:
    """Return a prefill power that is constant first and logarithmic then."""
    coefficients = np.array([slope_w, offset_w])
    return PrefillPower(short_w, LinearCurve(long_prefill_power_features, coefficients))


PUBLISHED = {
    "dsr1-qwen-1.5b": Published(
        prefill=(1.5635548753756998e-07, 2.309554283403154e-06, 0.04598102600399947),
        decode=(1.4968086938621786e-07, 0.023633865754453625),
        prefill_power_w=LinearCurve(
            straight_line, np.array([6.68749014794967e-05, 5.499357133701591])
        ),
        decode_power_w=(3.2137108442982796, 0.7565375896390953),
    ),
    "dsr1-llama-8b": Published(
        prefill=(6.645207285297158e-07, 0.0002903545130874798, 0.10380849913420899),
        decode=(6.920219504432032e-07, 0.10038429572372025),
        prefill_power_w=_piecewise(5.6577142857142855, 9.337806581499883, -52.218272155944696),
        decode_power_w=(2.701709095219641, 8.806744003175773),
    ),
    "dsr1-qwen-14b": Published(
        prefill=(1.233003335291953e-06, 0.0005304540126753786, 0.18858145785250313),
        decode=(1.1301658358203775e-06, 0.18655369142562853),
        prefill_power_w=_piecewise(10.258142857142857, 8.772487572371094, -40.77528971889581),
        decode_power_w=(1.6193869347921934, 16.88683031734797),
    ),
}
"""Of ``latency_model.py`` and ``config/analytic.yaml`` in edge-inference/edgereasoning, by model.

The first as of commit 49955488, the second as of 17fc7af5; the repository is BSD-3-Clause.
"""


class EdgeReasoningPublished(Contender):
    """The forms with the coefficients of their authors; nothing is fitted."""

    name = "edgereasoning-published"
    source = (
        f"{PAPER}; coefficients of latency_model.py and config/analytic.yaml in "
        "edge-inference/edgereasoning"
    )

    def fit(self, known: Known) -> Forecast:
        """Take the published coefficients of the model.

        Raises:
            NotApplicableError: If none were published for this model and device.
        """
        model, device = known.experiment.model.id, known.experiment.edge.name
        if device != PUBLISHED_DEVICE or model not in PUBLISHED:
            raise NotApplicableError(
                f"coefficients are published for {', '.join(PUBLISHED)} on {PUBLISHED_DEVICE} only"
            )
        given = PUBLISHED[model]
        latency: dict[Phase, Curve] = {
            Phase.PREFILL: LinearCurve(prefill_features, np.array(given.prefill)),
            Phase.DECODE: LinearCurve(decode_features, np.array(given.decode)),
        }
        power: dict[Phase, Curve] = {
            Phase.PREFILL: given.prefill_power_w,
            Phase.DECODE: LinearCurve(decode_power_features, np.array(given.decode_power_w)),
        }
        energy: dict[Phase, Curve] = {
            phase: PowerTimesLatency(power[phase], latency[phase]) for phase in FITTED_PHASES
        }
        return CurveForecast(latency, energy, (RAMP,))
