"""Laws of batched fits: exact, lawful, alone as in company, and honest about their errors."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from tests.fleets import Floats, Request, design, imagine, measured
from tests.profiles import fewer_examples
from tests.strategies import Pair, ordered_requests
from token2metrics.fleet import curve_rows
from token2metrics.fleet.columns import DEFAULT_BY
from token2metrics.fleet.families import FleetFamily, every_weight, weight_names
from token2metrics.fleet.nonnegative import freed_factor, solve_nonnegative
from token2metrics.fleet.predict import predict
from token2metrics.fleet.ragged import ragged
from token2metrics.fleet.status import Status
from token2metrics.fleet.table import Fitting, fit_table
from token2metrics.fleet.triangular import factored, lengths, multiplied, rotated
from token2metrics.vocabulary import Phase

pytestmark = pytest.mark.law

CPU = torch.device("cpu")
MOST_COLUMNS = 8
MOST_ROWS = 20
NOTHING = 1e-11
KEYS = ("device", "phase")
seeds = st.integers(0, 2**32 - 1)
curve_phases = st.sampled_from(list(Phase))
families = st.sampled_from([FleetFamily.LINEAR, FleetFamily.POLYNOMIAL, FleetFamily.TREE])
"""Those without penalties, which a plain least-squares solver can be asked about."""


def systems(seed: int, problems: int) -> list[tuple[Floats, Floats]]:
    """Draw least-squares problems of one width: easy, with dependent columns, ill-scaled."""
    chance = np.random.default_rng(seed)
    columns = int(chance.integers(1, MOST_COLUMNS + 1))
    found = []
    for number in range(problems):
        rows = int(chance.integers(1, MOST_ROWS + 1))
        matrix = chance.normal(0.3, 1.0, (rows, columns))
        if number % 3 == 1:
            matrix[:, -1] = matrix[:, 0] * (1.0 + chance.normal(0.0, 1e-6, rows))
        if number % 3 == 2:
            matrix *= 10.0 ** chance.uniform(-6.0, 6.0, columns)
        found.append((matrix, chance.normal(0.5, 1.0, rows)))
    return found


def solved(problems: list[tuple[Floats, Floats]]) -> list[Floats]:
    """Solve problems in one batch."""
    order = sorted(range(len(problems)), key=lambda one: -len(problems[one][1]))
    counts = np.array([len(problems[one][1]) for one in order])
    rows = np.concatenate([np.column_stack(problems[one]) for one in order])
    runs = ragged(counts.cumsum() - counts, counts, CPU)
    factor = factored(torch.from_numpy(rows).T[:, runs.place], runs)
    size = lengths(factor[:, :-1])
    scale = torch.where(size > 0, size.reciprocal(), 0.0)
    factor[:, :-1] *= scale
    values = (solve_nonnegative(factor).unknowns * scale).T.numpy()
    return [values[order.index(number)] for number in range(len(problems))]


@given(seeds)
def test_solutions_are_those_of_lawson_and_hanson(seed: int) -> None:
    """No unknown is negative, and the loss is the smallest there is."""
    problems = systems(seed, 6)
    for (matrix, right), values in zip(problems, solved(problems), strict=True):
        best = nnls(matrix, right, maxiter=1_000)[1]
        loss = np.linalg.norm(matrix @ values - right)
        assert (values >= 0).all()
        assert loss <= best + 1e-9 * np.linalg.norm(right)


@given(seeds)
def test_solutions_meet_the_conditions_of_optimality(seed: int) -> None:
    """No unknown at zero would lower the loss, and no positive one could do better."""
    problems = [one for one in systems(seed, 6)[::3] if one[0].shape[0] >= one[0].shape[1]]
    if not problems:
        return
    for (matrix, right), values in zip(problems, solved(problems), strict=True):
        size = np.linalg.norm(matrix, axis=0)
        gain = matrix.T @ (right - matrix @ values) / size
        assert (gain <= 1e-8 * np.linalg.norm(right)).all()
        assert (np.abs(gain[values > 0]) <= 1e-8 * np.linalg.norm(right)).all()


@given(seeds)
def test_both_ways_to_a_factor_agree(seed: int) -> None:
    """Rotations keep the normal equations."""
    (matrix, right), *_ = systems(seed, 1)
    rows = torch.from_numpy(np.column_stack([matrix, right])).T
    runs = ragged(np.array([0]), np.array([len(right)]), CPU)
    turned = rotated(rows, runs)
    products = (turned[:, :, None] * turned[:, None]).sum(dim=0)
    assert torch.allclose(products, multiplied(rows, runs), rtol=1e-9, atol=1e-12)


def test_unsettled_problems_are_solved_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pivoting does not settle is left to Lawson and Hanson, and ends the same."""
    problems = systems(7, 30)[::3]
    pivoted = solved(problems)
    monkeypatch.setattr("token2metrics.fleet.nonnegative.EXCHANGES_PER_UNKNOWN", 0)
    for one, other in zip(pivoted, solved(problems), strict=True):
        assert np.allclose(one, other, rtol=1e-7, atol=1e-9)


