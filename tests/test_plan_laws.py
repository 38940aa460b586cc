"""Plans are exact: what brute force over whole predictions finds, for any formula and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import SLACK, known, never_falls
from tests.planning import (
    IDLE_W,
    LIMIT_W,
    predicted_at_most,
    rejected,
    with_limit,
    without_heads,
    without_saving,
)
from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    MAX_REQUEST_TOKENS,
    Combination,
    Pair,
    lawful_model,
    ordered_requests,
    seeds,
    token_counts,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.planning.at_most import UpperBounds
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import Plan, longest_answer, longest_prompt
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Prices
from token2metrics.vocabulary import FITTED_PHASES, Phase

pytestmark = pytest.mark.law

PRICES = Prices(price_per_kwh=0.3, device_price=1_999.0, lifetime_years=5.0)
PROBABILITIES = (0.75, 0.9, 0.95, 0.97)
DENSE_CONTEXT = 20
FRONTIER_CONTEXT = 200
LOOSER = 1.3
NAMES = Limits.__struct_fields__

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


@dataclass(frozen=True, slots=True)
class Case:
    """A model and a demand that requests up to some lengths can break.

    Attributes:
        model: Drawn, some of its phases without a meter, on a device with a power limit.
        demand: Some limits, each near what a drawn request takes at most.
    """

    model: FittedModel
    demand: Demand

    @property
    def predictor(self) -> ModelPredictor:
        """The model's predictor."""
        return ModelPredictor(self.model)

    def with_limits(self, limits: Limits) -> Case:
        """Return the case under other limits."""
        return replace(self, demand=replace_in(self.demand, limits))

    def rejects(self, input_tokens: int, output_tokens: int) -> bool:
        """Return whether the predictions of a request break a limit."""
        return rejected(self.model, (input_tokens, output_tokens), self.demand)


def replace_in(demand: Demand, limits: Limits) -> Demand:
    """Return a demand with other limits."""
    return Demand(limits, demand.probability, demand.prices, demand.parallel, demand.context_tokens)


def case_of(
    combination: Combination, seed: int, pivot: tuple[int, int], context_tokens: int
) -> Case:
    """Draw a model, and limits near what a request takes.

    Args:
        combination: Family and calibration.
        seed: Of every draw.
        pivot: The request; several limits are at or near what it takes at most.
        context_tokens: Of the engine.
    """
    chance = Random(seed)
    model = with_limit(lawful_model(combination, seed), LIMIT_W)
    model = without_heads(model, [one for one in FITTED_PHASES if chance.random() < 0.25])
    names = chance.sample(NAMES, chance.choice((1, 1, 2, 3)))
    open_demand = Demand(
        Limits(**dict.fromkeys(names, 1.0)),
        probability=chance.choice(PROBABILITIES),
        prices=PRICES,
        parallel=chance.choice((1, 1, 3)),
        context_tokens=context_tokens,
    )
    around = predicted_at_most(model, pivot, open_demand)
    factors = (1.0, 1.0, 1.0 + SLACK, 1.0 - SLACK, chance.uniform(0.9, 1.1), 2.0)
    limits = {name: known(getattr(around, name)) * chance.choice(factors) for name in names}
    stated = {name: limit or 1.0 for name, limit in limits.items()}
    return Case(model, replace_in(open_demand, Limits(**stated)))


def longest(case: Case, requests: list[tuple[int, int]]) -> int:
    """Return by brute force how many requests, the shortest first, keep every limit."""
    return next(
        (place for place, request in enumerate(requests) if case.rejects(*request)), len(requests)
    )


def judged(plan: Plan, count: int, room: int) -> None:
    """Assert that a plan says of its end what brute force found."""
    assert plan.feasible == (count > 0)
    assert plan.ended_by_context == (count == room)
    assert (plan.next_at_most is None) == (count in (0, room))
    assert bool(plan.broken) == (count < room)
    end = plan.at_most if plan.next_at_most is None else plan.next_at_most
    for broken in plan.broken:
        assert broken.allowed == getattr(plan.limits, broken.limit) < broken.at_most
        assert broken.at_most == getattr(end, broken.limit)
        assert broken.excess == broken.at_most - broken.allowed


@every_combination
@fewer_examples()
@given(seed=seeds)
def test_plans_are_those_of_brute_force(combination: Combination, seed: int) -> None:
    """The longest answer and the longest prompt, and the frontier, over a dense grid."""
    chance = Random(seed)
    prompt, answer = chance.randint(0, DENSE_CONTEXT - 1), chance.randint(1, DENSE_CONTEXT - 1)
    case = case_of(combination, seed, (prompt, answer), DENSE_CONTEXT)
    room = DENSE_CONTEXT - prompt
    plan = longest_answer(case.predictor, prompt, case.demand)
    count = longest(case, [(prompt, length) for length in range(1, room + 1)])
    assert (plan.output_tokens or 0) == count
    judged(plan, count, room)
    assert Frontier.of(case.predictor, case.demand).longest_answer(prompt) == count
    room = DENSE_CONTEXT - answer
    plan = longest_prompt(case.predictor, answer, case.demand)
    count = longest(case, [(length, answer) for length in range(1, room + 1)])
    assert (plan.input_tokens or 0) == count
    judged(plan, count, room)


