"""Levels that a device can come to have, and those that a wrong unit or model makes up."""

from __future__ import annotations

import math

from token2metrics.cost import AS_FITTED
from token2metrics.monitoring.result import LevelReport, ModelReport

MOST_TIMES = 3.0
"""A level further from the fit than this, either way, is none: other clocks or another release of
the engine move latencies by less, a wrong unit or another model by more."""

MILLI = 1000.0
LARGE = 10.0
"""Factors from this on are written as whole numbers."""

NEAR = 2.0
"""A factor within this of a thousand, either way, is one of milliseconds."""


def is_plausible(level: float) -> bool:
    """Return whether a level is one that a device may have come to."""
    return _is_within(level, AS_FITTED, MOST_TIMES)


def refusal_words(model: ModelReport) -> str | None:
    """Say which levels of a model were refused, and what to do; None where none was.

    Args:
        model: Where it stands.
    """
    refused = [one for one in model.levels if one.refused is not None]
    if not refused:
        return None
    asked = " and ".join(f"{one.phase} latency {_times(one.refused)}" for one in refused)
    return (
        f"expected --update to move levels to at most {MOST_TIMES:g} times the fit, either way, "
        f"got {model.name} {asked} as long as fitted: not moved; {_advice(refused)}"
    )


def _times(factor: float | None) -> str:
    """Write a factor: whole where it is large."""
    if factor is None:
        return "no times"
    return f"{factor:,.0f} times" if factor >= LARGE else f"{factor:.2g} times"


def _advice(refused: list[LevelReport]) -> str:
    """Say what to do about levels that were refused."""
    factors = [one.refused for one in refused if one.refused is not None]
    if any(_is_within(factor, MILLI, NEAR) for factor in factors):
        return "the latencies seem to be milliseconds: divide them by 1,000"
    return "check the units and --model, or calibrate again"


def _is_within(factor: float, center: float, times: float) -> bool:
    """Return whether a factor lies within so many times another, either way."""
    return abs(math.log(factor / center)) <= math.log(times)
