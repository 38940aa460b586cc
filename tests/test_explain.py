"""Explanations: shares and parts that add up, factors people know, rows and demand."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from tests.comparing import known, workload_for
from tests.strategies import (
    COMBINATIONS,
    FLOATS,
    Combination,
    lawful_model,
    requests,
    seeds,
)
from tests.synthetic import CURVE_WEIGHTS
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import BelievedWeight
from token2metrics.cost import PhaseWeights, source_latency_s
from token2metrics.curves import CurveWeights
from token2metrics.curves.roofline import EXCESS_ORDER
from token2metrics.errors import RequestError
from token2metrics.prediction.explain import explain
from token2metrics.prediction.explanation import Explanation, Factor, PhaseExplanation
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.terms import (
    BASE_POWER,
    EXPONENT,
    OFFSET,
    curve_terms,
    term_name,
)
from token2metrics.vocabulary import (
    CalibrationMethod,
    Phase,
    RegressionType,
)

NORM_TOLERANCE = 1e-3
SUM_TOLERANCE = 1e-6
ENERGY_TOLERANCE = 1e-9
TELLING_S = 1e-15
"""Shorter latencies meet the floor that keeps the p-norm away from zero over zero."""

RATIOS = {"gain": 2.0, "ratio_bandwidth": 3.0}
"""Weights of a calibration away from the identity."""

PROPORTIONAL = tuple(
    combination
    for combination in COMBINATIONS
    if combination.method in (CalibrationMethod.LINEAR_FIT, CalibrationMethod.PER_TERM)
)
"""Families with the calibrations that leave a term in proportion to its weights."""

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def phases_of(explanation: Explanation) -> dict[Phase, PhaseExplanation]:
    """Return both phases, which must be there."""
    return {Phase.PREFILL: known(explanation.prefill), Phase.DECODE: known(explanation.decode)}


def explained(model: FittedModel, request: tuple[int, int]) -> Explanation:
    """Explain one request."""
    return explain(ModelPredictor(model), *request)


def is_norm(combination: Combination, phase: Phase) -> bool:
    """Return whether a phase joins its terms otherwise than by a sum."""
    return combination.family is RegressionType.ROOFLINE and phase is Phase.PREFILL


def tells(model: FittedModel, request: tuple[int, int], phase: Phase, latency_s: float) -> bool:
    """Return whether a latency is far from where formulas keep clear of zero."""
    workload = workload_for(model, request)
    source_s = source_latency_s(FLOATS, model.formulas[phase], workload, model.weights[phase])
    return min(source_s, latency_s) > TELLING_S


@pytest.mark.law
@every_combination
@given(seed=seeds, request=requests)
def test_parts_add_up(combination: Combination, seed: int, request: tuple[int, int]) -> None:
    """Shares add up to one, seconds to the latency, and parts of energy to the energy."""
    model = lawful_model(combination, seed)
    explanation = explained(model, request)
    prediction = explanation.prediction
    predicted = {Phase.PREFILL: prediction.prefill, Phase.DECODE: prediction.decode}
    for phase, one in phases_of(explanation).items():
        latency_s, energy_j = known(predicted[phase].latency_s), known(predicted[phase].energy_j)
        tolerance = NORM_TOLERANCE if is_norm(combination, phase) else SUM_TOLERANCE
        if tells(model, request, phase, latency_s):
            assert math.fsum(term.share for term in one.terms) == pytest.approx(1.0, abs=tolerance)
            total_s = math.fsum(term.seconds for term in one.terms)
            assert total_s == pytest.approx(latency_s, rel=tolerance)
        parts = [part.joules for part in known(one.energy).parts]
        largest_j = max(map(abs, parts))
        assert math.fsum(parts) == pytest.approx(
            energy_j, rel=ENERGY_TOLERANCE, abs=ENERGY_TOLERANCE * largest_j
        )


@pytest.mark.law
@pytest.mark.parametrize("combination", PROPORTIONAL, ids=str)
@given(seed=seeds, request=requests)
def test_terms_of_a_sum_take_their_own_time(
    combination: Combination, seed: int, request: tuple[int, int]
) -> None:
    """In a sum a term takes as long alone as among the others; in a norm at least as long."""
    model = lawful_model(combination, seed)
    for phase, one in phases_of(explained(model, request)).items():
        latency_s = math.fsum(term.seconds for term in one.terms)
        if not tells(model, request, phase, latency_s):
            continue
        slack_s = NORM_TOLERANCE * latency_s
        for term in one.terms:
            alone_s = known(term.alone_s)
            assert -SUM_TOLERANCE <= term.share <= 1.0 + SUM_TOLERANCE
            if is_norm(combination, phase):
                assert alone_s >= term.seconds - slack_s
            else:
                assert alone_s == pytest.approx(term.seconds, rel=SUM_TOLERANCE, abs=slack_s)


@every_combination
def test_laws_and_calibrations_have_words(combination: Combination) -> None:
    """Every family and calibration is named; what does not scale is a term of its own."""
    model = lawful_model(combination, 7)
    for phase, one in phases_of(explained(model, (1_000, 500))).items():
        assert one.law.startswith(f"{combination.family}: ")
        assert one.calibration.startswith(f"{combination.method}: ")
        names = [term.name for term in one.terms]
        assert len(names) == len(set(names))
        assert (OFFSET in names) == (combination.method is CalibrationMethod.LINEAR_FIT)
        assert (EXPONENT in names) == (combination.method is CalibrationMethod.POWER_LAW)
        curve = model.formulas[phase].curve
        weights = {
            w for group in curve_terms(curve, workload_for(model, (1, 2))).values() for w in group
        }
        assert weights >= set(curve.basis(FLOATS, workload_for(model, (1, 2))))


def test_weights_have_names_people_know() -> None:
    """Ranges of a spline and tiles are one term each; monomials are written out."""
    assert term_name("slope_from_128") == "slopes"
    assert term_name("wide_tile") == "tiles"
    assert term_name("s_per_layer") == "overhead: launches"
    assert [term_name(name) for name in ("i1", "i3", "s1_i0", "s2_i1")] == [
        *("prompt", "prompt^3", "steps", "steps^2 * prompt"),
    ]
    assert term_name("something_new") == "something_new"


def factor(phase: PhaseExplanation, name: str) -> Factor:
    """Return a factor by its name."""
    return next(one for one in phase.factors if one.name == name)


def roofline(method: CalibrationMethod) -> FittedModel:
    """Return a roofline with weights, beliefs and nominal figures of an imagined board."""
    combination = Combination(RegressionType.ROOFLINE, method)
    drawn = lawful_model(combination, 3)
    hardware = msgspec.structs.replace(
        drawn.record.hardware, memory_bandwidth_bytes_per_s=2e11, compute_flop_per_s=4e13
    )
    phases, weights = {}, {}
    for phase, described in drawn.record.phases.items():
        values = {**CURVE_WEIGHTS[RegressionType.ROOFLINE][phase]}
        if phase is Phase.PREFILL:
            values[EXCESS_ORDER] = 3.0
        beliefs = {n: BelievedWeight(median=1.1 * v, spread=0.2) for n, v in values.items()}
        phases[phase] = msgspec.structs.replace(
            described, beliefs=beliefs if method is CalibrationMethod.PRIOR else {}
        )
        fitted = drawn.weights[phase]
        ratios = {name: RATIOS.get(name, 1.0) for name in fitted.calibration}
        weights[phase] = PhaseWeights(CurveWeights(values), ratios, fitted.head)
    record = msgspec.structs.replace(drawn.record, hardware=hardware, phases=phases)
    return FittedModel(record, drawn.formulas, weights)


def test_factors_of_a_believed_roofline() -> None:
    """Bandwidth and arithmetic are rates beside the nominal ones, moved off what was believed."""
    model = roofline(CalibrationMethod.PRIOR)
    prefill, decode = phases_of(explained(model, (1_000, 500))).values()
    read = factor(decode, "bandwidth, weights")
    assert (read.unit, read.spread) == ("GB/s", 0.2)
    shown = [known(value) for value in (read.value, read.nominal_percent, read.believed)]
    assert shown == pytest.approx([1e3 / 6.0, 100.0 / 1.2, 1e3 / 6.6])
    moved = [known(read.moved_percent), known(read.moved_spreads)]
    assert moved == pytest.approx([10.0, math.log(1.1) / 0.2])
    assert known(factor(decode, "launches").value) == pytest.approx(100.0)
    assert known(factor(decode, "launches").moved_percent) == pytest.approx(100.0 * (1 / 1.1 - 1))
    arithmetic = factor(prefill, "arithmetic")
    assert arithmetic.spread is None
    assert known(arithmetic.value) == pytest.approx(12.5)
    assert known(arithmetic.nominal_percent) == pytest.approx(31.25)
    tiles = [one for one in prefill.factors if one.unit == "%"]
    assert [one.value for one in tiles] == pytest.approx([50.0, 25.0, 12.5, 12.5])
    assert [one.moved_percent for one in tiles] == pytest.approx([0.0] * 4, abs=1e-9)
    assert all(0.0 < known(one.spread) < 0.2 for one in tiles)
    assert known(factor(prefill, "norm order above 1").value) == 3.0


def test_gains_act_on_factors() -> None:
    """Ratios of a calibration change the rates on the edge device."""
    model = roofline(CalibrationMethod.PER_TERM)
    decode = known(explained(model, (10, 10)).decode)
    gain = RATIOS["gain"] * RATIOS["ratio_bandwidth"]
    assert known(factor(decode, "bandwidth, weights").value) == pytest.approx(1e3 / 6.0 / gain)
    before = known(explained(roofline(CalibrationMethod.POWER_LAW), (10, 10)).decode)
    assert known(factor(before, "bandwidth, weights").value) == pytest.approx(1e3 / 6.0)


def test_work_that_takes_no_time_has_no_rate() -> None:
    """A weight of zero is no infinite bandwidth, and moves off no belief."""
    model = roofline(CalibrationMethod.PRIOR)
    decode = model.weights[Phase.DECODE]
    values = {**decode.curve.values, "s_per_kv_byte": 0.0}
    weights = {**model.weights, Phase.DECODE: replace(decode, curve=CurveWeights(values))}
    cache = factor(
        known(explained(replace(model, weights=weights), (10, 10)).decode), "bandwidth, KV cache"
    )
    assert (cache.value, cache.nominal_percent, cache.moved_percent) == (None, None, None)


def test_base_power_is_idle_power() -> None:
    """Base power costs the idle power for as long as the phase lasts."""
    model = roofline(CalibrationMethod.DIRECT)
    decode = known(explained(model, (100, 200)).decode)
    base = next(part for part in known(decode.energy).parts if part.name == BASE_POWER)
    latency_s = math.fsum(term.seconds for term in decode.terms)
    assert base.joules == pytest.approx(model.record.hardware.idle_power_w * latency_s)


def test_rows_behind_a_phase(trained_artifact: Path) -> None:
    """Counts, ranges, errors and the interval are those of the artifact."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    record = predictor.model.record.phases[Phase.PREFILL]
    inside = known(explain(predictor, 1_000, 500, 0.8).prefill).foundation
    assert (inside.own_rows, inside.source_rows) == (record.edge_rows, record.source_rows)
    assert (inside.inside, inside.extrapolates) == (True, None)
    assert inside.errors == record.errors
    assert inside.interval_s == predictor(1_000, 500, confidence=0.8).prefill.latency_interval_s
    outside = known(explain(predictor, 9, 500).prefill).foundation
    assert outside.inside is False
    assert "outside 129..4097" in known(outside.extrapolates)
    idle = known(explain(predictor, 1_000, 1).decode)
    assert idle.foundation.inside is None
    assert {term.share for term in idle.terms} == {0.0}


def test_demand_of_a_request(trained_artifact: Path) -> None:
    """The bytes and FLOP are those of the architecture."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    demand, shape = explain(predictor, 100, 51).demand, predictor.model.traffic
    assert demand.steps == 50
    assert demand.prompt_flop == 100 * shape.flop_per_token + 100**2 * shape.attention_flop
    assert demand.kv_bytes_read == (50 * 100 + 50 * 51 / 2) * shape.kv_bytes_per_token


def test_wrong_confidence_is_refused(trained_artifact: Path) -> None:
    """The library refuses what ``predict`` refuses."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    with pytest.raises(RequestError, match="confidence"):
        explain(predictor, 1, 1, 1.5)
