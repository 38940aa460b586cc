"""Paired timings: every contender takes its turn in each round, so that drift meets all alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.protocol import Floats

Work = Callable[[], object]


def timed_s(work: Work) -> float:
    """Return how long a piece of work takes on the clock, in seconds."""
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def rounds_s(contenders: Mapping[str, Work], rounds: int) -> dict[str, Floats]:
    """Time each contender once per round, in turns that begin with another one each time.

    Args:
        contenders: Work by name; each does the same amount in every round.
        rounds: How many rounds.

    Returns:
        Seconds by name, ``(rounds,)``.
    """
    names = list(contenders)
    taken: dict[str, list[float]] = {name: [] for name in names}
    collects = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            first = turn % len(names)
            for name in (*names[first:], *names[:first]):
                taken[name].append(timed_s(contenders[name]))
            gc.collect()
    finally:
        if collects:
            gc.enable()
    return {name: np.array(values) for name, values in taken.items()}


def median_ratio(above_s: Floats, below_s: Floats) -> float:
    """Return the median over rounds of one time over another."""
    return float(np.median(above_s / below_s))


def fastest(taken_s: Mapping[str, Floats]) -> str:
    """Return who has the smallest median."""
    return min(taken_s, key=lambda name: float(np.median(taken_s[name])))
