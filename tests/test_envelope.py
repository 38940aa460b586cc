"""The energy of a request lies in its envelope, whichever phases were metered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import known, never_falls
from tests.planning import IDLE_W, LIMIT_W, with_limit, with_phases, without_heads
from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    Combination,
    Pair,
    lawful_model,
    ordered_requests,
    seeds,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.prediction.envelope import energy_envelope_j
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Interval
from token2metrics.vocabulary import FITTED_PHASES, Phase

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
confidences = st.floats(LOWEST_CONFIDENCE, HIGHEST_CONFIDENCE)
some_phases = st.sets(st.sampled_from(FITTED_PHASES))
RELATIVE_SLACK = 1e-9


def envelope(model: FittedModel, request: tuple[int, int], confidence: float) -> Interval | None:
    """Return the envelope of a request."""
    prediction = ModelPredictor(model)(*request, confidence=confidence)
    return energy_envelope_j(prediction, model.record.hardware)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(seed=seeds, pair=ordered_requests, confidence=confidences, blind=some_phases)
def test_the_envelope_keeps_the_laws(
    combination: Combination, seed: int, pair: Pair, confidence: float, blind: set[Phase]
) -> None:
    """Taking meters away leaves ends that never fall, around what they would have said.

    With every meter the envelope is the request's own interval; without any it is idle power and
    the limit over the request's latencies.
    """
    metered = ModelPredictor(with_limit(lawful_model(combination, seed), LIMIT_W))
    model = without_heads(metered.model, blind)
    shorter, longer = (
        known(envelope(model, one, confidence)) for one in (pair.shorter, pair.longer)
    )
    assert never_falls(shorter.lower, longer.lower + RELATIVE_SLACK * longer.upper)
    assert never_falls(shorter.upper, longer.upper)
    prediction = metered(*pair.longer, confidence=confidence)
    energy_j, latency_s = known(prediction.energy_j), known(prediction.latency_interval_s)
    assert never_falls(longer.lower, energy_j)
    assert never_falls(energy_j, longer.upper)
    if not blind:
        assert longer == prediction.energy_interval_j
    if len(blind) == len(FITTED_PHASES):
        ends = IDLE_W * latency_s.lower, LIMIT_W * latency_s.upper
        assert longer.lower == pytest.approx(ends[0], abs=RELATIVE_SLACK * ends[1])
        assert longer.upper == pytest.approx(ends[1], rel=RELATIVE_SLACK)


@every_combination
def test_a_device_without_a_stated_limit_has_none(combination: Combination) -> None:
    """Nothing bounds the power of an unmetered phase there; metered ones need no limit."""
    model = with_limit(lawful_model(combination, 0), UNLIMITED_POWER_W)
    assert envelope(model, (100, 100), 0.9) is not None
    assert envelope(without_heads(model, {Phase.PREFILL}), (100, 100), 0.9) is None


def test_a_request_without_a_latency_has_none() -> None:
    """A decode that was never measured has no energy either."""
    model = lawful_model(COMBINATIONS[0], 0)
    unfitted = with_phases(model, [Phase.PREFILL])
    assert envelope(unfitted, (100, 100), 0.9) is None
    assert envelope(unfitted, (100, 1), 0.9) is not None


def test_the_bundled_rows_give_an_envelope(trained_artifact: Path) -> None:
    """Prefill was never metered there: decode keeps its interval, prefill gets the limit."""
    predict = Predictor.load(trained_artifact).select("1.5B")
    prediction, hardware = predict(512, 128), predict.model.record.hardware
    assert prediction.energy_j is None
    found = known(energy_envelope_j(prediction, hardware))
    metered = known(prediction.decode.energy_interval_j)
    prefill_s = known(prediction.prefill.latency_interval_s)
    assert metered.lower < found.lower < metered.lower + hardware.idle_power_w * prefill_s.upper
    assert metered.upper < found.upper <= metered.upper + hardware.power_limit_w * prefill_s.upper
