"""What holds of every design: it is finite, never makes things worse, and is the same each time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import COMBINATIONS, Combination
from tests.synthetic import FEW, SPARSE, Truth, experiment, measured, on_server, prepared
from token2metrics.config import ExperimentConfig, HardwareConfig, RegressionConfig, RegressionType
from token2metrics.errors import ConfigurationError
from token2metrics.measure.next_points import NextPoints, Wish, designed
from token2metrics.modeling.candidates import list_candidates
from token2metrics.modeling.design import WORTH, Thrift, grown, reductions
from token2metrics.modeling.gather import gather
from token2metrics.modeling.knowledge import Knowledge, Views, quantile_of_errors, summed
from token2metrics.modeling.known_law import KnownLaw, known_law
from token2metrics.modeling.lengths import REACH, Limits, candidate_tokens, likely_tokens
from token2metrics.modeling.next_points import PHYSICAL_TERMS, Requests, designer_of
from token2metrics.vocabulary import FITTED_PHASES, CalibrationMethod, Phase

pytestmark = pytest.mark.law

ROUGH_ITERATIONS = 3
LIMITS = Limits(1_024, 64)
POINTS = 4
SLACK = 1e-9
ROOFLINE = Combination(RegressionType.ROOFLINE, CalibrationMethod.PRIOR)
lengths = st.integers(1, 20_000)
combinations = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def chosen(combination: Combination) -> ExperimentConfig:
    """Describe an experiment that fits a family by a method, roughly."""
    regression = RegressionConfig(type=combination.family, max_iterations=ROUGH_ITERATIONS)
    return experiment(regression, combination.method)


@lru_cache
def law_of(combination: Combination, backwards: bool = False) -> KnownLaw:
    """Return what few rows of a device, and those of a server, tell of a model."""
    truth = Truth(RegressionType.ROOFLINE)
    rows = [*measured(truth, FEW), *on_server(measured(truth, FEW))]
    data = prepared(rows[::-1] if backwards else rows)
    described = chosen(combination)
    candidate = list_candidates(described, gather(data, [described], described))[0]
    return known_law(data, [described], described, dict.fromkeys(FITTED_PHASES, candidate))


@lru_cache
def design_of(combination: Combination) -> NextPoints:
    """Return a design of some points."""
    return designed(chosen(combination), law_of(combination), Wish(limits=LIMITS, points=POINTS))


@combinations
def test_every_family_and_calibration_has_a_finite_design(combination: Combination) -> None:
    """Each point costs something, and its expected errors are numbers above zero."""
    found = design_of(combination)
    assert len(found.points) == POINTS
    for expected in (found.now, *(point.p90_error_percent for point in found.points)):
        for value in (expected.prefill, expected.decode, expected.request):
            assert value is not None
            assert 0.0 < value < np.inf
    assert all(0.0 < point.seconds < np.inf for point in found.points)
    assert all(str(combination.family) in words for words in found.law.values())


@combinations
def test_a_point_never_raises_the_expected_error(combination: Combination) -> None:
    """Of either phase or of the whole."""
    found = design_of(combination)
    errors = [found.now, *(point.p90_error_percent for point in found.points)]
    for before, after in pairwise(errors):
        for phase in Phase:
            assert getattr(after, phase) <= getattr(before, phase) * (1.0 + SLACK)


@combinations
def test_points_lie_within_limits_and_differ(combination: Combination) -> None:
    """No prompt length comes twice, was measured already at that answer, or is the longest."""
    points = design_of(combination).plan
    assert len({point.input_tokens for point in points}) == POINTS
    assert not {(point.input_tokens, point.output_tokens) for point in points} & set(FEW)
    assert all(point.input_tokens <= REACH * LIMITS.longest_input for point in points)
    assert all(1 <= point.output_tokens <= LIMITS.longest_output for point in points)


@combinations
def test_information_is_symmetric_and_positive(combination: Combination) -> None:
    """Of what rows tell, and so is what is left to know."""
    law = law_of(combination)
    information = law.knowledge.information()
    scale = np.sqrt(np.outer(np.diag(information), np.diag(information)))
    for matrix in (information / np.where(scale > 0.0, scale, 1.0), law.knowledge.covariance):
        assert np.allclose(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -SLACK
    gained = law.law.prior().covariance - law.knowledge.covariance
    assert np.linalg.eigvalsh(gained).min() >= -SLACK


@given(st.randoms(use_true_random=False))
def test_the_order_of_candidates_does_not_matter(chance: np.random.Generator) -> None:
    """Shuffled candidates, and measured rows read backwards, lead to the same points."""
    pairs = candidate_tokens(LIMITS, prefill_alone=True).tolist()
    shuffled = list(pairs)
    chance.shuffle(shuffled)
    requests = Requests(likely_tokens(LIMITS), np.ones(len(likely_tokens(LIMITS))))
    plans = []
    for law, candidates in ((law_of(ROOFLINE), pairs), (law_of(ROOFLINE, True), shuffled)):
        designer = designer_of(law, np.array(candidates), requests, FITTED_PHASES)
        steps = grown(designer, law.knowledge, POINTS)
        plans.append([designer.candidates.tokens[step.place].tolist() for step in steps])
    assert plans[0] == plans[1]


@given(st.floats(0.01, 10.0), st.floats(0.0, 10.0), st.integers(1, 6))
def test_more_budget_is_never_worse(budget_s: float, more_s: float, points: int) -> None:
    """The plan of a smaller budget begins that of a larger one, which keeps its own."""
    law = law_of(ROOFLINE)
    budgets = (budget_s, budget_s + more_s)
    wishes = [Wish(limits=LIMITS, points=8, budget_s=seconds) for seconds in budgets]
    small, large = (designed(chosen(ROOFLINE), law, wish) for wish in wishes)
    assert large.points[: len(small.points)] == small.points
    assert small.seconds <= budget_s
    assert large.seconds <= budget_s + more_s
    fewer = designed(chosen(ROOFLINE), law, Wish(limits=LIMITS, points=points))
    assert (
        designed(chosen(ROOFLINE), law, Wish(limits=LIMITS, points=points + 1)).points[:points]
        == fewer.points
    )


@given(st.floats(0.5, 30.0), st.sampled_from(tuple(Phase)))
def test_a_plan_stops_where_the_target_is_reached(target: float, phase: Phase) -> None:
    """The last point reaches it, none before does, and a target out of reach is not claimed."""
    wish = Wish(limits=LIMITS, target_percent=target, judged=phase, points=4)
    found = designed(chosen(ROOFLINE), law_of(ROOFLINE), wish)
    errors = [found.now, *(point.p90_error_percent for point in found.points)]
    reached = [getattr(expected, phase) <= target for expected in errors]
    assert reached[:-1] == [False] * len(found.points)
    assert found.reached_after == (len(found.points) if reached[-1] else None)


@given(lengths, lengths, st.booleans())
def test_candidates_and_requests_keep_to_their_limits(
    longest_input: int, longest_output: int, prefill_alone: bool
) -> None:
    """Both are in order and without repeats, and there is always one."""
    limits = Limits(longest_input, longest_output)
    for tokens in (candidate_tokens(limits, prefill_alone), likely_tokens(limits)):
        pairs = [tuple(pair) for pair in tokens.tolist()]
        assert pairs == sorted(set(pairs))
        assert all(1 <= p <= longest_input and 1 <= a <= longest_output for p, a in pairs)
        assert pairs
    decodes = candidate_tokens(limits, prefill_alone=False)[:, 1] > 1
    assert decodes.all() or longest_output == 1


@given(st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=5), st.floats(0.05, 0.99))
def test_the_quantile_of_errors_is_that_of_draws(spreads: list[float], share: float) -> None:
    """As many drawn errors lie below it as it says."""
    weights = np.full(len(spreads), 1.0 / len(spreads))
    limit = quantile_of_errors(np.array(spreads), weights, share)
    normal = np.random.default_rng(0).standard_normal((20_000, len(spreads)))
    below = float(np.mean(np.abs(normal * np.array(spreads)) <= limit))
    assert below == pytest.approx(share, abs=0.01)


def test_what_a_sum_shows_is_weighed_by_shares() -> None:
    """A phase of three quarters of the latency has three quarters of the slope; absent, none."""
    prefill = Views(np.array([[1.0, 0.0]] * 2), np.array([0.04, 0.04]), np.array([3.0, 3.0]))
    decode = Views(np.array([[0.0, 1.0]] * 2), np.array([0.01, np.inf]), np.array([1.0, 0.0]))
    whole = summed({Phase.PREFILL: prefill, Phase.DECODE: decode})
    assert whole.slopes.tolist() == [[0.75, 0.25], [1.0, 0.0]]
    assert whole.noise == pytest.approx([0.75**2 * 0.04 + 0.25**2 * 0.01, 0.04])
    assert whole.latency_s.tolist() == [4.0, 3.0]


def test_knowledge_is_that_of_the_textbook() -> None:
    """One coefficient, one measurement: precisions add."""
    seen = Views(np.array([[2.0]]), np.array([0.5]), np.array([1.0]))
    after = Knowledge(np.array([[4.0]])).after(seen)
    assert after.covariance[0, 0] == pytest.approx(1.0 / (1.0 / 4.0 + 2.0**2 / 0.5))


@given(st.integers(0, 2**32 - 1))
def test_reductions_are_those_of_measuring_both_phases(seed: int) -> None:
    """Whatever is known, and however both phases hang together."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(6, 6))
    knowledge = Knowledge(root @ root.T)
    seen = {
        phase: Views(rng.normal(size=(4, 6)), rng.uniform(0.1, 2.0, 4), np.ones(4))
        for phase in FITTED_PHASES
    }
    asked = Views(rng.normal(size=(5, 6)), np.full(5, 0.1), np.ones(5))
    found = reductions(knowledge, asked, seen)
    for place in range(4):
        after = knowledge
        for views in seen.values():
            after = after.after(views.at(np.array([place])))
        expected = knowledge.variances(asked) - after.variances(asked)
        assert found[:, place] == pytest.approx(expected, abs=1e-9)


