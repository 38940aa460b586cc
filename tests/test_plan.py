"""Plans as a library: what they say, what they rest on, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.comparing import known
from tests.planning import LIMIT_W, predicted_at_most, with_limit, with_phases, without_heads
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import (
    DEFAULT_PROBABILITY,
    HIGHEST_PROBABILITY,
    LOWEST_PROBABILITY,
    AtMost,
    Demand,
    Limits,
    confidence_of,
)
from token2metrics.planning.plan import longest_answer, longest_prompt
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prices
from token2metrics.vocabulary import MAX_TOKENS, Phase

ANY = 1e300
FIVE_SECONDS = Demand(Limits(latency_s=5.0))


@pytest.fixture
def small(trained_artifact: Path) -> ModelPredictor:
    """Return the smallest model, of which decode alone was metered."""
    return Predictor.load(trained_artifact).select("1.5B")


def drawn() -> FittedModel:
    """Return a metered model on a device with a power limit."""
    return with_limit(lawful_model(COMBINATIONS[0], 3), LIMIT_W)


def test_a_plan_says_what_ends_it(small: ModelPredictor) -> None:
    """The answer keeps the limit at the upper end of the prediction; one token more does not."""
    plan = longest_answer(small, 400, FIVE_SECONDS)
    longest = known(plan.output_tokens)
    assert plan.feasible
    assert (plan.model, plan.sought, plan.input_tokens) == (
        "dsr1-qwen-1.5b",
        "output_tokens",
        400,
    )
    kept, broken = (small(400, longest + more, confidence=plan.confidence) for more in (0, 1))
    assert known(kept.latency_interval_s).upper == plan.at_most.latency_s <= 5.0
    assert known(broken.latency_interval_s).upper == known(plan.next_at_most).latency_s > 5.0
    (limit,) = plan.broken
    assert limit.limit == "latency_s"
    assert limit.excess == pytest.approx(limit.at_most - 5.0)


def test_the_issue_of_the_hour(small: ModelPredictor) -> None:
    """A battery binds harder than a deadline, and both together are at least as strict."""
    hurried = longest_answer(small, 400, FIVE_SECONDS)
    frugal = longest_answer(small, 400, Demand(Limits(energy_j=50.0)))
    both = longest_answer(small, 400, Demand(Limits(latency_s=5.0, energy_j=50.0)))
    assert known(both.output_tokens) <= known(frugal.output_tokens) < known(hurried.output_tokens)
    assert [one.limit for one in both.broken] == ["energy_j"]
    assert both.confidence > frugal.confidence


def test_an_infeasible_plan_says_by_how_much(small: ModelPredictor) -> None:
    """What the shortest request breaks, all of it and nothing else."""
    demand = Demand(Limits(ttft_s=0.01, latency_s=0.02, energy_j=1e6))
    plan = longest_answer(small, 400, demand)
    assert (plan.feasible, plan.output_tokens, plan.next_at_most) == (False, None, None)
    assert plan.input_tokens == 400
    assert [one.limit for one in plan.broken] == ["latency_s", "ttft_s"]
    shortest = predicted_at_most(small.model, (400, 1), demand)
    for one in plan.broken:
        assert one.at_most == getattr(shortest, one.limit)
        assert one.excess == one.at_most - one.allowed > 0.0
    prompt = longest_prompt(small, 400, demand)
    assert (prompt.feasible, prompt.input_tokens, prompt.output_tokens) == (False, None, 400)
    assert Frontier.of(small, demand).input_tokens == ()
    assert Frontier.of(small, demand).longest_answer(0) == 0


def test_the_context_ends_what_no_limit_does(small: ModelPredictor) -> None:
    """Prompt and answer share it; nothing is broken by one token more."""
    demand = Demand(Limits(latency_s=1e6), context_tokens=1_000)
    answer, prompt = longest_answer(small, 400, demand), longest_prompt(small, 400, demand)
    assert (answer.output_tokens, prompt.input_tokens) == (600, 600)
    for plan in (answer, prompt):
        assert plan.feasible
        assert plan.ended_by_context
        assert (plan.broken, plan.next_at_most) == ((), None)
    frontier = Frontier.of(small, demand)
    assert [frontier.longest_answer(n) for n in (0, 1, 999, 1_000)] == [1_000, 999, 1, 0]


def test_more_probability_never_lengthens(small: ModelPredictor) -> None:
    """Certainty costs tokens."""
    lengths = [
        known(longest_answer(small, 400, Demand(Limits(latency_s=20.0), p)).output_tokens)
        for p in (LOWEST_PROBABILITY, 0.9, 0.95, HIGHEST_PROBABILITY)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1]


def test_notes_name_what_is_not_measured(small: ModelPredictor, trained_artifact: Path) -> None:
    """The device's limit where a meter is missing, and lengths that nobody measured."""
    note = "prefill: no measured energy, so power counts with the device's limit of 60 W"
    assert note in longest_answer(small, 400, Demand(Limits(energy_j=50.0))).notes
    assert note in Frontier.of(small, Demand(Limits(energy_j=50.0))).notes
    assert Frontier.of(small, FIVE_SECONDS).notes == ()
    long = longest_answer(small, 400, Demand(Limits(latency_s=200.0)))
    assert any("decode extrapolates: output_tokens" in one for one in long.notes)
    carried = Predictor.load(trained_artifact).select("7B")
    notes = longest_answer(carried, 400, FIVE_SECONDS).notes
    assert any("no row of this model was measured on this device" in one for one in notes)


