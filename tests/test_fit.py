"""A fit finds known formulas again, whatever family made the measurements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.strategies import COMBINATIONS, Combination
from tests.synthetic import (
    BETWEEN,
    FEW,
    GRID,
    IDLE_W,
    RAIL,
    SPARSE,
    Request,
    Row,
    Truth,
    experiment,
    latencies_s,
    mean_power_w,
    measured,
    on_server,
    prepared,
    row,
    silent,
    train,
    worst_error,
)
from token2metrics.config import CalibrationMethod, RegressionConfig, RegressionType
from token2metrics.curves import FAMILIES, family_of
from token2metrics.modeling.candidates import TRANSFERRED
from token2metrics.modeling.train import TrainedModel, Trainer
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import FITTED_PHASES, Phase

RECOVERED = 1e-5
"""Largest relative error of a noise-free fit."""

HELD_BY_PRIOR = 0.15
"""The same for corrections that a prior keeps near the identity when rows are few."""

ONE_ROW = 0.02
"""The same with a single edge row."""

GROSS = 10.0
MILLI = 1_000.0
UNMOVED = {False: 0.01, True: 0.02}
"""How far an outlier may move exact fits, and those that an optimiser stops."""

SAME_ROWS = 1e-6
GAIN = 8.0
NOISE = 0.02
FEW_ITERATIONS = 30

every_family = pytest.mark.parametrize("family", FAMILIES)
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def quick(family: RegressionType) -> RegressionConfig:
    """Return a regression that validates as little as possible."""
    return RegressionConfig(type=family, cross_validation_folds=2, test_size=0.0)


def hasty(family: RegressionType) -> RegressionConfig:
    """Return a regression that moreover stops early."""
    return RegressionConfig(**{**quick(family).model_dump(), "max_iterations": FEW_ITERATIONS})


def noisy(rows: list[Row], seed: int = 0) -> list[Row]:
    """Return rows whose latencies scatter."""
    chance = np.random.default_rng(seed)
    return [
        {**one, "latency_s": one["latency_s"] * float(np.exp(chance.normal(0.0, NOISE)))}
        for one in rows
    ]


@every_family
def test_a_direct_fit_recovers_its_family(family: RegressionType) -> None:
    """Rows computed from a formula give the formula's latencies between the rows, and beyond."""
    truth = Truth(family)
    model = train(measured(truth), experiment(quick(family))).model
    beyond: list[Request] = [(4_000, 1), (5_000, 3_000)]
    assert worst_error(model, truth.latency_s) < RECOVERED
    assert worst_error(model, truth.latency_s, beyond, [Phase.PREFILL]) < RECOVERED
    assert all(phase.converged for phase in model.record.phases.values())


KNOWN_CORRECTIONS = [
    (CalibrationMethod.SIMPLE_SCALING, {"gain": GAIN}, RECOVERED),
    (CalibrationMethod.LOG_RATIO, {"gain": GAIN}, RECOVERED),
    (CalibrationMethod.LINEAR_FIT, {"gain": GAIN, "offset_s": 0.3}, RECOVERED),
    (CalibrationMethod.POWER_LAW, {"gain": GAIN}, RECOVERED),
    (CalibrationMethod.POWER_LAW, {"gain": GAIN, "exponent": 1.1}, HELD_BY_PRIOR),
    (CalibrationMethod.PER_TERM, {"gain": GAIN}, RECOVERED),
    (
        CalibrationMethod.PER_TERM,
        {"gain": GAIN, "ratio_token": 1.3, "ratio_arithmetic": 1.3},
        HELD_BY_PRIOR,
    ),
]


@pytest.mark.parametrize(
    "family", [RegressionType.LINEAR, RegressionType.TREE, RegressionType.ROOFLINE]
)
@pytest.mark.parametrize(("method", "weights", "tolerance"), KNOWN_CORRECTIONS)
def test_a_calibration_recovers_a_known_correction(
    family: RegressionType, method: CalibrationMethod, weights: dict[str, float], tolerance: float
) -> None:
    """Five edge requests carry a whole server curve over."""
    device = Truth(family, method, weights)
    rows = on_server(measured(Truth(family))) + measured(device, FEW)
    model = train(rows, experiment(quick(family), method)).model
    assert worst_error(model, device.latency_s) < tolerance


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_manual_factor_is_used_as_it_is(factor: float) -> None:
    """Edge rows have no say in it."""
    truth = Truth(RegressionType.LINEAR)
    rows = on_server(measured(truth)) + measured(truth, FEW)
    chosen = experiment(quick(RegressionType.LINEAR), CalibrationMethod.MANUAL, scale_factor=factor)
    model = train(rows, chosen).model
    assert worst_error(model, lambda p, r: factor * truth.latency_s(p, r)) < RECOVERED


