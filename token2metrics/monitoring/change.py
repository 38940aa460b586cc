"""By how much something changed: the middle of deviations, and how well they tell it."""

from __future__ import annotations

import math
from statistics import NormalDist, median

from token2metrics.monitoring.scale import MEDIAN_OF_NORMAL
from token2metrics.prediction.result import Interval

PERCENT = 100.0
CONFIDENCE = 0.9
FEWEST = 3
"""Fewer deviations say nothing of how far apart they lie."""

MOST_LOGARITHM = 700.0
"""Larger changes have no percentage in floating point."""

ERROR_OF_MEDIAN = math.sqrt(math.pi / 2.0)
"""A median is off by this much more than the mean of normal values."""


def percent_of(logarithm: float) -> float:
    """Return a change of the logarithm in percent."""
    return PERCENT * math.expm1(min(logarithm, MOST_LOGARITHM))


def logarithm_of(percent: float) -> float:
    """Return a change in percent as a logarithm."""
    return math.log1p(percent / PERCENT)


def error_percent_of(logarithm: float) -> float:
    """Return the error of a prediction in percent; above 0 predicts too much.

    Args:
        logarithm: Of measured over predicted.
    """
    return percent_of(-logarithm)


def error_words(error_percent: float) -> str:
    """Return an error of predictions in words, such as ``3.9 % too much``."""
    return f"{abs(error_percent):.1f} % too {'much' if error_percent >= 0.0 else 'little'}"


def error_interval_percent(logarithms: list[float], spread: float) -> Interval | None:
    """Bound the error of predictions as ``interval_percent`` bounds a change.

    Args:
        logarithms: Of measured over predicted.
        spread: How far requests lie apart without a change.
    """
    return interval_percent([-one for one in logarithms], spread)


def interval_percent(logarithms: list[float], spread: float) -> Interval | None:
    """Bound a change by the middle of deviations, at 90 %.

    Args:
        logarithms: Deviations since the change.
        spread: How far requests lie apart without one; they are never taken to lie closer.

    Returns:
        Percent; None for fewer than three. It takes deviations as independent, and does not know
        that a change is looked at because it was seen.
    """
    if len(logarithms) < FEWEST:
        return None
    middle = median(logarithms)
    apart = median(abs(one - middle) for one in logarithms) / MEDIAN_OF_NORMAL
    quantile = NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)
    error = quantile * ERROR_OF_MEDIAN * max(apart, spread) / math.sqrt(len(logarithms))
    return Interval(lower=percent_of(middle - error), upper=percent_of(middle + error))
