"""The laws of every curve family with every calibration, at any lawful weights.

Each law is checked on adversarial weights, not on trained ones: it must be a fact of the
structure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from torch import Tensor

from tests.comparing import (
    NEGLIGIBLE_S,
    SLACK,
    at_end,
    close,
    known,
    never_falls,
    predicted,
    workload_for,
)
from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    FLOATS,
    MAX_REQUEST_TOKENS,
    Combination,
    Noise,
    Pair,
    curve_parameters,
    lawful_model,
    model_record,
    ordered_requests,
    phase_record,
    redrawn_model,
    requests,
    seeds,
    token_counts,
)
from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import HardwareRecord, TrafficRecord
from token2metrics.artifact.save import save_artifact
from token2metrics.cost import (
    AS_FITTED,
    PhaseWeights,
    edge_latency_s,
    phase_cost,
    source_latency_s,
)
from token2metrics.curves import FAMILIES, CurveWeights, Parameter
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.curves.mlp import MAX_HIDDEN
from token2metrics.curves.polynomial import MAX_DEGREE
from token2metrics.curves.roofline import MAX_NORM_ORDER
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.modeling.parameters import SMALLEST_WEIGHT
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.prediction.result import PhasePrediction, Prediction
from token2metrics.vocabulary import (
    FITTED_PHASES,
    MAX_TOKENS,
    CalibrationMethod,
    Phase,
    RegressionType,
)
from token2metrics.workload import ModelTraffic, Workload, workload_of

pytestmark = pytest.mark.law

TORCH_SLACK = 1e-9
"""Relative difference of the same formula in another library."""

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def phases_of(prediction: Prediction) -> tuple[PhasePrediction, PhasePrediction]:
    """Return both phases."""
    return prediction.prefill, prediction.decode


def parts_of(prediction: Prediction) -> tuple[Prediction | PhasePrediction, ...]:
    """Return the request and both its phases."""
    return (prediction, *phases_of(prediction))


def test_every_family_and_calibration_is_tried() -> None:
    """No new family or calibration escapes the laws."""
    assert {combination.family for combination in COMBINATIONS} == set(FAMILIES)
    named = set(RegressionType) - {RegressionType.AUTO}
    assert set(FAMILIES) == set(LARGEST_FORMULAS) == named
    tried = {combination.method for combination in COMBINATIONS}
    assert tried == set(CalibrationMethod) - {CalibrationMethod.AUTO}


@every_combination
@given(seed=seeds, pair=ordered_requests)
def test_cost_never_falls(combination: Combination, seed: int, pair: Pair) -> None:
    """Latency and energy of each phase and of the request never fall as tokens rise."""
    model = lawful_model(combination, seed)
    shorter, longer = predicted(model, pair.shorter), predicted(model, pair.longer)
    for less, more in zip(parts_of(shorter), parts_of(longer), strict=True):
        assert never_falls(known(less.latency_s), known(more.latency_s))
        assert never_falls(known(less.energy_j), known(more.energy_j))


@every_combination
@given(seed=seeds, request=requests)
def test_cost_is_finite_and_not_negative(
    combination: Combination, seed: int, request: tuple[int, int]
) -> None:
    """Every number is finite and at least 0, at the request and at the longest one."""
    model = lawful_model(combination, seed)
    for tokens in (request, (MAX_REQUEST_TOKENS, MAX_REQUEST_TOKENS)):
        prediction = predicted(model, tokens)
        for part in parts_of(prediction):
            assert 0.0 <= known(part.latency_s) < math.inf
            assert 0.0 <= known(part.energy_j) < math.inf
            assert 0.0 <= (part.power_w or 0.0) < math.inf


@every_combination
@given(seed=seeds, request=requests)
def test_energy_is_power_times_latency(
    combination: Combination, seed: int, request: tuple[int, int]
) -> None:
    """In each phase and in the request; and mean power lies between idle and limit."""
    model = lawful_model(combination, seed)
    hardware = model.record.hardware
    prediction = predicted(model, request)
    for part in parts_of(prediction):
        if part is prediction and not prediction.latency_s:
            assert part.power_w is None
            assert part.energy_j == 0.0
            continue
        power_w = known(part.power_w)
        assert close(known(part.energy_j), power_w * known(part.latency_s))
        assert power_w >= hardware.idle_power_w * (1.0 - SLACK)
        assert power_w <= hardware.power_limit_w * (1.0 + SLACK)


@every_combination
@given(seed=seeds, pair=ordered_requests)
def test_phase_power_rises_along_its_ramp(combination: Combination, seed: int, pair: Pair) -> None:
    """Mean power never falls as a phase gets longer, where context saves no power."""
    model = without_saving(lawful_model(combination, seed))
    hardware = model.record.hardware
    shorter, longer = predicted(model, pair.shorter), predicted(model, pair.longer)
    for less, more in zip(phases_of(shorter), phases_of(longer), strict=True):
        assert never_falls(known(less.power_w), known(more.power_w))
        assert known(less.power_w) >= hardware.idle_power_w * (1.0 - SLACK)
        assert known(more.power_w) <= hardware.power_limit_w * (1.0 + SLACK)


def without_saving(model: FittedModel) -> FittedModel:
    """Return the model with decode steps that draw the same power at any context."""
    weights = {
        phase: replace(drawn, head={**drawn.head, "context_saving": 0.0})
        for phase, drawn in model.weights.items()
    }
    return replace(model, weights=weights)


@every_combination
@given(seed=seeds, prompt=token_counts, answer=token_counts, more=token_counts)
def test_context_saves_no_more_than_the_load(
    combination: Combination, seed: int, prompt: int, answer: int, more: int
) -> None:
    """A longer prompt before the same answer costs decode no less energy, nor power below idle."""
    model = lawful_model(combination, seed)
    hardware = model.record.hardware
    short, long = (
        predicted(model, (min(count, MAX_REQUEST_TOKENS), answer)).decode
        for count in (prompt, prompt + more)
    )
    assert never_falls(known(short.energy_j), known(long.energy_j))
    assert known(long.power_w) >= hardware.idle_power_w * (1.0 - SLACK)
    formula, weights = model.formulas[Phase.DECODE], model.weights[Phase.DECODE]
    for count in (prompt, min(prompt + more, MAX_REQUEST_TOKENS)):
        cost = phase_cost(FLOATS, formula, workload_for(model, (count, answer)), weights)
        assert 0.0 <= known(cost.bare_s) <= cost.latency_s * (1.0 + SLACK)


@every_combination
@given(seed=seeds, request=requests, metered=st.booleans())
def test_a_request_is_the_sum_of_its_phases(
    combination: Combination, seed: int, request: tuple[int, int], metered: bool
) -> None:
    """Latency and energy add up, and the first token comes at the end of prefill."""
    prediction = predicted(lawful_model(combination, seed, metered), request)
    prefill, decode = phases_of(prediction)
    assert close(known(prediction.latency_s), known(prefill.latency_s) + known(decode.latency_s))
    assert prediction.ttft_s == prefill.latency_s
    if metered:
        assert close(known(prediction.energy_j), known(prefill.energy_j) + known(decode.energy_j))
    else:
        assert prefill.power_w is None
        assert prediction.energy_j is None or prediction.latency_s == 0.0


@every_combination
@given(seed=seeds, prompt=token_counts, answer=st.integers(0, 1), metered=st.booleans())
def test_decode_starts_with_the_second_token(
    combination: Combination, seed: int, prompt: int, answer: int, metered: bool
) -> None:
    """Zero and one output token cost exactly the same: prefill, and no decode at all."""
    model = lawful_model(combination, seed, metered)
    prediction = predicted(model, (prompt, answer))
    assert prediction.decode.latency_s == 0.0
    assert prediction.decode.energy_j == 0.0
    assert prediction.latency_s == prediction.prefill.latency_s
    assert prediction.tpot_s is None
    prefill = predicted(model, (prompt, MAX_REQUEST_TOKENS)).prefill
    assert prefill.latency_s == prediction.prefill.latency_s


@every_combination
@given(seed=seeds, request=requests)
def test_a_new_calibration_changes_nothing(
    combination: Combination, seed: int, request: tuple[int, int]
) -> None:
    """At its initial values every calibration is the identity."""
    model = lawful_model(combination, seed)
    workload = workload_for(model, request)
    for phase, formula in model.formulas.items():
        initial = {p.name: p.initial for p in formula.calibration.parameters()}
        weights = PhaseWeights(model.weights[phase].curve, initial, model.weights[phase].head)
        source_s = source_latency_s(FLOATS, formula, workload, weights)
        unmoved = replace(formula, level=AS_FITTED)
        assert close(edge_latency_s(FLOATS, unmoved, workload, weights), source_s)


@every_combination
@fewer_examples()
@given(model_seeds=st.lists(seeds, min_size=1, max_size=3), request=requests)
def test_saving_and_loading_changes_nothing(
    combination: Combination, model_seeds: list[int], request: tuple[int, int]
) -> None:
    """A loaded artifact predicts the same bits."""
    models = [
        lawful_model(combination, seed, name=str(number)) for number, seed in enumerate(model_seeds)
    ]
    with TemporaryDirectory() as directory:
        save_artifact(Path(directory), models)
        loaded = load_artifact(Path(directory)).models
    assert [m.record for m in loaded] == [m.record for m in models]
    for before, after in zip(models, loaded, strict=True):
        assert predicted(after, request) == predicted(before, request)


@every_combination
@given(
    model_seeds=st.lists(seeds, min_size=1, max_size=3),
    batch=st.lists(requests, min_size=1, max_size=5),
)
def test_a_row_does_not_depend_on_its_batch(
    combination: Combination, model_seeds: list[int], batch: list[tuple[int, int]]
) -> None:
    """Under torch each problem prices each row as plain floats do, whatever the others are."""
    template = lawful_model(combination, model_seeds[0])
    models = [shares_edges(template, seed) for seed in model_seeds]
    for phase, formula in template.formulas.items():
        together = stacked([model.weights[phase] for model in models])
        workload = torch_workload(batch, template.traffic)
        cost = phase_cost(TorchAlgebra(), formula, workload, together)
        shape = (len(models), len(batch))
        latency_s = cost.latency_s.expand(shape)
        power_w = known(cost.power_w).expand(shape)
        for problem, model in enumerate(models):
            for row, request in enumerate(batch):
                alone = phase_cost(
                    FLOATS, formula, workload_for(model, request), model.weights[phase]
                )
                assert nearly(float(latency_s[problem, row]), alone.latency_s)
                assert nearly(float(power_w[problem, row]), known(alone.power_w))


def shares_edges(template: FittedModel, seed: int) -> FittedModel:
    """Draw other weights for a model's formulas; problems of a batch share thresholds."""
    chance = Random(seed)
    model = redrawn_model(template.record, chance, chance.choice(tuple(Noise)))
    weights = {}
    for phase, drawn in model.weights.items():
        steps = known(template.weights[phase].curve.steps)
        scale = chance.random()
        levels = tuple(level * scale for level in steps.levels)
        curve = CurveWeights(as_fitted(drawn.curve.values), StepTable(steps.edges, levels))
        weights[phase] = PhaseWeights(curve, as_fitted(drawn.calibration), drawn.head)
    return FittedModel(template.record, template.formulas, weights)


