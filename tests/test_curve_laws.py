"""The laws of single curves: tiles, staircases, norms and splines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import NEGLIGIBLE_S, SLACK, close, never_falls, workload_for
from tests.strategies import (
    COMBINATIONS,
    FLOATS,
    MAX_REQUEST_TOKENS,
    Combination,
    Noise,
    Pair,
    draw_steps,
    lawful_model,
    magnitude,
    ordered_requests,
    seeds,
    token_counts,
)
from token2metrics.algebra import StepTable, T
from token2metrics.cost import PhaseWeights, edge_latency_s
from token2metrics.curves import CurveWeights, build_curve
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.curves.roofline import EXCESS_ORDER, MAX_NORM_ORDER
from token2metrics.curves.spline import KNOTS_TOKENS
from token2metrics.errors import ConfigurationError
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.vocabulary import FITTED_PHASES, CalibrationMethod, Phase, RegressionType
from token2metrics.workload import (
    TILE_TOKENS,
    WIDE_TILE_TOKENS,
    WIDEST_TILE_TOKENS,
    ModelTraffic,
    workload_of,
)

pytestmark = pytest.mark.law


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
    """Tiles are the least whole multiples of 64, 128 and 256 not below the prompt."""
    model = lawful_model(COMBINATIONS[0], seed)
    workload = workload_for(model, (prompt, answer))
    for tile, rounded in (
        (TILE_TOKENS, workload.tiles),
        (WIDE_TILE_TOKENS, workload.wide_tiles),
        (WIDEST_TILE_TOKENS, workload.widest_tiles),
    ):
        assert rounded % tile == 0
        assert prompt <= rounded < prompt + tile
    steps = max(answer - 1, 0)
    assert workload.steps == steps
    assert workload.attended_tokens == sum_of_contexts(prompt, steps)
    assert workload.started == float(steps > 0)
    empty = workload.without_prompt()
    assert empty == workload_for(model, (0, answer))


def sum_of_contexts(prompt: int, steps: int) -> int:
    """Return how many keys the decode steps read: step ``k`` sees the prompt and ``k`` tokens."""
    return steps * prompt + steps * (steps + 1) // 2


TERMS = ("arithmetic", "bandwidth", "overhead")
ROOFLINE = build_curve(RegressionType.ROOFLINE, Phase.PREFILL)
excesses = st.sampled_from((0.0, 1e-6, 3.0, 1e3, 1e6, MAX_WEIGHT)) | st.floats(0.0, MAX_NORM_ORDER)
seconds = st.sampled_from((0.0, 5e-324, 1e-30, 1e30)) | st.floats(0.0, 1e6)
several_terms = st.tuples(seconds, seconds, seconds)


def excess(order: T) -> CurveWeights[T]:
    """Return the weights of a roofline whose norm exceeds order one by a number."""
    return CurveWeights({EXCESS_ORDER: order})


def norm_of(terms: Iterable[float], order: float) -> float:
    """Join the prefill terms of a roofline."""
    return ROOFLINE.combine(FLOATS, dict(zip(TERMS, terms, strict=True)), excess(order))


@given(order=excesses)
def test_the_norm_of_nothing_is_nothing(order: float) -> None:
    """A roofline whose terms are all zero, or below its floor, costs no time."""
    assert norm_of((0.0, 0.0, 0.0), order) == 0.0
    zeros = {name: torch.zeros(1, 1, dtype=torch.float64) for name in TERMS}
    weights = excess(torch.tensor([[order]], dtype=torch.float64))
    assert float(ROOFLINE.combine(TorchAlgebra(), zeros, weights)) <= len(TERMS) * NEGLIGIBLE_S
    assert 0.0 <= norm_of((5e-324, 5e-324, 5e-324), order) < NEGLIGIBLE_S


@given(terms=several_terms, order=excesses)
def test_the_norm_lies_between_maximum_and_sum(
    terms: tuple[float, float, float], order: float
) -> None:
    """Whichever term is the largest; order one is the sum, a large order the maximum."""
    norm = norm_of(terms, order)
    assert norm <= sum(terms) * (1.0 + SLACK)
    assert norm >= max(terms) * (1.0 - SLACK) or max(terms) < NEGLIGIBLE_S
    if order == 0.0 and max(terms) >= NEGLIGIBLE_S:
        assert close(norm, sum(terms))
    if order > 0.0:
        assert norm <= max(terms) * len(terms) ** (1.0 / (1.0 + order)) * (1.0 + SLACK)


@pytest.mark.parametrize(
    ("order", "norm"), [(0.0, 7.0), (1.0, 5.0), (3.0, (3.0**4 + 4.0**4) ** 0.25), (1e9, 4.0)]
)
def test_the_order_is_one_and_its_excess(order: float, norm: float) -> None:
    """Sum, hypotenuse, fourth order, maximum."""
    assert norm_of((3.0, 0.0, 4.0), order) == pytest.approx(norm, rel=SLACK)


@given(terms=several_terms, more=several_terms, order=excesses)
def test_the_norm_never_falls(
    terms: tuple[float, float, float], more: tuple[float, float, float], order: float
) -> None:
    """As any of the terms rises, at any order."""
    longer = [term + added for term, added in zip(terms, more, strict=True)]
    assert never_falls(norm_of(terms, order), norm_of(longer, order))


@given(terms=several_terms, order=excesses, added=excesses)
def test_the_norm_falls_with_its_order(
    terms: tuple[float, float, float], order: float, added: float
) -> None:
    """A device that hides more of the lesser terms takes no longer."""
    assert never_falls(norm_of(terms, min(order + added, MAX_WEIGHT)), norm_of(terms, order))


@pytest.mark.parametrize(
    ("family", "weight", "tile"),
    [
        (RegressionType.TREE, "tile", TILE_TOKENS),
        (RegressionType.TREE, "wide_tile", WIDE_TILE_TOKENS),
        (RegressionType.TREE, "widest_tile", WIDEST_TILE_TOKENS),
        (RegressionType.SPLINE, "tile", TILE_TOKENS),
        (RegressionType.SPLINE, "wide_tile", WIDE_TILE_TOKENS),
        (RegressionType.SPLINE, "widest_tile", WIDEST_TILE_TOKENS),
        (RegressionType.ROOFLINE, "s_per_tile_flop", TILE_TOKENS),
        (RegressionType.ROOFLINE, "s_per_wide_tile_flop", WIDE_TILE_TOKENS),
        (RegressionType.ROOFLINE, "s_per_widest_tile_flop", WIDEST_TILE_TOKENS),
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


ANY_MODEL = ModelTraffic(1.0, 1.0, 1.0, 1.0, 1.0)
EVERY_KNOT = (*KNOTS_TOKENS, MAX_REQUEST_TOKENS)
every_phase = pytest.mark.parametrize("phase", FITTED_PHASES)


def spline_s(phase: Phase, tokens: float, weights: Mapping[str, float]) -> float:
    """Return a spline's latency at some tokens of its own phase, without attended keys."""
    curve = build_curve(RegressionType.SPLINE, phase)
    counts = (tokens, 0.0) if phase is Phase.PREFILL else (0.0, tokens + 1.0)
    workload = workload_of(FLOATS, *counts, ANY_MODEL)
    basis = curve.basis(FLOATS, workload)
    values = {**dict.fromkeys(basis, 0.0), **weights}
    terms = curve.terms(FLOATS, workload, CurveWeights(values))
    return curve.combine(FLOATS, terms, CurveWeights(values))


