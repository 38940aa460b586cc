"""The laws of every curve family with every calibration, at any lawful weights.

Each law is checked on adversarial weights, not on trained ones: it must be a fact of the
structure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    FLOATS,
    MAX_NORM_ORDER,
    MAX_REQUEST_TOKENS,
    Combination,
    Noise,
    Pair,
    curve_parameters,
    draw_steps,
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
    PhaseFormula,
    PhaseWeights,
    edge_latency_s,
    phase_cost,
    source_latency_s,
)
from token2metrics.curves import CurveWeights, Parameter, build_curve
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.curves.mlp import MAX_HIDDEN
from token2metrics.curves.polynomial import MAX_DEGREE
from token2metrics.heads import MAX_RAMP_S, MIN_RAMP_S, UNLIMITED_POWER_W, PowerHead
from token2metrics.modeling.parameters import SMALLEST_WEIGHT
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.prediction.predictor import ModelPredictor
from token2metrics.prediction.result import PhasePrediction, Prediction
from token2metrics.vocabulary import (
    FITTED_PHASES,
    MAX_TOKENS,
    CalibrationMethod,
    Phase,
    RegressionType,
)
from token2metrics.workload import (
    TILE_TOKENS,
    WIDE_TILE_TOKENS,
    ModelTraffic,
    Workload,
    workload_of,
)

pytestmark = pytest.mark.law

SLACK = 1e-12
"""Relative rounding of a formula evaluated in float64."""

TORCH_SLACK = 1e-9
"""Relative difference of the same formula in another library."""

NEGLIGIBLE_S = 1e-30
"""Torch keeps powers away from zero to have gradients there; far below any clock."""

LIMIT_W = 60.0
LONGEST_S = 1e6

T = TypeVar("T")
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def known(value: T | None) -> T:
    """Return a value that must not be missing."""
    assert value is not None
    return value


def never_falls(shorter: float, longer: float) -> bool:
    """Return whether the longer request costs at least as much, up to rounding."""
    return longer >= shorter * (1.0 - SLACK)


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal up to rounding."""
    return math.isclose(one, other, rel_tol=SLACK)


def phases_of(prediction: Prediction) -> tuple[PhasePrediction, PhasePrediction]:
    """Return both phases."""
    return prediction.prefill, prediction.decode


def parts_of(prediction: Prediction) -> tuple[Prediction | PhasePrediction, ...]:
    """Return the request and both its phases."""
    return (prediction, *phases_of(prediction))


def predicted(model: FittedModel, request: tuple[int, int]) -> Prediction:
    """Price one request."""
    return ModelPredictor(model)(*request)


def workload_for(model: FittedModel, request: tuple[int, int]) -> Workload[float]:
    """Return what a request asks of a model."""
    return workload_of(FLOATS, float(request[0]), float(request[1]), model.traffic)


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
    """A phase's mean power never falls as the phase gets longer, within idle and limit."""
    model = lawful_model(combination, seed)
    hardware = model.record.hardware
    shorter, longer = predicted(model, pair.shorter), predicted(model, pair.longer)
    for less, more in zip(phases_of(shorter), phases_of(longer), strict=True):
        assert never_falls(known(less.power_w), known(more.power_w))
        assert known(less.power_w) >= hardware.idle_power_w * (1.0 - SLACK)
        assert known(more.power_w) <= hardware.power_limit_w * (1.0 + SLACK)


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
        assert close(edge_latency_s(FLOATS, formula, workload, weights), source_s)


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


head_durations_s = st.floats(0.0, 1e6) | st.integers(-300, 6).map(lambda power: 10.0**power)


@given(seed=seeds, duration_s=head_durations_s, more_s=head_durations_s)
def test_a_ramp_never_falls(seed: int, duration_s: float, more_s: float) -> None:
    """Mean power rises with the duration, from 1e-300 s to days, and energy with it."""
    model = lawful_model(COMBINATIONS[0], seed)
    for phase in FITTED_PHASES:
        head, weights = known(model.formulas[phase].head), model.weights[phase].head
        less_w, more_w = (
            head.mean_power_w(FLOATS, seconds, weights)
            for seconds in (duration_s, duration_s + more_s)
        )
        assert never_falls(less_w, more_w)
        assert less_w >= head.idle_power_w * (1.0 - SLACK)
        assert more_w <= head.power_limit_w * (1.0 + SLACK)
        assert never_falls(less_w * duration_s, more_w * (duration_s + more_s))
        assert head.idle_power_w <= head.tail_power_w(weights) <= head.power_limit_w * (1 + SLACK)


