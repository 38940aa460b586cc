"""The thresholds of the monitor's CUSUM: ``python benchmarks/drift_thresholds.py``.

Prints the table that ``token2metrics/monitoring/thresholds.py`` holds. The average run length
without drift is that of Brook and Evans' Markov chain (Biometrika 59, 1972) for standard normal
deviations whose increments are capped, on a grid that the cap falls on exactly.
"""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.optimize import brentq
from scipy.special import ndtr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from token2metrics.monitoring.thresholds import (
    ALLOWANCES,
    CAPS_PER_THRESHOLD,
    LOWEST_THRESHOLD,
    REQUESTS_PER_ALARM,
)

logger = logging.getLogger(__name__)

STEPS_PER_CAP = 27
"""Odd, so that both the cap and half a step below the threshold fall on the grid; with 53 the run
lengths differ by less than 0.1 %."""

SIDES = 2
DECIMALS = 2


def average_run_length(
    allowance: float, threshold: float, steps_per_cap: int = STEPS_PER_CAP
) -> float:
    """Return after how many requests without drift a one-sided CUSUM alarms, on average.

    Args:
        allowance: What each deviation is reduced by, in spreads.
        threshold: Where it alarms, in spreads.
        steps_per_cap: Grid steps that the largest increment spans; odd.
    """
    states = round(CAPS_PER_THRESHOLD * steps_per_cap + 0.5)
    step = threshold / (states - 0.5)
    cap = steps_per_cap * step
    place = np.arange(states)
    moves = (place[None, :] - place[:, None]) * step

    def below(increment: np.ndarray) -> np.ndarray:
        """Return the probability that an increment is at most this."""
        capped: np.ndarray = np.where(increment >= cap, 1.0, ndtr(increment + allowance))
        return capped

    chain = below(moves + step / 2) - below(moves - step / 2)
    chain[:, 0] = below(moves[:, 0] + step / 2)
    lengths = np.linalg.solve(np.eye(states) - chain, np.ones(states))
    return float(lengths[0])


def threshold_of(allowance: float, requests: float) -> float:
    """Return the threshold at which two sides together alarm once in so many requests.

    Args:
        allowance: What each deviation is reduced by, in spreads.
        requests: Requests per false alarm.
    """
    wanted = SIDES * requests
    highest = LOWEST_THRESHOLD
    if average_run_length(allowance, highest) >= wanted:
        return LOWEST_THRESHOLD
    while average_run_length(allowance, highest) < wanted:
        highest *= SIDES

    def excess(threshold: float) -> float:
        """Return by how much the logarithm of the run length is too large."""
        return math.log(average_run_length(allowance, threshold) / wanted)

    return float(brentq(excess, highest / SIDES, highest))


def main() -> None:
    """Print the table, a line per allowance."""
    console = Console()
    for allowance in ALLOWANCES:
        row = (round(threshold_of(allowance, one), DECIMALS) for one in REQUESTS_PER_ALARM)
        console.out(f"    ({', '.join(map(str, row))}),", highlight=False)


if __name__ == "__main__":
    main()
