"""What findings say of a model is what it predicts, for every family and calibration."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given

from tests.finding import rows_of
from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, Combination, lawful_model, seeds
from token2metrics.findings.factors import factors_of
from token2metrics.findings.points import compare
from token2metrics.findings.power_steps import IDLE, power_of
from token2metrics.findings.shown import Point, Standing, TokenCurve
from token2metrics.findings.token_curves import Lengths, context_of, staircase_of
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Interval
from token2metrics.vocabulary import FITTED_PHASES, Phase

pytestmark = pytest.mark.law

USUAL = Lengths((16, 900), (2, 300))
ROUNDING = 1e-9
APART = 5
"""Of all pairs of family and calibration, every so many are made a table for."""

SHOWN_APART = 9
"""Of the points of a curve, so many are compared with single predictions."""

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
every_model = pytest.mark.parametrize(
    ("combination", "seed"), [(one, place) for place, one in enumerate(COMBINATIONS)], ids=str
)
"""One drawn model of each family and calibration, for laws that take long to check."""

each_family_and_each_method = pytest.mark.parametrize(
    ("combination", "seed"),
    [(one, place) for place, one in enumerate(COMBINATIONS)][::APART],
    ids=str,
)
"""Every family and every calibration, though not every pair: a table is made for each model."""


def curves(predictor: ModelPredictor) -> dict[Phase, TokenCurve | None]:
    """Return both curves of a model that nobody measured."""
    return {
        Phase.PREFILL: staircase_of(predictor, (), USUAL, DEFAULT_CONFIDENCE),
        Phase.DECODE: context_of(predictor, (), USUAL, DEFAULT_CONFIDENCE),
    }


@every_model
def test_curves_are_predictions_that_never_fall(combination: Combination, seed: int) -> None:
    """Each point is what a request costs, per token of decode; bounds hold it."""
    predictor = ModelPredictor(lawful_model(combination, seed))
    drawn = curves(predictor)
    for phase, curve in drawn.items():
        assert curve is not None
        for point in curve.predicted[::SHOWN_APART]:
            told = predictor(point.input_tokens, point.output_tokens)
            steps = point.output_tokens - 1 if phase is Phase.DECODE else 1
            latency_s = (told.decode if phase is Phase.DECODE else told.prefill).latency_s
            assert latency_s is not None
            assert point.value_s == latency_s / steps
            assert point.lower_s <= point.value_s <= point.upper_s
        places = [point.context_tokens for point in curve.predicted]
        assert places == sorted(set(places))
    staircase = drawn[Phase.PREFILL]
    assert staircase is not None
    heights = [point.value_s for point in staircase.predicted]
    assert heights == sorted(heights)


@every_combination
@fewer_examples()
@given(seed=seeds)
def test_power_over_time_adds_up_to_the_energy(combination: Combination, seed: int) -> None:
    """Spans follow each other, hold the energy of their phase, and stay in the device's range."""
    model = lawful_model(combination, seed)
    predictor = ModelPredictor(model)
    power = power_of(predictor, 700, 90)
    if power is None:
        return
    assert power.steps[0].start_s == 0.0
    for before, after in pairwise(power.steps):
        assert before.start_s <= before.end_s == after.start_s
    hardware = model.record.hardware
    for phase in FITTED_PHASES:
        spans = [step for step in power.steps if step.part == phase]
        cost = predictor.phase_cost(phase, 700, 90)
        assert cost is not None
        assert cost.energy_j is not None
        energies = [(one.end_s - one.start_s) * (one.power_w or 0.0) for one in spans]
        if spans and cost.latency_s > ROUNDING * spans[0].start_s:
            assert math.fsum(energies) == pytest.approx(cost.energy_j, rel=1e-6)
        for one in spans:
            assert one.power_w is not None
            slack = ROUNDING * hardware.power_limit_w
            assert hardware.idle_power_w - slack <= one.power_w <= hardware.power_limit_w + slack
    assert power.steps[-1].part == IDLE
    assert power.steps[-1].power_w == hardware.idle_power_w


@every_combination
@fewer_examples()
@given(seed=seeds)
def test_unmetered_power_is_a_range(combination: Combination, seed: int) -> None:
    """Without energy a phase has the range of the device, and no upper end where none is known."""
    model = lawful_model(combination, seed, metered=False)
    power = power_of(ModelPredictor(model), 700, 90)
    if power is None:
        return
    hardware = model.record.hardware
    limit_w = hardware.power_limit_w
    for step in power.steps[:-1]:
        assert step.power_w is None
        assert step.least_w == hardware.idle_power_w
        assert step.most_w == (limit_w if limit_w < UNLIMITED_POWER_W else None)


@every_combination
@fewer_examples()
@given(seed=seeds)
def test_every_weight_of_a_calibration_is_over_its_identity(
    combination: Combination, seed: int
) -> None:
    """All weights are there; those that are factors stand over 1, an offset over nothing."""
    model = lawful_model(combination, seed)
    found = factors_of(model)
    for phase in FITTED_PHASES:
        parameters = model.formulas[phase].calibration.parameters()
        own = [one for one in found if one.phase is phase]
        assert len(own) == len(parameters)
        for one, parameter in zip(own, parameters, strict=True):
            value = model.weights[phase].calibration[parameter.name]
            assert one.value == value
            assert one.ratio == (value if parameter.initial else None)
            assert (one.lower is None) == (one.spread is None)


def told_of(predictor: ModelPredictor, point: Point) -> tuple[float | None, Interval | None]:
    """Return the latency that a predictor tells of a point, with its interval."""
    told = predictor(point.input_tokens, point.output_tokens)
    if point.phase is Phase.REQUEST:
        return told.latency_s, told.latency_interval_s
    part = told.prefill if point.phase is Phase.PREFILL else told.decode
    return part.latency_s, part.latency_interval_s


@each_family_and_each_method
def test_points_are_what_the_predictor_says(combination: Combination, seed: int) -> None:
    """Latencies and their intervals are those of single predictions; unseen rows are forecasts."""
    model = lawful_model(combination, seed)
    predictor = ModelPredictor(model)
    rows = rows_of(model, Standing.UNSEEN)
    found = compare(model, "a model", rows, DEFAULT_CONFIDENCE)
    assert found.found == len(found.points) == 3 * rows.height
    for point in found.points:
        assert point.held_out == point.predicted
        if point.metric != "latency":
            continue
        latency_s, interval = told_of(predictor, point)
        assert interval is not None
        assert point.predicted == pytest.approx(latency_s, rel=1e-12)
        assert point.lower == pytest.approx(interval.lower, rel=1e-12)
        assert point.upper == pytest.approx(interval.upper, rel=1e-12)
    assert found.held_out_errors == found.errors


@pytest.mark.parametrize(("combination", "seed"), [(COMBINATIONS[0], 0), (COMBINATIONS[-1], 1)])
def test_a_model_without_heads_has_latencies_alone(combination: Combination, seed: int) -> None:
    """No energy is compared where nothing was metered."""
    model = lawful_model(combination, seed, metered=False)
    found = compare(model, "a model", rows_of(model, Standing.UNTOLD), DEFAULT_CONFIDENCE)
    assert {point.metric for point in found.points} == {"latency"}
    assert all(point.held_out is None for point in found.points)
    assert not found.held_out_errors


def test_tables_are_of_every_family_and_every_calibration() -> None:
    """The models that tables are made for leave nothing out."""
    chosen = COMBINATIONS[::APART]
    assert {one.family for one in chosen} == {one.family for one in COMBINATIONS}
    assert {one.method for one in chosen} == {one.method for one in COMBINATIONS}