def drawn_slopes(seed: int) -> dict[str, float]:
    """Draw a slope of any magnitude for every range between knots."""
    chance = Random(seed)
    return {f"slope_from_{knot}": magnitude(chance, -6.0, 0.0) for knot in KNOTS_TOKENS}


@every_phase
@given(seed=seeds, tokens=token_counts)
def test_a_spline_adds_its_ranges_up(phase: Phase, seed: int, tokens: int) -> None:
    """Its latency is each range's tokens times that range's slope."""
    slopes = drawn_slopes(seed)
    expected_s = sum(
        slopes[f"slope_from_{start}"] * (min(tokens, end) - start)
        for start, end in pairwise(EVERY_KNOT)
        if tokens > start
    )
    assert close(spline_s(phase, float(tokens), slopes), expected_s)


@every_phase
@given(seed=seeds, tokens=st.integers(KNOTS_TOKENS[-1], MAX_REQUEST_TOKENS - 1))
def test_a_spline_goes_on_along_its_last_slope(phase: Phase, seed: int, tokens: int) -> None:
    """Beyond the last knot every token costs the same."""
    slopes = drawn_slopes(seed)
    last = slopes[f"slope_from_{KNOTS_TOKENS[-1]}"]
    risen_s = spline_s(phase, MAX_REQUEST_TOKENS, slopes) - spline_s(phase, tokens, slopes)
    whole_s = spline_s(phase, MAX_REQUEST_TOKENS, slopes)
    assert risen_s == pytest.approx(last * (MAX_REQUEST_TOKENS - tokens), abs=SLACK * whole_s)


@every_phase
@given(seed=seeds, pair=ordered_requests)
def test_a_spline_never_falls(phase: Phase, seed: int, pair: Pair) -> None:
    """And has no jump at its knots."""
    slopes = drawn_slopes(seed)
    less_s, more_s = (
        spline_s(phase, float(count), slopes) for count in (pair.shorter[0], pair.longer[0])
    )
    assert never_falls(less_s, more_s)
    steepest = max(slopes.values()) * (pair.longer[0] - pair.shorter[0])
    assert more_s - less_s <= steepest * (1.0 + SLACK) + SLACK * more_s


def test_knots_rise_from_nothing() -> None:
    """The first range begins at no token, so that every token lies in one range."""
    assert KNOTS_TOKENS[0] == 0
    assert all(less < more for less, more in pairwise(KNOTS_TOKENS))


@pytest.mark.parametrize("smoothness", [-1e-9, float("nan"), float("inf")])
def test_an_unlawful_smoothness_is_refused(smoothness: float) -> None:
    """A penalty is a finite number from zero on."""
    with pytest.raises(ConfigurationError):
        build_curve(RegressionType.SPLINE, Phase.PREFILL, {"smoothness": smoothness})