@every_family
def test_one_row_far_too_slow_moves_nothing_else(family: RegressionType) -> None:
    """A row that stalled leaves the predictions of other requests where they were."""
    assert moved_by_an_outlier(family, GROSS) < UNMOVED[not family_of(family).linear_in_weights]


@every_family
@pytest.mark.parametrize("factor", [1 / GROSS, 1 / MILLI])
def test_one_row_far_too_fast_moves_nothing_else(family: RegressionType, factor: float) -> None:
    """A row ten times too fast, or in wrong units, does as little."""
    assert moved_by_an_outlier(family, factor) < UNMOVED[not family_of(family).linear_in_weights]


def moved_by_an_outlier(family: RegressionType, factor: float) -> float:
    """Return how far one row of each phase, off by a factor, moves other predictions."""
    truth = Truth(family)
    rows = noisy(measured(truth))
    spoilt = [dict(one) for one in rows]
    for phase in FITTED_PHASES:
        victim = next(
            i
            for i, one in enumerate(rows)
            if one["phase"] == phase and (one["input_tokens"], one["output_tokens"]) == (700, 200)
        )
        spoilt[victim]["latency_s"] *= factor
    before = train(rows, experiment(quick(family))).model
    after = train(spoilt, experiment(quick(family))).model
    changes = [
        abs(spoilt_s / clean_s - 1.0)
        for clean, other in zip(latencies_s(before), latencies_s(after), strict=True)
        for clean_s, spoilt_s in zip(clean, other, strict=True)
        if clean_s is not None and spoilt_s is not None
    ]
    assert len(changes) == len(FITTED_PHASES) * len(BETWEEN)
    return max(changes)


@every_family
def test_equal_trainings_are_equal(family: RegressionType) -> None:
    """Two fits of the same rows with the same seed have the same bits."""
    rows = noisy(on_server(measured(Truth(family))) + measured(Truth(family), FEW))
    chosen = experiment(hasty(family), CalibrationMethod.LOG_RATIO)
    first, second = train(rows, chosen).model, train(rows, chosen).model
    assert first.weights == second.weights
    assert first.record.phases == second.record.phases


@every_family
def test_row_order_does_not_matter(family: RegressionType) -> None:
    """Shuffled rows, past the sorting of the preparation, give the same predictions."""
    rows = noisy(on_server(measured(Truth(family))) + measured(Truth(family), FEW))
    chosen = experiment(hasty(family), CalibrationMethod.LOG_RATIO)
    data = prepared(rows)
    shuffled = replace(data, rows=data.rows.sample(fraction=1.0, shuffle=True, seed=1))
    assert not shuffled.rows.equals(data.rows)
    first, second = (Trainer(d, [chosen], silent).train(chosen).model for d in (data, shuffled))
    for one, other in zip(latencies_s(first), latencies_s(second), strict=True):
        assert other == pytest.approx(one, rel=SAME_ROWS)


@every_combination
def test_one_edge_row_is_enough(combination: Combination) -> None:
    """With one measured request every method predicts that request's phases well."""
    family, method = combination.family, combination.method
    request = (700, 64)
    device = Truth(family, CalibrationMethod.SIMPLE_SCALING, {"gain": GAIN})
    rows = on_server(measured(Truth(family), SPARSE)) + measured(device, [request])
    chosen = experiment(hasty(family), method, scale_factor=GAIN)
    model = train(rows, chosen).model
    assert worst_error(model, device.latency_s, [request]) < ONE_ROW
    if method in (CalibrationMethod.MANUAL, *TRANSFERRED):
        assert worst_error(model, device.latency_s) < ONE_ROW


@every_family
def test_one_row_alone_is_enough(family: RegressionType) -> None:
    """A single decode row, and nothing else, gives a decode curve through it."""
    truth = Truth(family)
    model = train(measured(truth, [(700, 64)], [Phase.DECODE]), experiment(quick(family))).model
    assert set(model.record.phases) == {Phase.DECODE}
    assert worst_error(model, truth.latency_s, [(700, 64)], [Phase.DECODE]) < HELD_BY_PRIOR


@every_family
@pytest.mark.parametrize("phase", FITTED_PHASES)
def test_rows_of_one_phase_give_one_phase(family: RegressionType, phase: Phase) -> None:
    """The other phase is said to be unknown, and so is the request's total."""
    truth = Truth(family)
    model = train(measured(truth, GRID, [phase]), experiment(quick(family))).model
    assert set(model.record.phases) == {phase}
    assert worst_error(model, truth.latency_s, phases=[phase]) < RECOVERED
    prediction = ModelPredictor(model)(100, 50)
    assert prediction.latency_s is None
    assert any("no measured rows" in note for note in prediction.notes)


