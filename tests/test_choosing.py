"""Which candidate wins: the most trusted one, unless the rows tell another apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from tests.synthetic import GRID, Request, Row, Truth, experiment, measured, prepared, row, train
from token2metrics.config import CalibrationMethod, RegressionConfig, RegressionType
from token2metrics.curves.spline import KNOTS_TOKENS
from token2metrics.modeling.candidates import (
    CERTAINTY,
    Candidate,
    Choice,
    Scored,
    choose,
    list_candidates,
)
from token2metrics.modeling.gather import gather
from token2metrics.modeling.validation import HeldOut, Split, ValidationPlan
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

FAMILIES_BY_TRUST = (
    RegressionType.ROOFLINE,
    RegressionType.LINEAR,
    RegressionType.POLYNOMIAL,
    RegressionType.TREE,
)
BORDER = 1e-6
"""Probabilities closer than this to the wanted certainty are left to rounding."""

TABLES = 40
NOISE = 0.003
MUCH_NOISE = 0.05
BEND = 1_024
AUTO = RegressionConfig(test_size=0.0)

error_tables = st.integers(0, 2**32 - 1).map(lambda seed: drawn_errors(np.random.default_rng(seed)))


def drawn_errors(chance: np.random.Generator) -> list[list[float]]:
    """Draw the held-out errors of some candidates, whose sizes differ more or less."""
    count = int(chance.integers(2, 25))
    sizes = 10.0 ** chance.uniform(-3.0, -0.5, size=int(chance.integers(1, 5)))
    shared = chance.normal(size=count)
    return [list(size * (shared + chance.normal(size=count))) for size in sizes]


def chosen_from(errors: list[list[float]]) -> tuple[Choice, list[Scored]]:
    """Choose among candidates in the order of trust, whose one fit held out every row."""
    rows = len(errors[0])
    plan = ValidationPlan(
        torch.ones(1, rows, dtype=torch.float64),
        (Split(HeldOut(0, np.ones(rows, dtype=bool)), ()),),
        None,
    )
    scored = [
        Scored(Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT), np.array([one]))
        for family, one in zip(FAMILIES_BY_TRUST, errors, strict=False)
    ]
    return choose(scored, plan, np.ones(rows, dtype=bool)), scored


def losses_of(scored: list[Scored], rows: int) -> np.ndarray:
    """Return the bounded errors of every candidate, ``(candidates, rows)``."""
    everything = np.ones(rows, dtype=bool)
    return np.stack([one.losses([HeldOut(0, everything)], everything) for one in scored])


@pytest.mark.law
@given(tables=st.lists(error_tables, min_size=TABLES, max_size=TABLES))
def test_the_winner_is_the_first_that_chance_excuses(tables: list[list[list[float]]]) -> None:
    """A paired one-sided t-test against the best refuses some; the first that is left wins."""
    for errors in tables:
        assert_excused(errors)


def assert_excused(errors: list[list[float]]) -> None:
    """Assert that the winner among some candidates is the one a t-test leaves first."""
    choice, scored = chosen_from(errors)
    losses = losses_of(scored, len(errors[0]))
    best = losses[int(np.argmin(losses.mean(axis=1)))]
    worse = [
        float(ttest_rel(one, best, alternative="greater").pvalue) if (one != best).any() else 1.0
        for one in losses
    ]
    if any(abs(chance - (1.0 - CERTAINTY)) < BORDER for chance in worse):
        return
    excused = [one for one, chance in zip(scored, worse, strict=True) if chance > 1.0 - CERTAINTY]
    assert choice.candidate == excused[0].candidate


@pytest.mark.law
@given(errors=error_tables, seed=st.integers(0, 100))
def test_the_order_of_rows_has_no_say(errors: list[list[float]], seed: int) -> None:
    """Nor has the sign of the errors."""
    order = np.random.default_rng(seed).permutation(len(errors[0]))
    shuffled = [[-one[place] for place in order] for one in errors]
    assert chosen_from(shuffled)[0].candidate == chosen_from(errors)[0].candidate


@given(errors=error_tables)
def test_alike_candidates_are_chosen_by_trust(errors: list[list[float]]) -> None:
    """Equal errors, or a single held-out row, leave it to the order."""
    assert chosen_from([errors[0]] * 4)[0].candidate.family is FAMILIES_BY_TRUST[0]
    single = [[one[0]] for one in errors]
    assert chosen_from(single)[0].candidate.family is FAMILIES_BY_TRUST[0]


def test_few_rows_leave_it_to_trust_and_many_do_not() -> None:
    """The same scatter of differences: three rows may be luck, thirty are not."""
    trusted, better = [0.10, 0.02, 0.09], [0.05, 0.04, 0.03]
    assert chosen_from([trusted, better])[0].candidate.family is FAMILIES_BY_TRUST[0]
    assert chosen_from([trusted * 10, better * 10])[0].candidate.family is FAMILIES_BY_TRUST[1]
    assert chosen_from([better * 10, trusted * 10])[0].candidate.family is FAMILIES_BY_TRUST[0]


def noisy(rows: list[Row], noise: float = NOISE) -> list[Row]:
    """Return rows whose latencies scatter."""
    chance = np.random.default_rng(0)
    return [{**one, "latency_s": one["latency_s"] * chance.lognormal(0.0, noise)} for one in rows]


def stairs_s(request: Request) -> float:
    """Return a decode latency that jumps where no knot and no tile is."""
    base_s = Truth(RegressionType.TREE).latency_s(Phase.DECODE, request)
    return base_s + 5.0 * sum(request[1] > edge for edge in (300, 900, 1_900))


def test_many_rows_of_a_bent_device_choose_a_spline() -> None:
    """One change of the slope: steps would follow the scatter, and one slope would miss it."""
    slower = {f"slope_from_{knot}": 0.04 for knot in KNOTS_TOKENS if knot >= BEND}
    truth = Truth(RegressionType.SPLINE, changed=slower)
    requests = [(64, count) for count in range(50, 3_500, 10)]
    rows = noisy(measured(truth, requests, [Phase.DECODE]), MUCH_NOISE)
    trained = train(rows, experiment(AUTO, CalibrationMethod.AUTO, server_model=None))
    assert trained.model.record.phases[Phase.DECODE].family is RegressionType.SPLINE


def test_many_rows_of_a_device_with_stairs_choose_a_tree() -> None:
    """Steps off every knot and tile are learned one by one."""
    requests = [(64, answer) for answer in range(50, 3_500, 57)]
    rows = noisy([row(Phase.DECODE, one, stairs_s(one)) for one in requests])
    trained = train(rows, experiment(AUTO, CalibrationMethod.AUTO, server_model=None))
    assert trained.model.record.phases[Phase.DECODE].family is RegressionType.TREE


@pytest.mark.parametrize("count", [2, 3, 7])
def test_few_rows_of_a_believed_device_keep_the_belief(count: int) -> None:
    """The most trusted candidate wins although others pass through such rows as well."""
    rows = noisy(measured(Truth(RegressionType.ROOFLINE), GRID[::6][:count]))
    chosen = experiment(AUTO, CalibrationMethod.AUTO, server_model=None)
    sources = gather(prepared(rows), [chosen], chosen)
    most_trusted = list_candidates(chosen, sources)[0]
    model = train(rows, chosen).model
    for phase in FITTED_PHASES:
        assert model.record.phases[phase].family is most_trusted.family
        assert model.record.phases[phase].source is SourceKind.HARDWARE