def test_gains_are_what_measuring_brings() -> None:
    """The point that is taken lowers the expected error by what was expected of it."""
    law = law_of(ROOFLINE)
    requests = Requests(likely_tokens(LIMITS), np.ones(len(likely_tokens(LIMITS))))
    tokens = candidate_tokens(LIMITS, prefill_alone=True)
    designer = designer_of(law, tokens, requests, FITTED_PHASES).determined_by(0)
    step = designer.next_step(law.knowledge, ())
    assert step is not None
    every = [
        designer.targets.mean_error(designer.after(law.knowledge, place))
        for place in range(len(designer.candidates.tokens))
    ]
    assert designer.targets.mean_error(step.knowledge) <= min(every) * 1.001
    hasty = replace(designer, thrift=Thrift.TIME).next_step(law.knowledge, ())
    assert hasty is not None
    assert hasty.seconds <= step.seconds


def test_the_first_points_determine_prefill() -> None:
    """Of a model without rows the first prompts tell most of prefill; after a few, not."""
    described = chosen(ROOFLINE)
    truth = Truth(RegressionType.ROOFLINE)
    strangers = prepared(measured(truth, FEW, device="elsewhere"))
    law = known_law(strangers, [described], described)
    tokens = candidate_tokens(LIMITS, prefill_alone=True)
    requests = Requests(likely_tokens(LIMITS), np.ones(len(likely_tokens(LIMITS))))
    designer = designer_of(law, tokens, requests, FITTED_PHASES)
    assert designer.determining == PHYSICAL_TERMS
    assert designer_of(law, tokens, requests, (Phase.DECODE,)).determining == 0
    assert designer_of(law_of(ROOFLINE), tokens, requests, FITTED_PHASES).determining == 0
    first = designer.next_step(law.knowledge, ())
    assert first is not None
    prefill = designer.candidates.views[Phase.PREFILL]
    told = law.knowledge.variances(prefill) / prefill.noise
    assert np.log(told[first.place]) >= WORTH * np.log(told.max())


