"""Power is found behind what a meter read, however it read."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import polars as pl
import pytest
from msgspec.structs import replace

from tests.comparing import known
from tests.strategies import FLOATS
from tests.synthetic import (
    BETWEEN,
    GRID,
    IDLE_W,
    LIMIT_W,
    RAIL,
    Request,
    Row,
    Truth,
    experiment,
    measured,
    prepared,
    row,
    train,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import RegressionConfig, RegressionType
from token2metrics.heads import LOAD_SHARE, PowerHead, Window
from token2metrics.modeling.energy import meter_of
from token2metrics.modeling.gather import gather
from token2metrics.prediction.evaluate import evaluate
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import FITTED_PHASES, Phase

TRUTH = Truth(RegressionType.LINEAR)
HEAD = PowerHead(IDLE_W, LIMIT_W)
TRUE_POWER = {
    LOAD_SHARE: 0.5,
    "ramp_share": 0.3,
    "ramp_s": 2.0,
    "context_saving": 0.4,
    "tail_share": 0.25,
}
PERIOD_S = 1.0
RECOVERED = 0.02
ROUNDING = 1e-9


def bare_s(phase: Phase, request: Request) -> float:
    """Return the seconds of a phase without the prompt's context."""
    if phase is Phase.PREFILL:
        return TRUTH.latency_s(phase, request)
    return TRUTH.latency_s(phase, (0, request[1]))


def true_power_w(phase: Phase, request: Request) -> float:
    """Return the mean power of a phase on the imagined device."""
    latency_s = TRUTH.latency_s(phase, request)
    return HEAD.mean_power_w(FLOATS, latency_s, bare_s(phase, request), TRUE_POWER)


def sampled(request: Request, phase: Phase) -> Row:
    """Return a row whose meter read once a second until the work was over, summed by hand."""
    latency_s = TRUTH.latency_s(phase, request)
    count = max(1, round(latency_s / PERIOD_S))
    period_s = latency_s / count
    added = 1.0 - bare_s(phase, request) / latency_s
    load_w = TRUE_POWER[LOAD_SHARE] * (LIMIT_W - IDLE_W)
    load_w *= 1.0 - TRUE_POWER["context_saving"] * added
    ramp, ramp_s = TRUE_POWER["ramp_share"], TRUE_POWER["ramp_s"]
    readings_w = [
        IDLE_W + load_w * (1.0 - ramp * math.exp(-number * period_s / ramp_s))
        for number in range(count)
    ]
    metered = {"energy_j": sum(readings_w) * period_s, "energy_samples": float(count)}
    return row(phase, request, latency_s, power_rail=RAIL, **metered)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    """A model trained on what such a meter read."""
    regression = RegressionConfig(
        type=RegressionType.LINEAR, cross_validation_folds=2, test_size=0.0
    )
    rows = [sampled(request, phase) for request in GRID for phase in FITTED_PHASES]
    return train(rows, experiment(regression)).model


def test_the_true_power_is_behind_the_readings(model: FittedModel) -> None:
    """Although the sums of few readings lack much of the energy of a short phase."""
    predict = ModelPredictor(model)
    lacking = []
    for request in BETWEEN:
        prediction = predict(*request)
        for phase, part in zip(FITTED_PHASES, (prediction.prefill, prediction.decode), strict=True):
            expected_w = true_power_w(phase, request)
            assert part.power_w == pytest.approx(expected_w, rel=RECOVERED)
            read_w = sampled(request, phase)["energy_j"] / TRUTH.latency_s(phase, request)
            lacking.append(1.0 - read_w / expected_w)
    assert max(lacking) > 2 * RECOVERED


def test_what_context_saves_is_found(model: FittedModel) -> None:
    """Decode after a long prompt draws less, by the true share."""
    found = model.weights[Phase.DECODE].head["context_saving"]
    assert found == pytest.approx(TRUE_POWER["context_saving"], rel=0.1)
    short, long = (ModelPredictor(model)(prompt, 600).decode for prompt in (16, 3_000))
    assert known(long.power_w) < known(short.power_w)