def test_a_freed_factor_leaves_out_bound_unknowns() -> None:
    """Its columns are zero, and the free ones have the least squares of their own."""
    chance = np.random.default_rng(3)
    upper = np.triu(chance.normal(1.0, 1.0, (4, 4)))
    free = np.array([True, False, True])
    found, gain = freed_factor(torch.from_numpy(upper)[..., None], torch.from_numpy(free)[:, None])
    expected = np.linalg.lstsq(upper[:3, :3][:, free], upper[:3, 3], rcond=None)[0]
    kept = found[..., 0].numpy()[:, [*free, True]][[0, 2]]
    assert np.allclose(np.linalg.solve(kept[:, :2], kept[:, 2]), expected)
    assert np.allclose(gain[free].numpy(), 0.0, atol=1e-9)


def drawn(
    seed: int, family: FleetFamily, phase: Phase, rows: int | None = None
) -> tuple[list[Request], Floats]:
    """Draw rows that any weights of a family may have left, with noise."""
    chance = np.random.default_rng(seed)
    weights = len(weight_names(family, phase))
    count = rows or weights + int(chance.integers(1, 12))
    requests = [
        (int(prompt), int(answer))
        for prompt, answer in zip(
            chance.integers(1, 5_000, count), chance.integers(2, 2_000, count), strict=True
        )
    ]
    matrix = design(family, phase, requests)
    truth = np.exp(chance.normal(0.0, 1.0, weights)) / np.maximum(matrix.mean(axis=0), 1e-3)
    truth[chance.random(weights) < 0.3] = 0.0
    seconds = matrix @ truth + 1e-3
    return requests, seconds * np.exp(chance.normal(0.0, 0.2, count))


def fitted(frame: pl.DataFrame, family: FleetFamily = FleetFamily.LINEAR) -> pl.DataFrame:
    """Fit curves with nothing shared, sorted by their keys."""
    return fit_table(frame, Fitting(DEFAULT_BY, family)).sort(KEYS)


@given(seeds, families, curve_phases)
def test_curves_are_the_least_squares_of_their_rows(
    seed: int, family: FleetFamily, phase: Phase
) -> None:
    """A fitted curve has the smallest sum of squared relative errors, as scipy finds it."""
    requests, latency_s = drawn(seed, family, phase)
    curve = fitted(measured("one", phase, requests, latency_s), family).row(0, named=True)
    relative = design(family, phase, requests) / latency_s[:, None]
    size = np.linalg.norm(relative, axis=0)
    best = nnls(relative / size, np.ones(len(latency_s)), maxiter=1_000)[1]
    if curve["status"] != "fitted":
        assert curve["reason"] == Status.SINGULAR
        assert np.linalg.cond(relative / size) > 1e8
        return
    weights = np.array([curve[name] for name in weight_names(family, phase)])
    errors = 1.0 - relative @ weights
    assert (weights >= 0).all()
    assert np.linalg.norm(errors) <= best * (1.0 + 1e-9) + NOTHING
    assert curve["in_sample_mape_percent"] == pytest.approx(100 * np.abs(errors).mean(), abs=1e-8)


