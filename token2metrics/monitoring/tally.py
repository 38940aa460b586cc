"""Percentage errors of a stream, in little memory."""

from __future__ import annotations

import math

import msgspec

from token2metrics.monitoring.counted import Counted

PERCENT = 100.0
RECENT = 50
"""So many requests are the last ones."""

NINETIETH = 0.9
WIDTH = math.log(1.02)
"""Of a bin of the logarithm of absolute errors: a percentile is known to 1 % of itself."""

SMALLEST_APE = 1e-9
"""Smaller errors, in percent, share a bin."""


class Tally(msgspec.Struct):
    """Counts, sums and a histogram of percentage errors.

    Attributes:
        requests: How many.
        absolute_percent: Sum of absolute errors.
        signed_percent: Sum of signed errors; above 0 predicts too much.
        bins: How many absolute errors fall into each bin of their logarithm.
        recent_percent: The last signed errors, oldest first.
    """

    requests: Counted = 0
    absolute_percent: float = 0.0
    signed_percent: float = 0.0
    bins: dict[int, int] = {}
    recent_percent: list[float] = []

    def add(self, predicted: float, measured: float) -> None:
        """Count one request."""
        error = PERCENT * (predicted / measured - 1.0)
        self.requests += 1
        self.absolute_percent += abs(error)
        self.signed_percent += error
        place = math.floor(math.log(max(abs(error), SMALLEST_APE)) / WIDTH)
        self.bins[place] = self.bins.get(place, 0) + 1
        self.recent_percent.append(error)
        del self.recent_percent[:-RECENT]

    @property
    def mape_percent(self) -> float:
        """Mean absolute percentage error."""
        return self.absolute_percent / self.requests

    @property
    def bias_percent(self) -> float:
        """Mean signed percentage error."""
        return self.signed_percent / self.requests

    @property
    def recent_bias_percent(self) -> float:
        """Mean signed percentage error of the last requests."""
        return sum(self.recent_percent) / len(self.recent_percent)

    @property
    def p90_ape_percent(self) -> float:
        """90th percentile of the absolute percentage error: the middle of its bin."""
        wanted = math.ceil(NINETIETH * self.requests)
        seen = 0
        for place in sorted(self.bins):
            seen += self.bins[place]
            if seen >= wanted:
                break
        return math.exp((place + 0.5) * WIDTH)