def test_power_is_that_of_the_hungrier_phase(small: ModelPredictor) -> None:
    """An unmetered phase draws the device's limit, so less than that is never certain."""
    tight, loose = (Demand(Limits(power_w=watts)) for watts in (59.9, 60.0))
    assert [one.limit for one in longest_answer(small, 400, tight).broken] == ["power_w"]
    assert longest_answer(small, 400, loose).ended_by_context


def test_the_cost_is_electricity_and_wear() -> None:
    """Wear where it is known, as a note says; current that nobody knows is an error."""
    model = drawn()
    hardware = model.record.hardware
    both = Demand(Limits(cost=ANY), prices=prices_on(hardware), context_tokens=20)
    wear, current = (
        Demand(Limits(cost=ANY), prices=prices, context_tokens=20)
        for prices in (
            Prices(price_per_kwh=0.0, device_price=1_999.0, lifetime_years=5.0),
            Prices(price_per_kwh=0.3, device_price=None, lifetime_years=5.0),
        )
    )
    costs = [
        known(longest_answer(ModelPredictor(model), 10, one).at_most.cost)
        for one in (both, wear, current)
    ]
    assert costs[0] == pytest.approx(costs[1] + costs[2])
    missing = longest_answer(ModelPredictor(model), 10, current).notes
    assert "the cost leaves the device out: its price is not known" in missing
    blind = with_limit(without_heads(model, set(Phase)), UNLIMITED_POWER_W)
    assert longest_answer(ModelPredictor(blind), 10, wear).feasible
    for demand in (both, current, Demand(Limits(cost=1.0))):
        with pytest.raises(RequestError, match="its cost: its energy is not known"):
            longest_answer(ModelPredictor(blind), 10, demand)


@pytest.mark.parametrize("name", ["energy_j", "power_w"])
def test_unknown_powers_are_refused(name: str) -> None:
    """Nothing bounds an unmetered phase on a device without a stated limit; a metered one is."""
    demand = Demand(Limits(**{name: ANY}))
    metered = with_limit(drawn(), UNLIMITED_POWER_W)
    assert longest_answer(ModelPredictor(metered), 10, demand).feasible
    blind = ModelPredictor(without_heads(metered, {Phase.PREFILL}))
    for ask in (longest_answer, longest_prompt):
        with pytest.raises(RequestError, match="the energy of prefill, which was never metered"):
            ask(blind, 10, demand)
    with pytest.raises(RequestError, match="leave the limit out"):
        Frontier.of(blind, demand)


def test_phases_without_rows_are_refused() -> None:
    """A plan needs both phases, and measured samples where it asks for several at once."""
    for phase in (Phase.PREFILL, Phase.DECODE):
        unfitted = ModelPredictor(with_phases(drawn(), set(Phase) - {phase, Phase.REQUEST}))
        with pytest.raises(RequestError, match=f"nothing about {phase}, of which no row"):
            longest_answer(unfitted, 10, FIVE_SECONDS)
    model = drawn()
    single = {phase: replace(one, parallel=None) for phase, one in model.formulas.items()}
    with pytest.raises(RequestError, match="3 samples at once, of which no row"):
        longest_answer(
            ModelPredictor(replace(model, formulas=single)),
            10,
            Demand(Limits(latency_s=5.0), parallel=3),
        )


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, True, "5"])
@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_limits_that_mean_nothing_are_refused(name: str, value: object) -> None:
    """A limit is a finite number above 0."""
    with pytest.raises(RequestError, match=f"expected the limit {name} to be above 0"):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_at_least_one_limit_is_needed() -> None:
    """Without any there is nothing to plan."""
    with pytest.raises(RequestError, match="at least one limit of latency_s, ttft_s, energy_j"):
        Limits()