@given(seeds, st.sampled_from(FleetFamily), ordered_requests)
@fewer_examples()
def test_predictions_never_fall_as_tokens_rise(seed: int, family: FleetFamily, pair: Pair) -> None:
    """Whatever the rows were, a longer request never takes less time."""
    tables = [measured("one", phase, *drawn(seed, family, phase, 30)) for phase in Phase]
    curves = fitted(pl.concat(tables), family)
    prompts, answers = zip(pair.shorter, pair.longer, strict=True)
    asked = pl.LazyFrame(
        {"device": ["one", "one"], "input_tokens": prompts, "output_tokens": answers}
    )
    priced = predict(curves.lazy(), asked).collect()
    for name in ("prefill_latency_s", "decode_latency_s", "latency_s"):
        shorter_s, longer_s = priced.get_column(name)
        if shorter_s is not None and longer_s is not None:
            assert 0.0 <= shorter_s <= longer_s * (1.0 + 1e-12)


@given(seeds, st.sampled_from(FleetFamily), st.sampled_from([1 << 4, 1 << 8, 1 << 17]))
@fewer_examples()
def test_company_changes_no_digit(seed: int, family: FleetFamily, batch_rows: int) -> None:
    """A curve is the same alone as among others, in whatever batches, where nothing is shared."""
    fleet = imagine(5, rows=(3, 30, 7, 1, 12), seed=seed)
    together = fitted(fleet.rows, family)
    original = curve_rows.BATCH_ROWS
    curve_rows.BATCH_ROWS = batch_rows
    try:
        alone = [fitted(rows, family) for _, rows in fleet.rows.group_by("device", "phase")]
    finally:
        curve_rows.BATCH_ROWS = original
    assert pl.concat(alone).sort(KEYS).equals(together)


@given(seeds)
@fewer_examples()
def test_the_order_of_rows_changes_nothing_but_rounding(seed: int) -> None:
    """Shuffled rows give the same curves."""
    fleet = imagine(12, rows=(4, 9), seed=seed)
    shuffled = fleet.rows.sample(fraction=1.0, shuffle=True, seed=seed % 1_000)
    one, other = fitted(fleet.rows), fitted(shuffled)
    assert one.select(DEFAULT_BY).equals(other.select(DEFAULT_BY))
    for name in (*every_weight(FleetFamily.LINEAR), "held_out_mape_percent", "r2"):
        left, right = (frame.get_column(name).fill_null(0.0).to_numpy() for frame in (one, other))
        assert np.allclose(left, right, rtol=1e-7, atol=1e-9 * np.abs(left).max())


@given(seeds, curve_phases)
@fewer_examples()
def test_held_out_errors_are_those_of_fits_without_each_row(seed: int, phase: Phase) -> None:
    """Leaving rows out one by one gives the same errors, where no weight is at its bound."""
    requests, latency_s = drawn(seed, FleetFamily.LINEAR, phase)
    curve = fitted(measured("one", phase, requests, latency_s)).row(0, named=True)
    relative = design(FleetFamily.LINEAR, phase, requests) / latency_s[:, None]
    free = [
        place
        for place, name in enumerate(weight_names(FleetFamily.LINEAR, phase))
        if curve[name] is not None and curve[name] > 0
    ]
    if curve["held_out_mape_percent"] is None:
        return
    errors = []
    for left_out in range(len(latency_s)):
        kept = np.delete(relative, left_out, axis=0)[:, free]
        size = np.linalg.norm(kept, axis=0)
        values = np.linalg.lstsq(kept / size, np.ones(len(kept)), rcond=None)[0] / size
        errors.append(abs(1.0 - relative[left_out, free] @ values))
    assert curve["held_out_mape_percent"] == pytest.approx(100.0 * np.mean(errors), rel=1e-5)


def test_half_widths_hold_what_they_promise() -> None:
    """Nine of ten further rows lie within the half-width, curves of few rows included."""
    fleet = imagine(1_200, rows=(5, 6, 9), noise=0.02, seed=4, phases=(Phase.DECODE,))
    picked = fleet.rows.with_columns(pl.int_range(pl.len()).over("device").alias("place"))
    further = picked.filter(pl.col("place") == 0).drop("place")
    curves = fitted(picked.filter(pl.col("place") > 0).drop("place"))
    priced = predict(curves.lazy(), further.drop("latency_s", "phase").lazy()).collect()
    off = (further.get_column("latency_s") - priced.get_column("decode_latency_s")).abs()
    share = off / further.get_column("latency_s") * 100.0
    half_width = curves.get_column("half_width_90_percent")
    known = half_width.is_not_null()
    inside = (share <= half_width).filter(known).mean()
    assert known.sum() > 1_000
    assert isinstance(inside, float)
    assert math.isclose(inside, 0.9, abs_tol=0.03)