def test_rows_narrow_what_is_expected() -> None:
    """A model with rows is expected to err less than one without, and that one less than nobody."""
    described = chosen(ROOFLINE)
    truth = Truth(RegressionType.ROOFLINE)
    sibling = experiment(described.regression, ROOFLINE.method, model="sibling")
    others = measured(truth, SPARSE, model="sibling")
    strangers = measured(truth, FEW, device="elsewhere")
    errors = []
    for rows in (strangers, others, [*others, *measured(truth, FEW)]):
        law = known_law(prepared(rows), [described, sibling], described)
        found = designed(described, law, Wish(limits=LIMITS, points=1))
        errors.append(found.now.request or 0.0)
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 2.0 * errors[1]


@given(st.integers(2, 6))
def test_answers_take_turns(points: int) -> None:
    """Where every point decodes, no answer comes twice more often than another."""
    wish = Wish(limits=LIMITS, points=points, prefill_alone=False)
    answers = [p.output_tokens for p in designed(chosen(ROOFLINE), law_of(ROOFLINE), wish).points]
    offered = set(candidate_tokens(LIMITS, prefill_alone=False)[:, 1].tolist())
    counts = [answers.count(answer) for answer in offered]
    assert max(counts) - min(counts) <= 1


def test_too_many_points_are_refused() -> None:
    """With what to do about it."""
    unknown = chosen(ROOFLINE).model_copy(update={"edge": HardwareConfig(name="bare")})
    with pytest.raises(ConfigurationError, match="ask for fewer --points"):
        designed(unknown, law_of(ROOFLINE), Wish(limits=Limits(20, 8), points=30))
