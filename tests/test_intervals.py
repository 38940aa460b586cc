"""Intervals keep the laws of the prediction they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import t as student

from tests.comparing import SUBNORMAL
from tests.strategies import (
    COMBINATIONS,
    FLOATS,
    Combination,
    Pair,
    lawful_model,
    ordered_requests,
    requests,
    seeds,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import Hull, PhaseRecord
from token2metrics.errors import RequestError
from token2metrics.intervals import (
    HIGHEST_CONFIDENCE,
    LOWEST_CONFIDENCE,
    OUTSIDE_EXPONENT,
    Bounds,
    Margin,
    Range,
    bounds,
    bounds_of_sum,
    reach,
)
from token2metrics.modeling.margins import (
    CONFIDENCES,
    CONFORMAL_ROWS,
    EXPECTED_ERRORS,
    energy_margin,
    latency_margin,
)
from token2metrics.prediction.bounded import margin_of
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

SLACK = 1e-9
DRAWS = 4_000
COVERAGE_SLACK = 0.03

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
confidences = st.floats(LOWEST_CONFIDENCE, HIGHEST_CONFIDENCE)
few_errors = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=60)


def in_range(model: FittedModel, seed: int) -> FittedModel:
    """Return the model with a drawn measured range, or none."""
    chance = Random(seed)
    fewest, most = chance.choice((0, 1, 64, 300)), chance.choice((300, 1_000, 8_192))
    hull = Hull(input_tokens=(float(fewest), float(most)), output_tokens=(2.0, float(most)))

    def changed(phase: Phase, record: PhaseRecord) -> PhaseRecord:
        own = hull if phase is Phase.DECODE else msgspec.structs.replace(hull, output_tokens=None)
        return msgspec.structs.replace(record, hull=chance.choice((own, own, own, None)))

    phases = {phase: changed(phase, record) for phase, record in model.record.phases.items()}
    return replace(model, record=msgspec.structs.replace(model.record, phases=phases))


def around(
    price: Callable[[float], float], tokens: float, measured: tuple[Range, None]
) -> Bounds[float]:
    """Bound a price that knows the prompt alone, by a half-width of 0.1."""
    asked = reach(FLOATS, (tokens, 1.0), measured)
    ends = Bounds(price(asked.shorter[0]), price(asked.longer[0]))
    return bounds(FLOATS, ends, asked.factors, 0.1)


def parts_of(prediction: Prediction) -> tuple[Prediction | PhasePrediction, ...]:
    """Return the request and both its phases."""
    return (prediction, prediction.prefill, prediction.decode)


def intervals_of(prediction: Prediction) -> list[tuple[float, Interval]]:
    """Return every quantity that never falls, with its interval."""
    found = []
    for part in parts_of(prediction):
        pairs = (
            (part.latency_s, part.latency_interval_s),
            (part.energy_j, part.energy_interval_j),
        )
        for value, interval in pairs:
            assert value is not None
            assert interval is not None
            found.append((value, interval))
    return found


@pytest.mark.law
@every_combination
@given(seed=seeds, request_=requests, confidence=confidences)
def test_intervals_are_ordered_and_not_negative(
    combination: Combination, seed: int, request_: tuple[int, int], confidence: float
) -> None:
    """Zero, lower bound, prediction and upper bound are in order, and finite."""
    model = in_range(lawful_model(combination, seed), seed)
    prediction = ModelPredictor(model)(*request_, confidence=confidence)
    for value, interval in intervals_of(prediction):
        assert 0.0 <= interval.lower <= value * (1.0 + SLACK)
        assert value * (1.0 - SLACK) <= interval.upper < math.inf
    hardware = model.record.hardware
    for phase in (prediction.prefill, prediction.decode):
        power = phase.power_interval_w
        assert power is not None
        assert phase.power_w is not None
        assert hardware.idle_power_w * (1.0 - SLACK) <= power.lower
        assert power.lower * (1.0 - SLACK) <= phase.power_w <= power.upper * (1.0 + SLACK)
        assert power.upper <= hardware.power_limit_w * (1.0 + SLACK)


@pytest.mark.law
@every_combination
@given(seed=seeds, pair=ordered_requests, confidence=confidences)
def test_bounds_never_fall(
    combination: Combination, seed: int, pair: Pair, confidence: float
) -> None:
    """Both bounds of latency and energy, of phases and request, rise with tokens."""
    predict = ModelPredictor(in_range(lawful_model(combination, seed), seed))
    shorter = intervals_of(predict(*pair.shorter, confidence=confidence))
    longer = intervals_of(predict(*pair.longer, confidence=confidence))
    for (_, less), (_, more) in zip(shorter, longer, strict=True):
        assert less.lower <= more.lower * (1.0 + SLACK) + SLACK * less.upper + SUBNORMAL
        assert less.upper <= more.upper * (1.0 + SLACK) + SUBNORMAL


@pytest.mark.law
@every_combination
@given(seed=seeds, request_=requests, one=confidences, other=confidences)
def test_more_confidence_is_wider(
    combination: Combination, seed: int, request_: tuple[int, int], one: float, other: float
) -> None:
    """An interval of higher confidence holds that of lower confidence."""
    predict = ModelPredictor(in_range(lawful_model(combination, seed), seed))
    narrow = intervals_of(predict(*request_, confidence=min(one, other)))
    wide = intervals_of(predict(*request_, confidence=max(one, other)))
    for (value, inner), (_, outer) in zip(narrow, wide, strict=True):
        assert outer.lower <= inner.lower + SLACK * value
        assert inner.upper <= outer.upper * (1.0 + SLACK)


@given(
    count=st.floats(1.0, 1e6),
    fewest=st.floats(2.0, 1e3),
    span=st.floats(1.0, 1e3),
    farther=st.floats(1.0, 100.0),
)
def test_intervals_spread_outside_the_range(
    count: float, fewest: float, span: float, farther: float
) -> None:
    """Relative width is constant inside and grows with the distance outside."""
    measured = (Range(fewest, fewest * span), None)

    def ratio(tokens: float) -> float:
        found = around(lambda prompt: prompt, tokens, measured)
        return found.upper / found.lower

    inside = math.exp(0.2)
    if fewest <= count <= fewest * span:
        assert ratio(count) == pytest.approx(inside)
    assert ratio(fewest * span * farther) >= inside * (1.0 - SLACK)
    assert ratio(fewest * span * farther * 2.0) > ratio(fewest * span * farther)
    assert ratio(fewest / farther / 2.0) > ratio(fewest / farther)


@given(most=st.floats(10.0, 1e4), farther=st.floats(1.1, 100.0))
def test_a_flat_curve_is_not_trusted_far_away(most: float, farther: float) -> None:
    """Where the curve says nothing happens, the upper bound rises beyond the range anyway."""
    measured = (Range(1.0, most), None)

    def upper(tokens: float) -> float:
        return around(lambda prompt: 1.0, tokens, measured).upper

    assert upper(most) == pytest.approx(math.exp(0.1))
    assert upper(most * farther) == pytest.approx(math.exp(0.1) * farther**OUTSIDE_EXPONENT)


@given(
    parts=st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)),
    widths=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
)
def test_a_sum_is_no_wider_than_its_parts(
    parts: tuple[float, float], widths: tuple[float, float]
) -> None:
    """Independent errors partly cancel: the sum's interval lies within the sum of both."""
    each = tuple(
        Bounds(part * math.exp(-width), part * math.exp(width))
        for part, width in zip(parts, widths, strict=True)
    )
    found = bounds_of_sum(FLOATS, parts, (each[0], each[1]))
    whole = sum(parts)
    slack = SLACK * (1.0 + whole)
    assert each[0].lower + each[1].lower - slack <= found.lower <= whole + slack
    assert whole - slack <= found.upper <= each[0].upper + each[1].upper + slack


