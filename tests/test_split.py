"""Splits keep token settings whole."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from token2metrics.processors.split import fold_numbers, holdout_mask

counts = st.integers(0, 4)
settings_lists = st.lists(st.tuples(counts, counts), min_size=1, max_size=40)
seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.0, 0.99)


def as_array(rows: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Turn drawn settings into what the splits take."""
    return np.array(rows, dtype=np.float64)


@given(settings_lists, st.integers(2, 10), seeds)
def test_folds_are_whole_and_balanced(rows: list[tuple[int, int]], folds: int, seed: int) -> None:
    """Equal settings share a fold; folds hold equally many settings, one more at most."""
    numbers = fold_numbers(as_array(rows), folds, seed)
    fold_of = dict(zip(rows, numbers.tolist(), strict=True))
    assert [fold_of[row] for row in rows] == numbers.tolist()
    sizes = np.bincount(list(fold_of.values()))
    assert len(sizes) == min(folds, len(fold_of))
    assert sizes.max() - sizes.min() <= 1


@given(settings_lists, st.integers(2, 10), shares, seeds, seeds)
def test_splits_commute_with_row_order(
    rows: list[tuple[int, int]], folds: int, share: float, seed: int, order_seed: int
) -> None:
    """A shuffled table has the same split, shuffled."""
    settings = as_array(rows)
    order = np.random.default_rng(order_seed).permutation(len(rows))
    folded = fold_numbers(settings, folds, seed)
    held_out = holdout_mask(settings, share, seed)
    assert (fold_numbers(settings[order], folds, seed) == folded[order]).all()
    assert (holdout_mask(settings[order], share, seed) == held_out[order]).all()


@given(settings_lists, shares, seeds)
def test_holdout_leaves_enough_to_train(
    rows: list[tuple[int, int]], share: float, seed: int
) -> None:
    """Some settings are held out if any is asked for and two remain; whole ones only."""
    mask = holdout_mask(as_array(rows), share, seed)
    held_out = {row for row, out in zip(rows, mask, strict=True) if out}
    trained = set(rows) - held_out
    assert held_out == {row for row in rows if row not in trained}
    assert len(trained) >= min(2, len(set(rows)))
    assert bool(held_out) == (share > 0 and len(set(rows)) > 2)
    assert mask.sum() == sum(row in held_out for row in rows)


def test_another_seed_is_another_split() -> None:
    """The seed matters."""
    settings = as_array([(number, 0) for number in range(50)])
    assert (fold_numbers(settings, 5, 1) != fold_numbers(settings, 5, 2)).any()
    assert (holdout_mask(settings, 0.2, 1) != holdout_mask(settings, 0.2, 2)).any()
    assert holdout_mask(settings, 0.2, 1).sum() == 10
