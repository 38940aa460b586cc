"""The explorer says what predictions and plans say, for every family and calibration."""

from __future__ import annotations

from io import StringIO
from math import isnan
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import Phase as Step
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tests.exploring import (
    PROBABILITIES,
    in_node,
    models_with_margins,
    some_limits,
    some_prices,
)
from tests.planning import LIMIT_W, with_limit, without_heads
from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, EDGE_COUNTS, FLOATS, lawful_model, seeds
from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.export.identifiers import identifiers
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.page.explorer_program import (
    EXPLORED,
    MOST_ENERGY,
    explorer_program,
    most_power,
)
from token2metrics.page.later_widths import WIDTHS, width_name
from token2metrics.planning.at_most import UpperBounds
from token2metrics.planning.limits import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_PROBABILITY,
    AtMost,
    Demand,
    Limits,
)
from token2metrics.planning.plan import Plan, longest_answer, longest_prompt
from token2metrics.prediction.bounded import margin_of
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.quantities import ENERGY, INPUTS, LATENCY, QUANTITIES
from token2metrics.prediction.result import Prediction
from token2metrics.report.plan import show_plan
from token2metrics.report.predictions import between
from token2metrics.report.units import digits, joules, money, seconds, watts
from token2metrics.vocabulary import FITTED_PHASES, Phase

pytestmark = pytest.mark.law

WIDE = 2_000
CONFIDENCES = (0.5, 0.9, 0.975, 0.99)
REQUESTS_EACH = 3
PLANS_EACH = 2
MOST_LEGIBLE = 1e12
NUMBERS = "(value) => [digits(value), seconds(value), joules(value), watts(value), money(value)]"
PREDICT = """({ model, request, confidence, typed }) => {
  const found = byName(model);
  const told = predict(found, ...request, widthsAt(found, confidence), pricesOn(found, typed));
  const texts = [told, told.prefill, told.decode].map((part) => [
    seconds(part.latency_s), between(seconds, part.latency_interval_s), joules(part.energy_j),
    between(joules, part.energy_interval_j), watts(part.power_w),
  ]);
  const { electricity, ownership } = told.cost;
  const rates = [told.ttft_s, told.tpot_s].map(seconds);
  rates.push(...[told.output_tokens_per_s, told.output_tokens_per_j].map(digits));
  rates.push(money(electricity), money(ownership));
  return { ...told, texts, rates };
}"""
PLAN = """({ model, sought, given, limits, probability, context, typed }) => {
  const found = byName(model);
  const prices = pricesOn(found, typed);
  const plan = planOf(found, sought, given, { limits, probability, context }, prices);
  if (plan.refused !== undefined) return plan;
  return { ...plan, words: [verdictOf(plan), endingOf(plan)] };
}"""
SAID = (
    "rests_on",
    "energy_rests_on",
    "interval_rests_on",
    "extrapolates",
)


def widths_of(model: FittedModel, confidence: float) -> dict[str, float]:
    """Return the half-widths of a model at a confidence by input."""
    found = dict.fromkeys(WIDTHS, 0.0)
    for phase, record in model.record.phases.items():
        found[width_name(phase, LATENCY)] = margin_of(record.margin).at(confidence)
        if record.head is not None:
            found[width_name(phase, ENERGY)] = margin_of(record.head.margin).at(confidence)
    return found


def a_count(chance: Random) -> int:
    """Draw a token count, often one at which formulas change."""
    return chance.choice((chance.choice(EDGE_COUNTS), chance.randint(0, 5_000)))


def same(one: float | None, other: float | None) -> bool:
    """Return whether two numbers are the same, or both unknown."""
    known = [value for value in (one, other) if value is not None and not isnan(value)]
    return not known or (len(known) == 2 and known[0] == known[1])


@given(seed=seeds)
@fewer_examples()
def test_one_program_holds_every_confidence(seed: int) -> None:
    """Told half-widths, it gives the predictor's numbers and the plans' bounds to the last bit."""
    chance = Random(seed)
    for model in models_with_margins(seed):
        program, predictor = explorer_program(model), ModelPredictor(model)
        for _ in range(REQUESTS_EACH):
            request = (a_count(chance), a_count(chance))
            confidence = chance.choice((*CONFIDENCES, chance.uniform(0.5, 0.99)))
            counts = dict(zip(INPUTS, map(float, request), strict=True))
            told = program.evaluate(FLOATS, counts | widths_of(model, confidence))
            wanted = predictor.compiled(QUANTITIES, confidence)(*request)
            for name, value in zip(QUANTITIES, wanted, strict=True):
                assert same(told[name], value), (model.record.name, name)
            assert set(told) == set(EXPLORED)
            if set(model.formulas) == set(FITTED_PHASES):
                same_bounds(model, request, confidence, told)