@given(seed=seeds, noise=st.sampled_from(Noise), pair=ordered_requests)
def test_a_staircase_never_falls(seed: int, noise: Noise, pair: Pair) -> None:
    """Steps are zero up to the first edge and hold their level beyond each, in both algebras."""
    table = draw_steps(Random(seed), noise)
    less, more = (
        FLOATS.staircase(float(count), table) for count in (pair.shorter[0], pair.longer[0])
    )
    reached = [
        level
        for edge, level in zip(table.edges, table.levels, strict=True)
        if pair.shorter[0] > edge
    ]
    assert less == (reached[-1] if reached else 0.0)
    assert more >= less
    levels = torch.tensor([table.levels], dtype=torch.float64).reshape(1, -1)
    counts = torch.tensor([pair.shorter[0], pair.longer[0]], dtype=torch.float64)
    batched = TorchAlgebra().staircase(counts, StepTable(table.edges, levels))
    assert batched.tolist() == [[less, more]]


@given(prompt=st.integers(0, MAX_REQUEST_TOKENS), answer=token_counts, seed=seeds)
def test_tiles_are_the_prompt_rounded_up(prompt: int, answer: int, seed: int) -> None:
    """Tiles are the least whole multiples of 64 and 128 not below the prompt."""
    model = lawful_model(COMBINATIONS[0], seed)
    workload = workload_for(model, (prompt, answer))
    for tile, rounded in (
        (TILE_TOKENS, workload.tiles),
        (WIDE_TILE_TOKENS, workload.wide_tiles),
    ):
        assert rounded % tile == 0
        assert prompt <= rounded < prompt + tile
    steps = max(answer - 1, 0)
    assert workload.steps == steps
    assert workload.attended_tokens == sum_of_contexts(prompt, steps)
    assert workload.started == float(steps > 0)


def sum_of_contexts(prompt: int, steps: int) -> int:
    """Return how many keys the decode steps read: step ``k`` sees the prompt and ``k`` tokens."""
    return steps * prompt + steps * (steps + 1) // 2


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
        idle_power_w=0.0, power_limit_w=UNLIMITED_POWER_W, purchase_price=None, lifetime_years=5.0
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
    RegressionType.MLP: ({"hidden": MAX_HIDDEN},),
    RegressionType.ROOFLINE: ({"norm_order": 1.0}, {"norm_order": MAX_NORM_ORDER}),
}


def at_end(formula: PhaseFormula, end: str, steps: StepTable[float]) -> PhaseWeights[float]:
    """Return weights that are all at their lower, or all at their upper bound."""

    def values(parameters: Iterable[Parameter]) -> dict[str, float]:
        return {parameter.name: getattr(parameter, end) for parameter in parameters}

    return PhaseWeights(
        curve=CurveWeights(values(curve_parameters(formula.curve)), steps),
        calibration=values(formula.calibration.parameters()),
        head=values(known(formula.head).parameters()),
    )


@pytest.mark.parametrize("idle_w", [0.0, 5.5])
@pytest.mark.parametrize("ramp_s", [MIN_RAMP_S, MAX_RAMP_S])
def test_the_steepest_ramp_rises_at_any_duration(idle_w: float, ramp_s: float) -> None:
    """From 1e-300 s to 1e6 s, between near neighbours: where cancellation would show first."""
    head = PowerHead(idle_w, LIMIT_W)
    bounds = {parameter.name: parameter.upper for parameter in head.parameters()}
    weights = {**bounds, "ramp_s": ramp_s}
    powers_w = [
        head.mean_power_w(FLOATS, duration_s, weights) for duration_s in (0.0, *ramp_durations_s())
    ]
    assert all(power_w >= idle_w for power_w in powers_w)
    assert all(never_falls(less, more) for less, more in pairwise(powers_w))
    assert powers_w[-1] == pytest.approx(LIMIT_W, rel=1e-4)


