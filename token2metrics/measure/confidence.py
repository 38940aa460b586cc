"""How well repeats tell their median, whatever their distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scipy.stats import quantile_test

HALF = 0.5


@dataclass(frozen=True, slots=True)
class MedianInterval:
    """A median and the bounds that order statistics give it.

    Attributes:
        median: Of the repeats.
        low: Lower bound; None while the repeats are too few for the confidence.
        high: Upper bound; None likewise.
    """

    median: float
    low: float | None
    high: float | None

    @property
    def share(self) -> float | None:
        """Half the width of the interval, as a share of the median."""
        if self.low is None or self.high is None or self.median <= 0:
            return None
        return (self.high - self.low) * HALF / self.median


def median_interval(values: Sequence[float], confidence: float) -> MedianInterval:
    """Return the distribution-free confidence interval of a median.

    Its bounds are order statistics (Conover, Practical Nonparametric Statistics, 3.2), so five
    repeats are the fewest that tell anything with a confidence of 0.9.

    Args:
        values: At least one repeat.
        confidence: Between 0 and 1.
    """
    bounds: Any = quantile_test(values, p=HALF).confidence_interval(confidence)
    low, high = float(bounds.low), float(bounds.high)
    if math.isnan(low) or math.isnan(high):
        return MedianInterval(median(values), None, None)
    return MedianInterval(median(values), low, high)
