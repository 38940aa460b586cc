"""A spline follows a device whose rate changes with the length, and no further."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import known
from tests.profiles import fewer_examples
from tests.synthetic import Request, Row, Truth, experiment, measured, train, worst_error
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import RegressionConfig, RegressionType
from token2metrics.curves.spline import KNOTS_TOKENS
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import FITTED_PHASES, Phase

RECOVERED = 1e-5
EVEN = 1e-3
NOISE = 0.05
STIFF = 1e6
INSIDE = 2_000
LAST = KNOTS_TOKENS[-1]
EVERY_RANGE: tuple[Request, ...] = tuple(
    (count, count + 1)
    for low, high in pairwise((*KNOTS_TOKENS, 2 * LAST))
    for count in (low + 1, (2 * low + high) // 3, (low + high) // 2, (low + 2 * high) // 3, high)
)
"""Requests that tell the slope of every range in both phases."""


def fitted(rows: list[Row], smoothness: float) -> FittedModel:
    """Fit a spline directly, validating as little as possible."""
    regression = RegressionConfig(
        type=RegressionType.SPLINE,
        hyperparameters={"smoothness": smoothness},
        cross_validation_folds=2,
        test_size=0.0,
    )
    return train(rows, experiment(regression)).model


def changing(seed: int) -> Truth:
    """Return a device with another slope in every range."""
    chance = np.random.default_rng(seed)
    slopes = 10.0 ** chance.uniform(-4.0, -3.0, size=len(KNOTS_TOKENS))
    names = (f"slope_from_{knot}" for knot in KNOTS_TOKENS)
    return Truth(RegressionType.SPLINE, changed=dict(zip(names, slopes.tolist(), strict=True)))


def slopes_of(model: FittedModel, phase: Phase) -> list[float]:
    """Return the slopes of every range, in order."""
    weights = model.weights[phase].curve.values
    return [weights[f"slope_from_{knot}"] for knot in KNOTS_TOKENS]


@fewer_examples()
@given(seed=st.integers(0, 1_000))
def test_without_smoothness_every_slope_is_found(seed: int) -> None:
    """Noise-free rows of every range give their slopes, and go on along the last one."""
    truth = changing(seed)
    model = fitted(measured(truth, EVERY_RANGE), smoothness=0.0)
    unseen: list[Request] = [(count, count) for count in (90, 700, 3_300, 5_000, 12_000, 60_000)]
    assert worst_error(model, truth.latency_s, unseen) < RECOVERED


def test_a_stiff_spline_has_one_slope() -> None:
    """A large penalty on differences leaves one slope throughout, near the middle of them all."""
    truth = changing(1)
    model = fitted(measured(truth, EVERY_RANGE), STIFF)
    for phase in FITTED_PHASES:
        slopes = slopes_of(model, phase)
        assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=EVEN)
    assert worst_error(model, truth.latency_s, EVERY_RANGE) > NOISE


@pytest.mark.parametrize("phase", FITTED_PHASES)
def test_an_unmeasured_range_takes_its_neighbour_s_slope(phase: Phase) -> None:
    """Rows up to 2,000 tokens say nothing beyond; the curve goes straight on."""
    truth = changing(2)
    rows = measured(truth, [r for r in EVERY_RANGE if r[0] <= INSIDE], [phase])
    slopes = slopes_of(fitted(rows, smoothness=0.3), phase)
    measured_ranges = sum(knot < INSIDE for knot in KNOTS_TOKENS)
    beyond = slopes[measured_ranges - 1 :]
    assert beyond == pytest.approx([beyond[0]] * len(beyond), rel=EVEN)
    assert min(beyond) > 0.0


@fewer_examples()
@given(seed=st.integers(0, 1_000), smoothness=st.sampled_from((0.0, 0.3, STIFF)))
def test_a_fitted_spline_never_falls(seed: int, smoothness: float) -> None:
    """Rows that scatter, even such that fall, give slopes of at least zero."""
    chance = np.random.default_rng(seed)
    rows = [
        {**one, "latency_s": one["latency_s"] * chance.lognormal(0.0, NOISE)}
        for one in measured(changing(seed), EVERY_RANGE[::3])
    ]
    predict = ModelPredictor(fitted(rows, smoothness))
    counts = sorted({*chance.integers(0, 4 * LAST, 40).tolist(), *KNOTS_TOKENS})
    for less, more in pairwise(predict(count, count) for count in counts):
        assert known(less.prefill.latency_s) <= known(more.prefill.latency_s)
        assert known(less.decode.latency_s) <= known(more.decode.latency_s)