def as_fitted(values: Mapping[str, float]) -> dict[str, float]:
    """Keep weights as far from zero as a fit does, which needs their logarithms."""
    return {
        name: value if value < 0.0 else max(value, SMALLEST_WEIGHT)
        for name, value in values.items()
    }


def stacked(weights: list[PhaseWeights[float]]) -> PhaseWeights[Tensor]:
    """Return the weights of several problems as columns, ``(problems, 1)``."""

    def columns(tables: list[dict[str, float]]) -> dict[str, Tensor]:
        return {
            name: torch.tensor([[table[name]] for table in tables], dtype=torch.float64)
            for name in tables[0]
        }

    tables = [known(one.curve.steps) for one in weights]
    levels = torch.tensor([table.levels for table in tables], dtype=torch.float64)
    return PhaseWeights(
        curve=CurveWeights(
            columns([dict(one.curve.values) for one in weights]),
            StepTable(tables[0].edges, levels.reshape(len(weights), -1)),
        ),
        calibration=columns([dict(one.calibration) for one in weights]),
        head=columns([dict(one.head) for one in weights]),
    )


def torch_workload(batch: list[tuple[int, int]], traffic: ModelTraffic[float]) -> Workload[Tensor]:
    """Return several requests as one workload, ``(rows,)``."""
    prompt, answer = torch.tensor(batch, dtype=torch.float64).T.contiguous().unbind()
    shape = ModelTraffic(
        *(
            torch.full_like(prompt, value)
            for value in (
                traffic.flop_per_token,
                traffic.attention_flop,
                traffic.weight_bytes,
                traffic.kv_bytes_per_token,
                traffic.layers,
            )
        )
    )
    return workload_of(TorchAlgebra(), prompt, answer, shape)


