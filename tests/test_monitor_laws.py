"""What no online update can break: the laws of predictions, and the state of the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import close, known, never_falls
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
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.relevel import relevel_artifact, relevelled
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import RequestError
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.observation import LARGEST, SMALLEST, Observation
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import Event
from token2metrics.monitoring.state_file import load_state, save_state
from token2metrics.monitoring.summary import report
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

pytestmark = pytest.mark.law

FOLLOWING = MonitorOptions(updates=True)
MOST_TOKENS = 3_000
WILDEST_FACTOR = 100.0
FED = 12

FAMILIES = {combination.family: combination for combination in COMBINATIONS}

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
every_family = pytest.mark.parametrize("combination", FAMILIES.values(), ids=str)
"""Files and states do not depend on the calibration."""


def measured(model: FittedModel, seed: int, count: int = FED) -> list[Observation]:
    """Draw finished requests, some near what is predicted and some far from it."""
    chance = Random(seed)
    predictor = ModelPredictor(model)
    drift = chance.choice((1.0, 1.03, 1.0 / WILDEST_FACTOR, WILDEST_FACTOR))
    found: list[Observation] = []
    while len(found) < count:
        prompt, answer = chance.randint(1, MOST_TOKENS), chance.randint(2, MOST_TOKENS)
        prediction = predictor(prompt, answer)
        parts = {
            "prefill_latency_s": prediction.prefill.latency_s,
            "decode_latency_s": prediction.decode.latency_s,
            "latency_s": prediction.latency_s,
            "energy_j": prediction.energy_j,
        }
        wanted = chance.choice((("prefill_latency_s", "decode_latency_s"), tuple(parts)[2:]))
        noise = drift * chance.lognormvariate(0.0, chance.choice((0.001, 0.1, 2.0)))
        told = {name: min(max(known(parts[name]) * noise, SMALLEST), LARGEST) for name in wanted}
        request = Observation(input_tokens=prompt, output_tokens=answer, latency_s=1.0)
        found.append(msgspec.structs.replace(request, **{"latency_s": None, **told}))
    return found


def fed(monitor: Monitor, requests: list[Observation]) -> list[Event]:
    """Feed a monitor; requests without a prediction are no news."""
    events: list[Event] = []
    for request in requests:
        try:
            events += monitor.observe(request)
        except RequestError:
            continue
    return events


def levels_of(monitor: Monitor, model: FittedModel) -> Mapping[Phase, float]:
    """Return where the levels of a model are now; nothing where it had no request."""
    move = monitor.moves().get(model.record.key)
    return {} if move is None else move.levels


@every_combination
@fewer_examples()
@given(seed=seeds, pair=ordered_requests)
def test_predictions_stay_lawful_after_any_update(
    combination: Combination, seed: int, pair: Pair
) -> None:
    """Latency and energy still never fall, add up, and agree with power."""
    model = lawful_model(combination, seed)
    monitor = Monitor(Predictor((ModelPredictor(model),)), FOLLOWING)
    fed(monitor, measured(model, seed))
    updated = ModelPredictor(relevelled(model, levels_of(monitor, model)))
    shorter, longer = updated(*pair.shorter), updated(*pair.longer)
    for less, more in (
        (shorter, longer),
        (shorter.prefill, longer.prefill),
        (shorter.decode, longer.decode),
    ):
        assert known(less.latency_s) >= 0.0
        assert never_falls(known(less.latency_s), known(more.latency_s))
        assert never_falls(known(less.energy_j), known(more.energy_j))
        if more.power_w is not None:
            assert close(known(more.energy_j), more.power_w * known(more.latency_s))
        for value, interval in (
            (more.latency_s, more.latency_interval_s),
            (more.energy_j, more.energy_interval_j),
        ):
            assert never_falls(known(interval).lower, known(value))
            assert never_falls(known(value), known(interval).upper)


@every_family
@fewer_examples()
@given(seed=seeds, cut=st.integers(0, FED), updates=st.booleans())
def test_a_resumed_run_is_an_uninterrupted_one(
    combination: Combination, seed: int, cut: int, updates: bool
) -> None:
    """Saved, read back and fed with the rest, a monitor knows and says the same."""
    model = lawful_model(combination, seed)
    requests, options = measured(model, seed), MonitorOptions(updates=updates)
    predictor = Predictor((ModelPredictor(model),))
    whole = Monitor(predictor, options)
    events = fed(whole, requests)
    first = Monitor(predictor, options)
    before = fed(first, requests[:cut])
    saved = msgspec.json.decode(msgspec.json.encode(first.state), type=type(first.state))
    levels = levels_of(first, model)
    moved = Predictor((ModelPredictor(relevelled(model, levels)),)) if updates else predictor
    second = Monitor(moved, options, saved)
    assert before + fed(second, requests[cut:]) == events
    assert msgspec.json.encode(second.state) == msgspec.json.encode(whole.state)
    assert report(second) == report(whole)


@every_family
@fewer_examples()
@given(seed=seeds)
def test_an_updated_artifact_differs_in_levels_alone(combination: Combination, seed: int) -> None:
    """What is written can be read, with the new levels, the same weights and nothing else new."""
    model = lawful_model(combination, seed)
    monitor = Monitor(Predictor((ModelPredictor(model),)), FOLLOWING)
    fed(monitor, measured(model, seed))
    with TemporaryDirectory() as folder:
        directory, copy, state = (Path(folder) / name for name in ("artifact", "copy", "state"))
        save_artifact(directory, [model])
        before = load_artifact(directory).manifest
        save_state(state, monitor.state)
        relevel_artifact(directory, monitor.moves(), copy)
        assert load_artifact(directory).manifest == before
        relevel_artifact(directory, monitor.moves())
        (written,) = load_artifact(directory).models
        assert load_artifact(copy).models[0].record == written.record
        assert load_artifact(copy).models[0].weights == written.weights
        moved = relevelled(model, levels_of(monitor, model))
        assert (written.record, written.weights) == (moved.record, moved.weights)
        resumed = known(load_state(state))
        assert msgspec.json.encode(resumed) == msgspec.json.encode(monitor.state)
