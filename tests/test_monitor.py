"""The monitor as a library: observations, models, levels, reports and checks."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.relevel import Move, relevel_artifact, relevelled
from token2metrics.errors import ArtifactError, ConfigurationError, DataError, RequestError
from token2metrics.monitoring.check import Limits, judge
from token2metrics.monitoring.fields import observation_of
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.model_monitor import NOTHING_TO_COMPARE
from token2metrics.monitoring.monitor import (
    MOST_EVENTS,
    NO_MODEL,
    NO_NAME,
    OTHER_CONDITIONS,
    SEVERAL_MODELS,
    Monitor,
)
from token2metrics.monitoring.observation import NOTHING_MEASURED, PART_ABOVE_WHOLE, Observation
from token2metrics.monitoring.opening import FEWEST
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.reading import MOST_LINE_BYTES, LineReader
from token2metrics.monitoring.result import Event, Kind, MonitorReport, Status
from token2metrics.monitoring.summary import report
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.monitor import event_words
from token2metrics.vocabulary import MAX_TOKENS, Phase

PROMPTS, ANSWERS = (200, 300), (100, 300)


@dataclass(frozen=True)
class Clock:
    """Makes finished requests of a trained model, some percent off what is predicted.

    Attributes:
        predictor: The model.
        chance: Where the noise comes from.
        noise: Its spread.
    """

    predictor: ModelPredictor
    chance: Random
    noise: float = 0.002

    def finished(
        self, factor: float = 1.0, more: Mapping[str, object] | None = None
    ) -> Observation:
        """Return one finished request, both phases this much slower than predicted."""
        prompt, answer = self.chance.randint(*PROMPTS), self.chance.randint(*ANSWERS)
        prediction = self.predictor(prompt, answer)
        assert prediction.prefill.latency_s is not None
        assert prediction.decode.latency_s is not None
        noise = [factor * self.chance.lognormvariate(0.0, self.noise) for _ in range(2)]
        return msgspec.structs.replace(
            Observation(
                input_tokens=prompt,
                output_tokens=answer,
                prefill_latency_s=prediction.prefill.latency_s * noise[0],
                decode_latency_s=prediction.decode.latency_s * noise[1],
                model=self.predictor.model.record.name,
            ),
            **(more or {}),
        )


@pytest.fixture
def predictor(trained_artifact: Path) -> Predictor:
    """Return a trained predictor."""
    return Predictor.load(trained_artifact)


@pytest.fixture
def clock(predictor: Predictor) -> Clock:
    """Return what makes finished requests."""
    return Clock(predictor.select("1.5B"), Random(1))


def fed(monitor: Monitor, clock: Clock, factors: list[float]) -> list[Event]:
    """Feed a monitor with requests this much slower than predicted."""
    return [event for factor in factors for event in monitor.observe(clock.finished(factor))]


def test_nothing_happens_while_predictions_hold(predictor: Predictor, clock: Clock) -> None:
    """No event, small errors, everything steady."""
    monitor = Monitor(predictor)
    assert fed(monitor, clock, [1.0] * 150) == []
    (model,) = report(monitor).models
    assert (model.name, model.requests) == ("1.5B", 150)
    assert [metric.phase for metric in model.metrics] == list(Phase)
    for metric in model.metrics:
        assert metric.metric is Metric.LATENCY
        assert metric.status is Status.STEADY
        assert metric.requests == 150
        assert metric.mape_percent < 0.5
        assert metric.p90_ape_percent < 1.0
        assert metric.change_percent is None
        assert metric.requests_to_see == 8


def test_a_slow_down_is_told_with_its_beginning(predictor: Predictor, clock: Clock) -> None:
    """Each phase and the request say since when and by how much; the drift stands."""
    monitor = Monitor(predictor)
    events = fed(monitor, clock, [1.0] * 100 + [1.03] * 60)
    assert {event.phase for event in events} == set(Phase)
    for event in events:
        assert event.kind is Kind.DRIFT
        assert event.since_request == 101
        assert 108 <= event.request <= 112
        assert event.change_percent == pytest.approx(-2.9, abs=0.4)
        assert event.interval_percent is not None
        assert event.interval_percent.lower < -2.9 < event.interval_percent.upper
    for metric in report(monitor).models[0].metrics:
        assert metric.status is Status.DRIFTING
        assert metric.since_request == 101
        assert metric.recent_bias_percent == pytest.approx(-100 * (1 - 1 / 1.03), abs=0.3)


def test_a_calibration_that_is_off_is_said_at_once(predictor: Predictor, clock: Clock) -> None:
    """A constant bias is no drift: it is told at the fifth request, and then learned."""
    monitor = Monitor(predictor)
    events = fed(monitor, clock, [1.5] * 200)
    assert [event.kind for event in events] == [Kind.OFF] * 3
    assert {event.request for event in events} == {FEWEST}
    assert events[0].change_percent == pytest.approx(-33.3, abs=0.5)
    (model,) = report(monitor).models
    for metric in model.metrics:
        assert metric.status is Status.OFF
        assert metric.change_percent == pytest.approx(-33.3, abs=0.5)
        assert metric.change_percent == pytest.approx(metric.bias_percent, abs=0.5)
        assert metric.since_request is None


def test_a_bias_that_intervals_allow_is_no_news(predictor: Predictor, clock: Clock) -> None:
    """Within its intervals a calibration may be off: the level is learned, and stays quiet."""
    half = clock.predictor(250, 200, confidence=0.9).decode.latency_interval_s
    assert half is not None
    allowed = half.upper / (clock.predictor(250, 200).decode.latency_s or math.nan)
    monitor = Monitor(predictor)
    assert [e for e in fed(monitor, clock, [allowed] * 150) if e.phase is Phase.DECODE] == []


def test_levels_follow_what_is_measured(predictor: Predictor, clock: Clock) -> None:
    """After a jump the next predictions are right again, and levels say by how much."""
    monitor = Monitor(predictor, MonitorOptions(updates=True))
    fed(monitor, clock, [1.2] * 60)
    fed(monitor, clock, [1.3] * 100)
    (model,) = report(monitor).models
    for metric in model.metrics:
        assert abs(metric.recent_bias_percent) < 0.3
        assert metric.status is Status.STEADY
    assert {level.phase for level in model.levels} == {Phase.PREFILL, Phase.DECODE}
    for level in model.levels:
        assert level.before == 1.0
        assert level.now == pytest.approx(1.3, abs=0.01)
    assert Monitor(predictor).moves() == {}


def test_whole_latencies_move_the_phase_they_tell_of(predictor: Predictor, clock: Clock) -> None:
    """With nothing but the latency of requests, decode takes what decode mostly makes up."""
    monitor = Monitor(predictor, MonitorOptions(updates=True))
    for _ in range(200):
        request = clock.finished(1.1)
        whole = request.measured(Phase.REQUEST, Metric.LATENCY)
        monitor.observe(
            Observation(
                input_tokens=request.input_tokens,
                output_tokens=request.output_tokens,
                latency_s=whole,
                model="1.5B",
            )
        )
    (move,) = monitor.moves().values()
    assert move.levels[Phase.DECODE] == pytest.approx(1.1, abs=0.02)
    (metric,) = report(monitor).models[0].metrics
    assert metric.phase is Phase.REQUEST
    assert abs(metric.recent_bias_percent) < 0.5


def test_energy_is_tracked_where_it_is_predicted(predictor: Predictor, clock: Clock) -> None:
    """More energy alone is a drift of the energy alone; prefill is not metered, nor the whole."""
    monitor = Monitor(predictor, MonitorOptions(updates=True))
    events: list[Event] = []
    for number in range(200):
        request = clock.finished()
        cost = clock.predictor.phase_cost(Phase.DECODE, request.input_tokens, request.output_tokens)
        assert cost is not None
        assert cost.energy_j is not None
        energy_j = cost.energy_j * (1.05 if number >= 100 else 1.0)
        metered = msgspec.structs.replace(request, decode_energy_j=energy_j, energy_j=2 * energy_j)
        events += monitor.observe(metered)
    (event,) = events
    assert (event.phase, event.metric) == (Phase.DECODE, Metric.ENERGY)
    assert event.change_percent == pytest.approx(-4.8, abs=0.5)
    names = [(m.phase, m.metric) for m in report(monitor).models[0].metrics]
    assert names == [*((phase, Metric.LATENCY) for phase in Phase), (Phase.DECODE, Metric.ENERGY)]


def test_the_energy_of_a_request_is_the_sum_of_its_phases() -> None:
    """Where both are metered, the whole is compared with what both were predicted to take."""
    model = next(m for m in map(_drawn, range(100)) if 1e-3 < _energy_j(m) < 1e3)
    monitor = Monitor(Predictor((model,)))
    for _ in range(10):
        request = Observation(input_tokens=100, output_tokens=50, energy_j=_energy_j(model) * 1.02)
        monitor.observe(request)
    (metric,) = report(monitor).models[0].metrics
    assert (metric.phase, metric.metric) == (Phase.REQUEST, Metric.ENERGY)
    assert metric.bias_percent == pytest.approx(100.0 * (1.0 / 1.02 - 1.0))


def _drawn(seed: int) -> ModelPredictor:
    """Return a metered model."""
    return ModelPredictor(lawful_model(COMBINATIONS[0], seed))


def _energy_j(predictor: ModelPredictor) -> float:
    """Return what a request is predicted to take."""
    energy_j = predictor(100, 50).energy_j
    assert energy_j is not None
    return energy_j


def test_models_are_told_apart(predictor: Predictor, clock: Clock) -> None:
    """Each model has its own numbers, its own count and its own state."""
    other = Clock(predictor.select("7B"), Random(2))
    monitor = Monitor(predictor)
    for _ in range(60):
        monitor.observe(clock.finished())
        monitor.observe(other.finished(3.0))
    small, large = report(monitor).models
    assert (small.name, large.name) == ("1.5B", "7B")
    assert small.requests == large.requests == 60
    assert small.metrics[1].mape_percent < 1.0 < large.metrics[1].mape_percent


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "unheard-of"}, NO_MODEL),
        ({"model": None}, NO_NAME),
        ({"device": "desk"}, OTHER_CONDITIONS),
        ({"parallel": 4}, NOTHING_TO_COMPARE),
    ],
)
def test_what_has_no_prediction_is_refused(
    predictor: Predictor, clock: Clock, fields: dict[str, object], reason: str
) -> None:
    """The reason says why, and nothing was learned."""
    monitor = Monitor(predictor)
    with pytest.raises(RequestError, match=reason):
        monitor.observe(clock.finished(more=fields))
    assert (monitor.state.requests, monitor.state.models) == (0, {})


def test_one_model_needs_no_name_and_two_modes_their_own(
    predictor: Predictor, clock: Clock
) -> None:
    """The model of an artifact with one is meant; of two power modes one has to be named."""
    alone = Monitor(Predictor((clock.predictor,)))
    alone.observe(clock.finished(more={"model": None}))
    record = msgspec.structs.replace(clock.predictor.model.record, power_mode="30w")
    model = clock.predictor.model
    slow = ModelPredictor(FittedModel(record, model.formulas, model.weights))
    both = Monitor(Predictor((clock.predictor, slow)))
    with pytest.raises(RequestError, match=SEVERAL_MODELS):
        both.observe(clock.finished())
    both.observe(clock.finished(more={"power_mode": "30W"}))
    assert report(both).models[0].power_mode == "30w"


def test_a_state_of_other_options_or_another_training_is_refused(
    predictor: Predictor, clock: Clock
) -> None:
    """What a state means depends on both."""
    monitor = Monitor(predictor)
    fed(monitor, clock, [1.0] * 3)
    with pytest.raises(
        ConfigurationError, match="--false-alarms-per as the state has it, 10000, got 500"
    ):
        Monitor(predictor, MonitorOptions(requests_per_false_alarm=500), monitor.state)
    model = clock.predictor.model
    record = msgspec.structs.replace(model.record, trained_at="2030-01-01T00:00:00+00:00")
    again = ModelPredictor(FittedModel(record, model.formulas, model.weights))
    with pytest.raises(ConfigurationError, match="got another; remove the state"):
        Monitor(Predictor((again,)), state=monitor.state)
    with pytest.raises(ConfigurationError, match="got none; remove the state"):
        Monitor(Predictor((predictor.select("7B"),)), state=monitor.state)
    moved = ModelPredictor(relevelled(model, {Phase.DECODE: 1.1}))
    with pytest.raises(ConfigurationError, match="updated since; remove the state"):
        Monitor(Predictor((moved,)), state=monitor.state)


def test_an_event_says_when(predictor: Predictor, clock: Clock) -> None:
    """The time of the request at which it was noticed is handed through, into words."""
    monitor = Monitor(predictor)
    for hour in range(FEWEST):
        events = monitor.observe(clock.finished(2.0, {"timestamp": f"2026-11-26T0{hour}:00"}))
    assert [event.timestamp for event in events] == ["2026-11-26T04:00"] * 3
    assert "(request 5, 2026-11-26T04:00)" in event_words(events[0])


def test_only_the_last_events_are_kept(predictor: Predictor, clock: Clock) -> None:
    """A monitor that runs for years does not grow."""
    monitor = Monitor(predictor)
    event, *_ = fed(monitor, clock, [2.0] * FEWEST)
    monitor.state.events = [event] * (2 * MOST_EVENTS)
    fed(monitor, clock, [2.0])
    assert len(monitor.state.events) == MOST_EVENTS


def test_levels_of_another_training_are_refused(
    trained_artifact: Path, tmp_path: Path, predictor: Predictor
) -> None:
    """An artifact that was trained again meanwhile, or without the model, is not altered."""
    key = predictor.models[0].model.record.key
    for moves in ({"desk": Move("", {})}, {key: Move("of another training", {})}):
        with pytest.raises(ArtifactError, match="it was trained again; start the monitor again"):
            relevel_artifact(trained_artifact, moves, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_replaces_the_weights_of_an_older_one(
    trained_artifact: Path, tmp_path: Path
) -> None:
    """Only the weights that the manifest points to stay."""
    (tmp_path / "weights-0123456789abcdef.safetensors").write_bytes(b"old")
    relevel_artifact(trained_artifact, {}, tmp_path)
    assert load_artifact(tmp_path).manifest == load_artifact(trained_artifact).manifest
    assert len(list(tmp_path.glob("weights-*"))) == 1


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"output_tokens": 5, "latency_s": 1}, "input_tokens is missing"),
        ({"input_tokens": 5, "latency_s": 1}, "output_tokens is missing"),
        ({"input_tokens": "", "output_tokens": 5, "latency_s": 1}, "input_tokens is missing"),
        ({"input_tokens": 5, "output_tokens": None, "latency_s": 1}, "output_tokens is missing"),
        ({"input_tokens": 1.5, "output_tokens": 5, "latency_s": 1}, "not a whole number"),
        ({"input_tokens": "ten", "output_tokens": 5, "latency_s": 1}, "input_tokens is not a numb"),
        ({"input_tokens": "nan", "output_tokens": 5, "latency_s": 1}, "input_tokens is not a numb"),
        ({"input_tokens": True, "output_tokens": 5, "latency_s": 1}, "input_tokens is not a numb"),
        ({"input_tokens": [5], "output_tokens": 5, "latency_s": 1}, "input_tokens is not a numb"),
        ({"input_tokens": -1, "output_tokens": 5, "latency_s": 1}, f"whole number 0..{MAX_TOKENS}"),
        ({"input_tokens": 1e9, "output_tokens": 5, "latency_s": 1}, f"number 0..{MAX_TOKENS}"),
        ({"input_tokens": 5, "output_tokens": 5, "parallel": 0, "latency_s": 1}, "parallel is not"),
        ({"input_tokens": 5, "output_tokens": 5}, NOTHING_MEASURED),
        ({"phase": "warm-up", "input_tokens": 5}, "phase is none of prefill, decode, request"),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": "nan"}, NOTHING_MEASURED),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": 0}, "latency_s is not a number abov"),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": -1}, "latency_s is not a number abo"),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": "inf"}, "latency_s is not a number"),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": 10**400}, "latency_s is not a numb"),
        ({"input_tokens": 5, "output_tokens": 5, "latency_s": 1e12}, "latency_s is not within"),
        ({"input_tokens": 5, "output_tokens": 5, "ttft_s": 2, "latency_s": 1}, PART_ABOVE_WHOLE),
        ({"input_tokens": 5, "output_tokens": 5, "decode_latency_s": 0}, "decode_latency_s is not"),
    ],
)
def test_impossible_requests_are_refused(told: dict[str, object], reason: str) -> None:
    """Each with a reason that does not depend on the value, so that reasons can be counted."""
    with pytest.raises(RequestError, match=reason):
        observation_of(told, {})


def test_names_and_units_of_others_are_understood() -> None:
    """Aliases, text, a row of a measurement table, and what a line leaves to the options."""
    told = {" Prompt_Tokens": "12.0", "completion_tokens": 7, "TTFT_s": "0.5", "e2e_latency_s": 2}
    request = observation_of({**told, "model": " 8B "}, {"model": "1.5B", "device": "orin"})
    assert (request.input_tokens, request.output_tokens) == (12, 7)
    assert (request.model, request.device) == ("8B", "orin")
    assert request.measured(Phase.PREFILL, Metric.LATENCY) == 0.5
    assert request.measured(Phase.DECODE, Metric.LATENCY) == 1.5
    assert request.measured(Phase.REQUEST, Metric.ENERGY) is None
    row = {"phase": " Decode", "input_tokens": 5, "output_tokens": 9, "latency_s": 3, "energy_j": 4}
    decode = observation_of(row, {})
    assert decode.latency_s is None
    assert decode.measured(Phase.DECODE, Metric.LATENCY) == 3.0
    assert decode.measured(Phase.DECODE, Metric.ENERGY) == 4.0
    assert decode.measured(Phase.REQUEST, Metric.LATENCY) is None


def test_a_request_of_one_token_is_its_prefill() -> None:
    """Its latency is that of prefill, either way, and its decode has none."""
    whole = Observation(input_tokens=5, output_tokens=1, latency_s=2.0)
    assert whole.measured(Phase.PREFILL, Metric.LATENCY) == 2.0
    first = Observation(
        input_tokens=5, output_tokens=1, prefill_latency_s=2.0, decode_latency_s=0.0
    )
    assert first.measured(Phase.REQUEST, Metric.LATENCY) == 2.0


def test_phases_and_whole_imply_each_other() -> None:
    """A sum, or what is left of it; nothing where nothing is left."""
    both = Observation(input_tokens=5, output_tokens=9, prefill_latency_s=1.0, decode_latency_s=2.0)
    assert both.measured(Phase.REQUEST, Metric.LATENCY) == 3.0
    late = Observation(input_tokens=5, output_tokens=9, decode_latency_s=2.0, latency_s=2.5)
    assert late.measured(Phase.PREFILL, Metric.LATENCY) == 0.5
    rounded = Observation(input_tokens=5, output_tokens=9, prefill_latency_s=2.0, latency_s=1.99)
    assert rounded.measured(Phase.DECODE, Metric.LATENCY) is None


def read(content: bytes) -> list[tuple[int, str | None]]:
    """Return the number and the reason of each line."""
    lines = LineReader({}).lines(io.BytesIO(content))
    return [(line.number, line.reason) for line in lines]


HEADER = b"input_tokens,output_tokens,latency_s\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2", "more or fewer values than columns"),
        (b"1,2,3,4", "more or fewer values than columns"),
        (b'1,2,"3', "not a line of CSV"),
        (b'1,2,"3"4', "not a line of CSV"),
        (b"\xff\xfe,2,3", "not UTF-8"),
        (b"1,2,x", "latency_s is not a number"),
        (b"1,2," + b"3" * MOST_LINE_BYTES, "the line is too long"),
    ],
)
def test_bad_lines_of_csv_are_set_aside(line: bytes, reason: str) -> None:
    """The lines before and after are read; a byte order mark and blank lines do not matter."""
    content = b"\xef\xbb\xbf" + HEADER + b"1,2,3\n\n" + line + b"\r\n4,5,6"
    assert read(content) == [(2, None), (4, reason), (5, None)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{" * 100_000, "not a JSON object"),
        (b'{"input_tokens": 1}', "output_tokens is missing"),
        (b'{"input_tokens": 1, "output_tokens": 2, "latency_s": {}}', "latency_s is not a number"),
    ],
)
def test_bad_json_lines_are_set_aside(line: bytes, reason: str) -> None:
    """The lines before and after are read."""
    good = b'{"input_tokens": 1, "output_tokens": 2, "latency_s": 3}\n'
    assert read(good + line + b"\n" + good) == [(1, None), (2, reason), (3, None)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[\n", "expected a JSON object per line, got a JSON array"),
        (b"a,b,c\n1,2,3\n", "got columns without input_tokens, output_tokens"),
        (b"input_tokens,output_tokens\n1,2\n", "got columns without latency_s"),
        (b'"input_tokens,output_tokens\n', "got columns without input_tokens"),
    ],
)
def test_streams_of_something_else_are_refused(content: bytes, words: str) -> None:
    """The first line says what a stream is."""
    with pytest.raises(DataError, match=words):
        read(content)


def test_a_stream_that_breaks_off_is_said_to() -> None:
    """An error of the device below is one line, not a traceback."""

    class Broken(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(DataError, match="cannot read on: Input/output error"):
        list(LineReader({}).lines(Broken()))


LIMITS = Limits(max_mape_percent=5.0, max_p90_percent=None, min_requests=20)


@pytest.mark.parametrize(
    ("factors", "limits", "holds", "words"),
    [
        ([1.0] * 30, {}, True, ""),
        ([1.5] * 30, {}, False, "MAPE 33"),
        ([1.0] * 30, {"max_p90_percent": 1e-6}, False, "p90 0."),
        (
            [1.0] * 100 + [1.03] * 40,
            {},
            False,
            r"drifts since request 101, predicts (2.9|3.0) % too little",
        ),
        ([1.0] * 19, {}, None, "expected at least 20 requests to judge, got 19"),
        ([], {}, None, "expected at least 20 requests to judge, got 0"),
        ([1.5] * 19, {"min_requests": 19}, False, "MAPE"),
    ],
)
def test_checks(
    predictor: Predictor,
    clock: Clock,
    factors: list[float],
    limits: dict[str, float],
    holds: bool | None,
    words: str,
) -> None:
    """Errors above a limit, drift that stands, and too few requests to say."""
    monitor = Monitor(predictor)
    fed(monitor, clock, factors)
    changed: Callable[..., Limits] = Limits
    fields = {name: getattr(LIMITS, name) for name in Limits.__dataclass_fields__}
    verdict = judge(report(monitor), changed(**{**fields, **limits}))
    assert verdict.holds is holds

    assert re.search(words, "; ".join(verdict.reasons) or "")
    assert bool(verdict.reasons) is (holds is not True)


def test_reports_survive_json(predictor: Predictor, clock: Clock) -> None:
    """What is printed can be read back."""
    monitor = Monitor(predictor, MonitorOptions(updates=True))
    fed(monitor, clock, [1.0] * 50 + [1.1] * 50)
    monitor.set_aside("some reason")
    said = report(monitor)
    assert said.set_aside == {"some reason": 1}
    assert msgspec.json.decode(msgspec.json.encode(said), type=MonitorReport) == said