def test_a_tiny_part_is_not_rounded_away() -> None:
    """Beside a long decode whose lower bound is zero, a short prefill keeps its own."""
    tiny, long = Bounds(1e-24, 3e-24), Bounds(0.0, 5e4)
    assert bounds_of_sum(FLOATS, (2e-24, 2e4), (tiny, long)).lower >= 1e-24


@pytest.mark.parametrize("confidence", [0.0, 0.49, 0.991, 1.0, -1.0, math.nan, math.inf, True])
def test_impossible_confidences_are_refused(confidence: float) -> None:
    """Nothing is offered outside 0.5 to 0.99."""
    model = lawful_model(COMBINATIONS[0], 0)
    with pytest.raises(RequestError, match=r"expected confidence between 0\.5 and 0\.99"):
        ModelPredictor(model)(1, 1, confidence=confidence)


@given(errors=few_errors, phase=st.sampled_from(FITTED_PHASES), source=st.sampled_from(SourceKind))
def test_margins_are_finite_from_three_rows(
    errors: list[float], phase: Phase, source: SourceKind
) -> None:
    """Half-widths are finite, positive and never fall with the confidence."""
    for record in (
        latency_margin(phase, source, len(errors), np.array(errors)),
        energy_margin(np.array(errors)),
    ):
        assert record.confidences == CONFIDENCES
        assert all(0.0 < width < math.inf for width in record.half_widths)
        assert list(record.half_widths) == sorted(record.half_widths)
        assert record.rows == len(errors)