def nearly(one: float, other: float) -> bool:
    """Return whether two libraries agree."""
    return math.isclose(one, other, rel_tol=TORCH_SLACK, abs_tol=NEGLIGIBLE_S)


@every_combination
@pytest.mark.parametrize("end", ["lower", "upper"])
def test_every_weight_at_an_end_is_finite(combination: Combination, end: str) -> None:
    """The largest formulas with every weight at its bound stay finite, also beyond 131,072."""
    chance = Random(0)
    traffic = TrafficRecord(
        flop_per_token=1e13,
        attention_flop=1e7,
        weight_bytes=1e13,
        kv_bytes_per_token=1e7,
        layers=200.0,
    )
    hardware = HardwareRecord(
        memory_bandwidth_bytes_per_s=None,
        compute_flop_per_s=None,
        idle_power_w=0.0,
        power_limit_w=UNLIMITED_POWER_W,
        purchase_price=None,
        lifetime_years=5.0,
    )
    for choices in LARGEST_FORMULAS[combination.family]:
        phases = {phase: phase_record(combination, phase, choices) for phase in FITTED_PHASES}
        record = model_record("extreme", phases, traffic, hardware)
        drawn = redrawn_model(record, chance, Noise.ENDS)
        weights = {
            phase: at_end(formula, end, MANY_STEPS) for phase, formula in drawn.formulas.items()
        }
        model = FittedModel(drawn.record, drawn.formulas, weights)
        before = predicted(model, (0, 0))
        for count in (1, 2, MAX_REQUEST_TOKENS, MAX_TOKENS):
            after = predicted(model, (count, count))
            assert math.isfinite(known(after.latency_s))
            assert math.isfinite(known(after.energy_j))
            assert never_falls(known(before.latency_s), known(after.latency_s))
            assert never_falls(known(before.energy_j), known(after.energy_j))
            before = after