@every_combination
@fewer_examples()
@given(seed=seeds, fixed=token_counts, others=st.tuples(token_counts, token_counts))
def test_plans_of_any_length_end_where_a_limit_breaks(
    combination: Combination, seed: int, fixed: int, others: tuple[int, int]
) -> None:
    """The prediction keeps every limit up to the plan and breaks one from there on."""
    case = case_of(combination, seed, (fixed, max(others)), 2 * MAX_REQUEST_TOKENS)
    for plan, request in (
        (longest_answer(case.predictor, fixed, case.demand), lambda n: (fixed, n)),
        (longest_prompt(case.predictor, max(fixed, 1), case.demand), lambda n: (n, max(fixed, 1))),
    ):
        count = (plan.output_tokens if plan.sought == "output_tokens" else plan.input_tokens) or 0
        assert count == 0 or not case.rejects(*request(count))
        assert plan.ended_by_context or case.rejects(*request(count + 1))
        for other in others:
            near = abs(other - count) <= 1
            assert near or not other or case.rejects(*request(other)) == (other > count)


@every_combination
@given(seed=seeds, pair=ordered_requests)
def test_bounds_never_fall_and_are_those_of_the_prediction(
    combination: Combination, seed: int, pair: Pair
) -> None:
    """Every upper bound is the prediction's own, and none falls as tokens rise."""
    case = case_of(combination, seed, (100, 100), 2 * MAX_REQUEST_TOKENS)
    bounds = UpperBounds.of(case.model, case.demand, NAMES)
    shorter, longer = bounds(*pair.shorter), bounds(*pair.longer)
    for name in NAMES:
        assert never_falls(known(getattr(shorter, name)), known(getattr(longer, name)))
    assert longer == predicted_at_most(case.model, pair.longer, case.demand)
    prediction = case.predictor(*pair.longer, parallel=case.demand.parallel)
    assert never_falls(prediction.power_w or 0.0, known(longer.power_w))
    assert known(longer.power_w) <= LIMIT_W * (1.0 + SLACK)


@every_combination
@fewer_examples()
@given(seed=seeds, name=st.sampled_from(NAMES))
def test_a_looser_limit_never_shortens(combination: Combination, seed: int, name: str) -> None:
    """Each limit alone: loosening it leaves plans at least as long; taking it away too."""
    case = case_of(combination, seed, (300, 500), 2 * MAX_REQUEST_TOKENS)
    stated = case.demand.limits.stated
    several = len(stated) > 1 and name in stated
    loosened = {**stated, **({name: stated[name] * LOOSER} if name in stated else {})}
    before = longest_answer(case.predictor, 300, case.demand)
    after = longest_answer(case.predictor, 300, case.with_limits(Limits(**loosened)).demand)
    assert (before.output_tokens or 0) <= (after.output_tokens or 0)
    if several:
        fewer = Limits(**{key: value for key, value in stated.items() if key != name})
        freed = longest_answer(case.predictor, 300, case.with_limits(fewer).demand)
        assert (before.output_tokens or 0) <= (freed.output_tokens or 0)


@every_combination
@fewer_examples()
@given(seed=seeds, prompts=st.lists(st.integers(0, 230), min_size=3, max_size=3))
def test_the_frontier_is_every_single_plan(
    combination: Combination, seed: int, prompts: list[int]
) -> None:
    """It never rises, and each of its answers is the longest to its prompt."""
    case = case_of(combination, seed, (prompts[0], 40), FRONTIER_CONTEXT)
    frontier = Frontier.of(case.predictor, case.demand)
    ends, answers = frontier.input_tokens, frontier.output_tokens
    assert list(ends) == sorted(set(ends))
    assert list(answers) == sorted(set(answers), reverse=True)
    assert all(answer >= 1 for answer in answers)
    for prompt in prompts:
        if prompt < case.demand.context_tokens:
            plan = longest_answer(case.predictor, prompt, case.demand)
            assert frontier.longest_answer(prompt) == (plan.output_tokens or 0)
        else:
            assert frontier.longest_answer(prompt) == 0


@every_combination
@fewer_examples()
@given(
    seed=seeds,
    blind=st.sets(st.sampled_from(FITTED_PHASES)),
    most_w=st.floats(0.5, 1.3 * LIMIT_W),
    answer=st.integers(1, 2_000),
)
def test_only_what_a_meter_could_show_is_unshown(
    combination: Combination, seed: int, blind: set[Phase], most_w: float, answer: int
) -> None:
    """An unmetered phase breaks the cap, while idling and all that was metered keep it."""
    model = without_heads(with_limit(lawful_model(combination, seed), LIMIT_W), blind)
    demand = Demand(Limits(power_w=most_w))
    plan = longest_prompt(ModelPredictor(model), answer, demand)
    hungry = ModelPredictor(without_saving(model))(1, answer, confidence=demand.confidence)
    metered = [
        known(phase.power_interval_w).upper
        for name, phase in ((Phase.PREFILL, hungry.prefill), (Phase.DECODE, hungry.decode))
        if name not in blind and phase.latency_s
    ]
    kept = most_w >= IDLE_W and all(power_w <= most_w for power_w in metered)
    assert (plan.unshown is not None) == (not plan.feasible and bool(blind) and kept)
    frontier = Frontier.of(ModelPredictor(model), replace_context(demand))
    assert frontier.unshown is None or not frontier.input_tokens


def replace_context(demand: Demand) -> Demand:
    """Return a demand in a short context."""
    return Demand(demand.limits, demand.probability, context_tokens=DENSE_CONTEXT)