def same_bounds(
    model: FittedModel, request: tuple[int, int], confidence: float, told: dict[str, float]
) -> None:
    """Assert that a plan would compare the same numbers with its limits."""
    demand = Demand(Limits(latency_s=1.0), probability=(1.0 + confidence) / 2.0)
    object.__setattr__(demand, "confidence", confidence)
    most = UpperBounds.of(model, demand, Limits.__struct_fields__)(*request)
    powers = [told[most_power(phase)] for phase in FITTED_PHASES]
    assert same(told["latency_upper_s"], most.latency_s)
    assert same(told["prefill_latency_upper_s"], most.ttft_s)
    assert same(told[MOST_ENERGY], most.energy_j)
    assert same(max(powers) if not any(map(isnan, powers)) else None, most.power_w)


few_in_node = settings(fewer_examples(), phases=(Step.explicit, Step.reuse, Step.generate))
"""Few examples, none of them shrunk: each is a new process, for every family and calibration."""


@given(seed=seeds)
@few_in_node
def test_the_page_predicts_what_predict_shows(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Every number to the shown digits, and every word."""
    chance, models = Random(seed), models_with_margins(seed)
    names = identifiers([model.record for model in models])
    asked, wanted = [], []
    for model, name in zip(models, names, strict=True):
        for _ in range(REQUESTS_EACH):
            request = (a_count(chance), a_count(chance))
            confidence = chance.choice((*CONFIDENCES, round(chance.uniform(0.5, 0.99), 3)))
            prices, typed = some_prices(chance, model)
            asked.append(
                {"model": name, "request": request, "confidence": confidence, "typed": typed}
            )
            wanted.append(ModelPredictor(model)(*request, prices, confidence))
    found = in_node(tmp_path_factory.mktemp("node"), models, PREDICT, asked)
    for one, prediction in zip(found, wanted, strict=True):
        if is_legible(prediction):
            assert one["texts"] == shown_numbers(prediction)
            assert one["rates"] == shown_rates(prediction)
        assert one["notes"] == list(prediction.notes)
        assert one["extrapolated"] == prediction.extrapolated
        for phase in FITTED_PHASES:
            for word in SAID:
                assert one[phase][word] == getattr(getattr(prediction, phase), word)


def is_legible(prediction: Prediction) -> bool:
    """Return whether no more digits are shown than a double has."""
    parts = (prediction, prediction.prefill, prediction.decode)
    bounds = [one for part in parts for one in (part.latency_interval_s, part.energy_interval_j)]
    rates = (prediction.output_tokens_per_s, prediction.output_tokens_per_j)
    numbers = [*(one.upper for one in bounds if one is not None), *rates]
    return all(number is None or number < MOST_LEGIBLE for number in numbers)


def shown_numbers(prediction: Prediction) -> list[list[str]]:
    """Return the numbers of a request and of its phases as ``predict`` writes them."""
    return [
        [
            seconds(part.latency_s),
            between(seconds, part.latency_interval_s),
            joules(part.energy_j),
            between(joules, part.energy_interval_j),
            watts(part.power_w),
        ]
        for part in (prediction, prediction.prefill, prediction.decode)
    ]


def shown_rates(prediction: Prediction) -> list[str]:
    """Return rates and money as ``predict`` writes them."""
    return [
        seconds(prediction.ttft_s),
        seconds(prediction.tpot_s),
        digits(prediction.output_tokens_per_s),
        digits(prediction.output_tokens_per_j),
        money(prediction.cost.electricity),
        money(prediction.cost.ownership),
    ]


@given(seed=seeds)
@few_in_node
def test_the_cap_is_the_plans(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Any limits, together or alone: the same tokens, the same end, the same refusal."""
    chance, models = Random(seed), models_with_margins(seed)
    asked: list[dict[str, Any]] = []
    wanted: list[Plan | str] = []
    for model, name in zip(models, identifiers([one.record for one in models]), strict=True):
        for _ in range(PLANS_EACH):
            asked.append(drawn_plan(chance, model, name))
            wanted.append(planned(model, asked[-1]))
    found = in_node(tmp_path_factory.mktemp("node"), models, PLAN, asked)
    for one, plan in zip(found, wanted, strict=True):
        if isinstance(plan, str):
            assert one["refused"] == plan
        else:
            same_plan(one, plan)


def drawn_plan(chance: Random, model: FittedModel, name: str) -> dict[str, Any]:
    """Draw what is planned."""
    _, typed = some_prices(chance, model)
    near = AtMost(latency_s=3.0, ttft_s=0.3, energy_j=50.0, power_w=30.0, cost=1e-5)
    if set(model.formulas) == set(FITTED_PHASES):
        demand = Demand(Limits(latency_s=1.0), prices=some_prices(chance, model)[0])
        bounds = UpperBounds.of(model, demand, Limits.__struct_fields__)
        near = bounds(a_count(chance), a_count(chance))
    return {
        "model": name,
        "sought": chance.choice(("input_tokens", "output_tokens")),
        "given": chance.choice((0, 1, 400, chance.randint(0, 40_000))),
        "limits": some_limits(chance, near).stated,
        "probability": chance.choice(PROBABILITIES),
        "context": chance.choice((2, 1_000, 131_072)),
        "typed": typed,
    }


def planned(model: FittedModel, asked: dict[str, Any]) -> Plan | str:
    """Return the plan of the package, or why there is none."""
    prices = prices_on(model.record.hardware, **asked["typed"])
    search = longest_answer if asked["sought"] == "output_tokens" else longest_prompt
    try:
        demand = Demand(
            Limits(**asked["limits"]), asked["probability"], prices, 1, asked["context"]
        )
        return search(ModelPredictor(model), asked["given"], demand)
    except RequestError as error:
        return str(error)


def same_plan(found: dict[str, Any], plan: Plan) -> None:
    """Assert that the page plans the same."""
    assert "refused" not in found, found
    tokens = getattr(plan, plan.sought) if plan.feasible else None
    assert (found["feasible"], found["tokens"]) == (plan.feasible, tokens)
    assert found["ended_by_context"] == plan.ended_by_context
    assert found["confidence"] == plan.confidence
    assert [one["limit"] for one in found["broken"]] == [one.limit for one in plan.broken]
    assert found["unshown"] == plan.unshown
    assert found["notes"] == list(plan.notes)
    if any(one.excess >= MOST_LEGIBLE for one in plan.broken):
        return
    terminal = StringIO()
    show_plan(Console(file=terminal, width=WIDE), plan)
    shown = [line.strip() for line in terminal.getvalue().splitlines()]
    assert set(found["words"]) <= set(shown)


@given(values=st.lists(st.floats(0.0, 1e25) | st.floats(0.0, 1e-3), min_size=200, max_size=200))
@settings(max_examples=3)
def test_numbers_are_written_as_the_terminal_does(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    """Every unit, halves between two numbers included."""
    halves = [
        whole + half for whole in (0, 1, 2, 10, 99, 100, 101, 998, 999) for half in (0.5, 0.25)
    ]
    ties = [1.125, 1.375, 12.25, 0.28125, 99.95, 99.96, 0.0009765625, 2.5e-05, 9.995e-5, 1e-7]
    asked = [*values, *halves, *ties, 0.0, 1e21, 1e22]
    found = in_node(tmp_path_factory.mktemp("node"), (), NUMBERS, asked)
    wanted = [[unit(value) for unit in (digits, seconds, joules, watts, money)] for value in asked]
    assert found == wanted


def test_half_widths_are_interpolated_alike(tmp_path: Path) -> None:
    """At any confidence, to twelve digits."""
    model = next(one for one in models_with_margins(5) if set(one.formulas) == set(FITTED_PHASES))
    steps = [LOWEST_CONFIDENCE + place * 0.001 for place in range(491)]
    asked = [*steps[:-1], HIGHEST_CONFIDENCE]
    found = in_node(tmp_path, [model], "(one) => widthsAt(models[0], one)", asked)
    for confidence, told in zip(asked, found, strict=True):
        for name, value in widths_of(model, confidence).items():
            assert told[name] == pytest.approx(value, rel=1e-12)


def test_an_unmetered_phase_is_not_shown_to_keep_a_cap(tmp_path: Path) -> None:
    """A cap of power below the device's limit is refused in the plan's words."""
    model = without_heads(with_limit(lawful_model(COMBINATIONS[0], 3), LIMIT_W), [Phase.PREFILL])
    asked = {
        "model": identifiers([model.record])[0],
        "sought": "output_tokens",
        "given": 100,
        "limits": {"power_w": LIMIT_W - 1.0},
        "probability": DEFAULT_PROBABILITY,
        "context": DEFAULT_CONTEXT_TOKENS,
        "typed": {"price_per_kwh": 0.3, "device_price": None, "lifetime_years": None},
    }
    plan = planned(model, asked)
    assert isinstance(plan, Plan)
    assert plan.unshown is not None
    same_plan(in_node(tmp_path, [model], PLAN, [asked])[0], plan)