def ramp_durations_s() -> Iterator[float]:
    """Yield rising durations: every decade of the smallest, then neighbours 1 % and 1e-9 apart."""
    yield from (10.0**power for power in range(-300, -15))
    duration_s = 1e-15
    while duration_s < LONGEST_S:
        yield duration_s
        yield duration_s * (1.0 + 1e-9)
        duration_s *= 1.01


def test_the_norm_of_nothing_is_nothing() -> None:
    """A roofline whose terms are all zero, or below its floor, costs no time."""
    curve = build_curve(RegressionType.ROOFLINE, Phase.PREFILL)
    nothing = {"arithmetic": 0.0, "bandwidth": 0.0, "overhead": 0.0}
    assert curve.combine(FLOATS, nothing) == 0.0
    zeros = {name: torch.zeros(1, 1, dtype=torch.float64) for name in nothing}
    assert float(curve.combine(TorchAlgebra(), zeros)) < NEGLIGIBLE_S
    tiny = dict.fromkeys(nothing, 5e-324)
    assert 0.0 <= curve.combine(FLOATS, tiny) < NEGLIGIBLE_S


@pytest.mark.parametrize("largest", ["arithmetic", "bandwidth", "overhead"])
@pytest.mark.parametrize("norm_order", [1.0, 3.5, MAX_NORM_ORDER])
def test_the_norm_lies_between_maximum_and_sum(largest: str, norm_order: float) -> None:
    """Whichever term is the largest."""
    curve = build_curve(RegressionType.ROOFLINE, Phase.PREFILL, {"norm_order": norm_order})
    terms = {"arithmetic": 0.5, "bandwidth": 0.3, "overhead": 0.0, largest: 2.0}
    norm = curve.combine(FLOATS, terms)
    assert max(terms.values()) * (1 - SLACK) <= norm <= sum(terms.values()) * (1 + SLACK)


@pytest.mark.parametrize(
    ("family", "weight", "tile"),
    [
        (RegressionType.TREE, "tile", TILE_TOKENS),
        (RegressionType.TREE, "wide_tile", WIDE_TILE_TOKENS),
        (RegressionType.ROOFLINE, "s_per_tile_flop", TILE_TOKENS),
        (RegressionType.ROOFLINE, "s_per_wide_tile_flop", WIDE_TILE_TOKENS),
    ],
)
def test_prefill_climbs_in_whole_tiles(family: RegressionType, weight: str, tile: int) -> None:
    """A tile costs the same from its first to its last token, and the next one more."""
    model = lawful_model(Combination(family, CalibrationMethod.DIRECT), seed=0)
    formula = model.formulas[Phase.PREFILL]
    values = dict.fromkeys(model.weights[Phase.PREFILL].curve.values, 0.0)
    weights = PhaseWeights(CurveWeights({**values, weight: 1.0}, StepTable((), ())), {}, {})

    def latency_s(prompt: int) -> float:
        return edge_latency_s(FLOATS, formula, workload_for(model, (prompt, 1)), weights)

    one_tile = latency_s(1)
    assert latency_s(0) == 0.0 < one_tile
    assert latency_s(tile - 1) == latency_s(tile) == one_tile
    assert latency_s(tile + 1) == latency_s(2 * tile) == pytest.approx(2 * one_tile)
    assert latency_s(MAX_REQUEST_TOKENS) == pytest.approx(one_tile * MAX_REQUEST_TOKENS / tile)


def test_learned_steps_start_beyond_their_edge() -> None:
    """The edge itself still has the level below; beyond the last edge the level stays."""
    table: StepTable[float] = StepTable((0.0, 64.0, 64.0), (1.0, 2.0, 5.0))
    heights = {0: 0.0, 1: 1.0, 63: 1.0, 64: 1.0, 65: 5.0, MAX_REQUEST_TOKENS: 5.0}
    assert {count: FLOATS.staircase(float(count), table) for count in heights} == heights


def test_a_staircase_may_be_empty_under_torch() -> None:
    """A tree fitted on one row learns no step: its level is zero for every problem."""
    levels = torch.zeros(2, 0, dtype=torch.float64)
    counts = torch.tensor([0.0, 1.0, 131_072.0], dtype=torch.float64)
    assert TorchAlgebra().staircase(counts, StepTable((), levels)).tolist() == [[0.0] * 3] * 2


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
