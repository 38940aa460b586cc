"""Splits that hold out whole token settings, never single rows of one."""

import numpy as np
from numpy.typing import NDArray

MIN_TRAINING_SETTINGS = 2


def fold_numbers(settings: NDArray[np.float64], folds: int, random_state: int) -> NDArray[np.int64]:
    """Deal token settings into folds of equal size.

    The settings are sorted before they are shuffled, so the order of the rows does not matter.

    Args:
        settings: Input and output tokens of each row, shape ``(rows, 2)``.
        folds: How many folds; fewer when there are fewer distinct settings.
        random_state: Seed of the shuffle.

    Returns:
        The fold of each row, counted from 0; rows of one setting share it.
    """
    places, count = _shuffled_places(settings, random_state)
    return places % max(1, min(folds, count))


def holdout_mask(
    settings: NDArray[np.float64], test_size: float, random_state: int
) -> NDArray[np.bool_]:
    """Choose token settings for the test error.

    Args:
        settings: Input and output tokens of each row, shape ``(rows, 2)``.
        test_size: Share of the settings held out.
        random_state: Seed of the choice.

    Returns:
        True for held-out rows. At least one setting is held out when ``test_size`` is above 0,
        none when fewer than two would remain for training.
    """
    places, count = _shuffled_places(settings, random_state)
    wanted = max(1, round(test_size * count)) if test_size > 0 else 0
    return places < max(0, min(wanted, count - MIN_TRAINING_SETTINGS))


def _shuffled_places(
    settings: NDArray[np.float64], random_state: int
) -> tuple[NDArray[np.int64], int]:
    """Return the place of each row's setting in a shuffled deck, and the size of the deck."""
    distinct, setting_of_row = np.unique(settings, axis=0, return_inverse=True)
    deck = np.random.default_rng(random_state).permutation(len(distinct)).astype(np.int64)
    return deck[setting_of_row.reshape(-1)], len(distinct)
