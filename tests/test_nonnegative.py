"""Non-negative least squares from a guess: SciPy's solution, whatever the guess."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from token2metrics.modeling import nonnegative as module
from token2metrics.modeling.nonnegative import FEWEST_UNKNOWNS, nonnegative

pytestmark = pytest.mark.law

seeds = st.integers(0, 2**32 - 1)
RELATIVE = 1e-9


def system(seed: int, unknowns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw staircases and slopes of sorted lengths, what they yield, and a guess."""
    chance = np.random.default_rng(seed)
    lengths = np.sort(chance.integers(1, 2_000, 3 * unknowns)).astype(float)
    edges = np.sort(chance.choice(np.unique(lengths), unknowns - 2, replace=False))
    steps = (lengths[:, None] > edges[None, :]).astype(float)
    features = np.column_stack([np.ones(len(lengths)), lengths / lengths.max(), steps])
    truth = np.where(chance.random(unknowns) < 0.3, chance.random(unknowns), 0.0)
    seconds = (features @ truth + 0.1) * np.exp(0.05 * chance.standard_normal(len(lengths)))
    relative = features / seconds[:, None]
    ridge = np.diag(np.append([0.0, 0.0], np.full(unknowns - 2, 0.1 * chance.random())))
    matrix = np.vstack([relative, ridge])
    right = np.append(np.ones(len(lengths)), np.zeros(unknowns))
    return matrix, right, chance.random(unknowns) < chance.random()


@given(seed=seeds, unknowns=st.sampled_from([4, FEWEST_UNKNOWNS, 60]))
def test_any_guess_leads_to_the_least_squares(seed: int, unknowns: int) -> None:
    """What is found explains as much as SciPy's solution, and predicts the same."""
    matrix, right, guess = system(seed, unknowns)
    found = nonnegative(matrix, right, guess)
    wanted, distance = nnls(matrix, right, maxiter=100 * unknowns)
    assert found.min() >= 0.0
    assert np.linalg.norm(matrix @ found - right) <= distance * (1.0 + RELATIVE) + RELATIVE
    assert np.allclose(matrix @ found, matrix @ wanted, rtol=0.0, atol=1e-7)


@given(seed=seeds)
def test_unknowns_that_cannot_be_told_apart_are_left_to_scipy(seed: int) -> None:
    """A column that occurs twice has no Cholesky factor; the answer is still a best one."""
    matrix, right, _ = system(seed, FEWEST_UNKNOWNS)
    doubled = np.column_stack([matrix[:, :3], matrix[:, :3], matrix])
    found = nonnegative(doubled, right, np.ones(doubled.shape[1], dtype=bool))
    _, distance = nnls(doubled, right, maxiter=100 * doubled.shape[1])
    assert found.min() >= 0.0
    assert np.linalg.norm(doubled @ found - right) <= distance * (1.0 + RELATIVE) + RELATIVE


def test_a_good_guess_needs_no_other_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems of learned steps are solved by exchanges alone, also from an empty guess."""
    monkeypatch.setattr(module, "nnls", None)
    for seed in range(20):
        matrix, right, guess = system(seed, 60)
        for start in (guess, np.zeros(60, dtype=bool), np.ones(60, dtype=bool)):
            assert nonnegative(matrix, right, start).any()