@pytest.mark.parametrize("phase", FITTED_PHASES)
@pytest.mark.parametrize("source", SourceKind)
def test_margins_without_held_out_rows_rest_on_expectation(
    phase: Phase, source: SourceKind
) -> None:
    """With fewer rows of the model less is certain."""
    nothing = np.array([])
    calibrated = latency_margin(phase, source, 1, nothing)
    uncalibrated = latency_margin(phase, source, 0, nothing)
    assert "no held-out row" in calibrated.method
    assert "no row of the model" in uncalibrated.method
    assert calibrated.half_widths[-1] < uncalibrated.half_widths[-1] < math.inf


@pytest.mark.parametrize("rows", [5, 10, 20, CONFORMAL_ROWS, 200])
def test_margins_cover_normal_errors(rows: int) -> None:
    """On normal errors the measured coverage is no less than the nominal one."""
    chance = np.random.default_rng(7)
    deviation = 2.0 * EXPECTED_ERRORS[Phase.PREFILL]
    covered = []
    for _ in range(DRAWS // rows):
        held_out = chance.normal(0.0, deviation, rows)
        margin = margin_of(latency_margin(Phase.PREFILL, SourceKind.NONE, rows, held_out))
        covered.append(student.cdf(margin.at(0.9) / deviation, 1e6) * 2.0 - 1.0)
    assert np.mean(covered) >= 0.9 - COVERAGE_SLACK


def test_one_outlier_hardly_widens_an_interval() -> None:
    """One held-out row 50 times as far off as the others does not double the interval thrice."""
    errors = np.full(19, 0.01)
    plain = margin_of(latency_margin(Phase.PREFILL, SourceKind.NONE, 20, errors))
    spoiled = np.append(errors, 0.5)
    wider = margin_of(latency_margin(Phase.PREFILL, SourceKind.NONE, 20, spoiled))
    assert wider.at(0.9) < 3.0 * plain.at(0.9)


@given(one=confidences, other=confidences)
def test_half_widths_are_interpolated_in_order(one: float, other: float) -> None:
    """Between given confidences the half-width rises."""
    assume(one < other)
    margin = Margin((0.5, 0.9, 0.99), (0.1, 0.2, 0.4))
    assert 0.1 <= margin.at(one) <= margin.at(other) <= 0.4
    assert margin.at(0.9) == pytest.approx(0.2)