@every_family
def test_a_constant_column_can_be_fitted(family: RegressionType) -> None:
    """One prompt length throughout: requests of that length are predicted."""
    truth = Truth(family)
    requests = [(256, answer) for answer in (1, 20, 100, 400, 1_000)]
    model = train(measured(truth, requests), experiment(quick(family))).model
    unseen = [(256, 60), (256, 700)]
    assert worst_error(model, truth.latency_s, unseen) < HELD_BY_PRIOR


@pytest.mark.parametrize("family", [RegressionType.LINEAR, RegressionType.ROOFLINE])
def test_whole_requests_identify_both_phases(family: RegressionType) -> None:
    """A grid of request latencies alone is split into prefill and decode."""
    truth = Truth(family)
    requests = [(prompt, answer) for prompt, _ in GRID[::3] for answer in (1, 16, 200, 1_000)]
    rows = measured(truth, requests, [Phase.REQUEST])
    model = train(rows, experiment(quick(family))).model
    assert worst_error(model, truth.latency_s) < RECOVERED


def test_request_rows_are_used_beside_phase_rows() -> None:
    """Decode measured only inside whole requests is found from them."""
    truth = Truth(RegressionType.LINEAR)
    rows = measured(truth, GRID, [Phase.PREFILL]) + measured(truth, GRID, [Phase.REQUEST])
    model = train(rows, experiment(quick(RegressionType.LINEAR))).model
    assert worst_error(model, truth.latency_s) < RECOVERED
    assert model.record.phases[Phase.DECODE].edge_rows == len(GRID)


def test_repeated_equal_rows_change_nothing() -> None:
    """A thousand copies of the rows are the rows."""
    rows = noisy(measured(Truth(RegressionType.LINEAR), FEW))
    chosen = experiment(quick(RegressionType.LINEAR))
    once, often = train(rows, chosen).model, train(rows * 1_000, chosen).model
    assert often.weights == once.weights


STEADY_W, RISE_W, RAMP_S, TAIL_S = 30.0, 8.0, 0.8, 0.2
POWER_TOLERANCE = 0.05


def metered(truth: Truth, requests: tuple[Request, ...]) -> list[Row]:
    """Return rows whose energy ramps up, and then idles until the window closes."""
    rows = []
    for request in requests:
        for phase in FITTED_PHASES:
            latency_s = truth.latency_s(phase, request)
            work_j = latency_s * mean_power_w(latency_s, STEADY_W, RISE_W, RAMP_S)
            energies: Row = {
                "energy_j": work_j + IDLE_W * TAIL_S,
                "energy_window_s": latency_s + TAIL_S,
                "power_rail": RAIL,
            }
            rows.append(row(phase, request, latency_s, **energies))
    return rows


@pytest.fixture(scope="module")
def metered_model() -> TrainedModel:
    """A model trained on energy whose windows hold an idle tail."""
    truth = Truth(RegressionType.LINEAR)
    return train(metered(truth, GRID), experiment(quick(RegressionType.LINEAR)))


def test_the_head_recovers_known_power(metered_model: TrainedModel) -> None:
    """Ramp, steady power and idle tail of the window are told apart."""
    for request in BETWEEN:
        prediction = ModelPredictor(metered_model.model)(*request)
        for part in (prediction.prefill, prediction.decode):
            assert part.latency_s is not None
            expected_w = mean_power_w(part.latency_s, STEADY_W, RISE_W, RAMP_S)
            assert part.power_w == pytest.approx(expected_w, rel=POWER_TOLERANCE)


def test_heads_leave_latencies_alone(metered_model: TrainedModel) -> None:
    """Metered rows have the latencies of the formula all the same."""
    truth = Truth(RegressionType.LINEAR)
    assert worst_error(metered_model.model, truth.latency_s) < 1e-3


def test_the_rail_is_named(metered_model: TrainedModel) -> None:
    """In the record and in every prediction."""
    heads = [phase.head for phase in metered_model.model.record.phases.values()]
    assert all(head is not None and head.power_rail == RAIL for head in heads)
    assert all(head is not None and head.rows == len(GRID) for head in heads)
    prediction = ModelPredictor(metered_model.model)(100, 50)
    assert prediction.power_rail == RAIL
    assert RAIL in prediction.decode.energy_rests_on


def test_without_energy_there_is_no_power() -> None:
    """Nothing is invented, and the prediction says so."""
    model = train(
        measured(Truth(RegressionType.LINEAR)), experiment(quick(RegressionType.LINEAR))
    ).model
    prediction = ModelPredictor(model)(100, 50)
    assert prediction.energy_j is None
    assert prediction.power_w is None
    assert prediction.decode.energy_rests_on == "no measured energy"
    assert any("no measured energy" in note for note in prediction.notes)