MANY_STEPS: StepTable[float] = StepTable((0.0, 1.0, 64.0), (1.0, MAX_WEIGHT, MAX_WEIGHT))

LARGEST_FORMULAS: dict[RegressionType, tuple[dict[str, Any], ...]] = {
    RegressionType.LINEAR: ({"fit_intercept": True}, {"fit_intercept": False}),
    RegressionType.POLYNOMIAL: ({"degree": MAX_DEGREE},),
    RegressionType.TREE: ({},),
    RegressionType.SPLINE: ({"smoothness": 0.0}, {"smoothness": MAX_WEIGHT}),
    RegressionType.MLP: ({"hidden": MAX_HIDDEN},),
    RegressionType.ROOFLINE: ({"norm_order": 1.0}, {"norm_order": MAX_NORM_ORDER}),
}


@every_combination
def test_each_decode_step_counts_once(combination: Combination) -> None:
    """Two output tokens are one step, three are two; without context they cost the same each."""
    model = lawful_model(combination, seed=0)
    workloads = [workload_for(model, (0, answer)) for answer in (0, 1, 2, 3)]
    assert [workload.steps for workload in workloads] == [0.0, 0.0, 1.0, 2.0]
    assert [workload.started for workload in workloads] == [0.0, 0.0, 1.0, 1.0]
    assert [workload.attended_tokens for workload in workloads] == [0.0, 0.0, 1.0, 3.0]
    formula = model.formulas[Phase.DECODE]
    initial = at_end(formula, "initial", StepTable((), ()))
    curve = {**initial.curve.values, first_of(curve_parameters(formula.curve)).name: 1.0}
    weights = PhaseWeights(CurveWeights(curve, StepTable((), ())), initial.calibration, {})
    nothing, one, two, three = (
        edge_latency_s(FLOATS, formula, workload, weights) for workload in workloads
    )
    assert nothing == one == 0.0
    assert 0.0 < two < three


def first_of(parameters: Sequence[Parameter]) -> Parameter:
    """Return the first weight of a curve: that of its first rising feature."""
    return parameters[0]
