"""Where a CUSUM alarms, so that false alarms are as rare as was asked for."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from token2metrics.errors import ConfigurationError

FEWEST_TO_ALARM = 8
CAPS_PER_THRESHOLD = FEWEST_TO_ALARM - 0.5
"""No request counts for more than this part of the threshold, so no seven outliers alarm."""

LOWEST_THRESHOLD = CAPS_PER_THRESHOLD
"""In spreads: an increment of one spread is never capped."""

ALLOWANCES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)
"""What each deviation is reduced by, in spreads: half the change to find."""

REQUESTS_PER_ALARM = (1e2, 1e3, 1e4, 1e5, 1e6)
THRESHOLDS = (
    (7.5, 33.42, 74.3, 130.11, 195.54),
    (7.5, 24.93, 45.58, 68.53, 92.32),
    (7.5, 17.37, 28.91, 40.43, 52.07),
    (7.5, 12.34, 21.45, 29.23, 36.95),
    (7.5, 7.53, 16.83, 23.01, 28.83),
    (7.5, 7.5, 13.37, 18.87, 23.68),
    (7.5, 7.5, 10.45, 15.76, 20.02),
    (7.5, 7.5, 7.5, 11.02, 14.88),
    (7.5, 7.5, 7.5, 7.5, 11.13),
    (7.5, 7.5, 7.5, 7.5, 7.5),
)
"""In spreads: a row per allowance, a column per rate; by ``benchmarks/drift_thresholds.py``."""


def check_rate(requests: int) -> None:
    """Refuse rates of false alarms that the table does not hold.

    Raises:
        ConfigurationError: If false alarms would be more or less frequent than it goes.
    """
    fewest, most = int(REQUESTS_PER_ALARM[0]), int(REQUESTS_PER_ALARM[-1])
    if not fewest <= requests <= most:
        raise ConfigurationError(
            f"expected one false alarm in {fewest:,} to {most:,} requests, got {requests!r}"
        )


class Thresholds:
    """Thresholds at one rate of false alarms.

    Args:
        requests: Requests per false alarm, of both directions together, were there never a drift
            and deviations normal and independent.
    """

    def __init__(self, requests: int) -> None:
        check_rate(requests)
        rates = [math.log(one) for one in REQUESTS_PER_ALARM]
        self._thresholds = [_between(rates, row, math.log(requests)) for row in THRESHOLDS]

    def at(self, allowance: float) -> float:
        """Return the threshold at an allowance, both in spreads; between rows a straight line.

        Thresholds fall ever more slowly as allowances rise, so the line is on the safe side.
        """
        return _between(ALLOWANCES, self._thresholds, allowance)


def _between(places: Sequence[float], values: Sequence[float], place: float) -> float:
    """Interpolate; beyond either end its value holds."""
    above = min(max(bisect_right(places, place), 1), len(places) - 1)
    low, high = places[above - 1], places[above]
    share = min(max((place - low) / (high - low), 0.0), 1.0)
    return values[above - 1] + share * (values[above] - values[above - 1])