@pytest.mark.parametrize(
    ("probability", "limits", "words"),
    [
        (0.74, 1, "between 0.75 and 0.995, got 0.74"),
        (0.996, 1, "between 0.75 and 0.995, got 0.996"),
        (0.995, 2, "between 0.75 and 0.99 for 2 limits together, got 0.995"),
        (0.98, 5, "between 0.75 and 0.975 for 5 limits together"),
        (math.nan, 1, "got nan"),
        ("0.9", 1, "got '0.9'"),
        (True, 1, "got True"),
    ],
)
def test_probabilities_without_an_interval_are_refused(
    probability: float, limits: int, words: str
) -> None:
    """The error names the highest one that so many limits can have together."""
    with pytest.raises(RequestError, match=words):
        confidence_of(probability, limits)


def test_limits_share_the_risk() -> None:
    """One-sided and in equal parts: what k limits risk together is what was asked for."""
    for limits, highest in ((1, 0.995), (2, 0.99), (5, 0.975)):
        for probability in (0.75, 0.9, 0.95, highest):
            one_sided_risk = (1.0 - confidence_of(probability, limits)) / 2.0
            assert limits * one_sided_risk == pytest.approx(1.0 - probability)
    assert confidence_of(DEFAULT_PROBABILITY, 1) == 0.9


@pytest.mark.parametrize("context", [1, 0, -5, 1.5, True, MAX_TOKENS + 1])
def test_impossible_contexts_are_refused(context: int) -> None:
    """A context holds a prompt and an answer of one token at least."""
    with pytest.raises(RequestError, match="context_tokens to be a whole number"):
        Demand(Limits(latency_s=1.0), context_tokens=context)


@pytest.mark.parametrize("parallel", [0, -1, 1.5])
def test_impossible_samples_are_refused(parallel: int) -> None:
    """There is at least one answer."""
    with pytest.raises(RequestError, match="expected parallel"):
        Demand(Limits(latency_s=1.0), parallel=parallel)


@pytest.mark.parametrize("tokens", [-1, 1.5, True, MAX_TOKENS + 1])
def test_impossible_lengths_are_refused(tokens: int, small: ModelPredictor) -> None:
    """Lengths are whole numbers of at least 0 that leave room in the context."""
    frontier = Frontier.of(small, replace_context(FIVE_SECONDS, 100))
    for ask in (
        lambda: longest_answer(small, tokens, FIVE_SECONDS),
        lambda: longest_prompt(small, tokens, FIVE_SECONDS),
        lambda: frontier.longest_answer(tokens),
    ):
        with pytest.raises(RequestError, match="_tokens to be a whole number"):
            ask()
    for plan in (longest_answer, longest_prompt):
        with pytest.raises(RequestError, match="leave room in a context of 100 tokens, got 100"):
            plan(small, 100, replace_context(FIVE_SECONDS, 100))


def replace_context(demand: Demand, context_tokens: int) -> Demand:
    """Return a demand in another context."""
    return Demand(demand.limits, demand.probability, context_tokens=context_tokens)


def test_what_is_unknown_breaks_its_limit() -> None:
    """A plan never passes over a quantity that nobody knows."""
    unknown = AtMost(latency_s=1.0, ttft_s=1.0, energy_j=None, power_w=None, cost=None)
    (broken,) = Limits(latency_s=2.0, energy_j=5.0).broken_by(unknown)
    assert (broken.limit, broken.excess) == ("energy_j", math.inf)


def test_results_come_back_from_json(small: ModelPredictor) -> None:
    """A frontier that was written down answers as before, without the model."""
    frontier = Frontier.of(small, FIVE_SECONDS)
    again = msgspec.json.decode(msgspec.json.encode(frontier), type=Frontier)
    assert again == frontier
    assert again.longest_answer(400) == longest_answer(small, 400, FIVE_SECONDS).output_tokens