def test_a_window_is_what_its_meter_would_read(model: FittedModel) -> None:
    """The readings of unseen requests are predicted from their latencies and windows."""
    predict = ModelPredictor(model)
    for phase in FITTED_PHASES:
        head = known(model.record.phases[phase].head)
        for request in BETWEEN:
            latency_s = known(predict.phase_cost(phase, *request)).latency_s
            count = max(1, round(latency_s / head.meter.period_s))
            window_s = count * head.meter.period_s
            read_j = predict.window_energy_j(phase, *request, window_s=window_s)
            cost = known(predict.phase_cost(phase, *request))
            by_hand = known(model.formulas[phase].head).window_energy_j(
                FLOATS,
                cost.latency_s,
                known(cost.bare_s),
                Window(window_s, head.meter.period_s),
                model.weights[phase].head,
            )
            assert read_j == pytest.approx(by_hand, rel=ROUNDING)


def test_a_window_outlasts_the_work_by_the_usual_pad(model: FittedModel) -> None:
    """Where nobody says how long the meter summed."""
    predict = ModelPredictor(model)
    meter = known(model.record.phases[Phase.DECODE].head).meter
    latency_s = known(predict.phase_cost(Phase.DECODE, 100, 200)).latency_s
    usual_j = predict.window_energy_j(Phase.DECODE, 100, 200)
    stated_j = predict.window_energy_j(Phase.DECODE, 100, 200, window_s=latency_s + meter.pad_s)
    assert usual_j == stated_j
    assert meter.pad_s > 0.0


def test_readings_are_evaluated_as_readings(model: FittedModel, tmp_path: Path) -> None:
    """Predicted energies of unseen rows are compared as their meter would read them."""
    path = tmp_path / "sampled.csv"
    rows = [sampled(request, phase) for request in BETWEEN for phase in FITTED_PHASES]
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    errors = evaluate([model], [path]).evaluation.errors
    metered = [error for error in errors if error.metric == "energy"]
    assert {error.phase for error in metered} == {"prefill", "decode"}
    assert all(error.mape_percent < 100.0 * RECOVERED for error in metered)


def test_without_a_head_no_meter_reads() -> None:
    """Nor where nothing was fitted."""
    unmetered = train(
        measured(TRUTH, GRID, [Phase.DECODE]), experiment(RegressionConfig(test_size=0.0))
    ).model
    predict = ModelPredictor(unmetered)
    assert predict.window_energy_j(Phase.DECODE, 100, 200) is None
    record = msgspec.structs.replace(unmetered.record, phases={})
    empty = ModelPredictor(replace(unmetered, record=record, formulas={}, weights={}))
    assert empty.window_energy_j(Phase.PREFILL, 100, 200) is None


def test_a_meter_is_described_by_its_rows() -> None:
    """The median period, and the mean pad drawn towards one period; none without rows."""
    requests: list[Request] = [(100, 50), (100, 200), (100, 400)]
    rows = [
        row(
            Phase.DECODE,
            request,
            10.0,
            energy_j=200.0,
            energy_window_s=10.0 + pad_s,
            energy_samples=samples,
            power_rail=RAIL,
        )
        for request, pad_s, samples in zip(
            requests, (0.0, 1.0, 2.0), (20.0, 11.0, 6.0), strict=True
        )
    ]
    chosen = experiment()
    edge = gather(prepared(rows), [chosen], chosen).edge
    meter = meter_of(edge, Phase.DECODE)
    assert meter.period_s == pytest.approx(1.0)
    assert meter.pad_s == pytest.approx((0.0 + 1.0 + 2.0 + 1.0) / 4)
    nothing = meter_of(None, Phase.DECODE)
    assert (nothing.period_s, nothing.pad_s) == (0.0, 0.0)
