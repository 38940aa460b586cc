"""What a monitor is asked to look for."""

from __future__ import annotations

import math

from token2metrics.errors import ConfigurationError
from token2metrics.monitoring.change import logarithm_of
from token2metrics.monitoring.thresholds import Thresholds, check_rate
from token2metrics.monitoring.tracker import Rules
from token2metrics.prediction.result import Result

DEFAULT_CHANGE_PERCENT = 3.0
LEAST_CHANGE_PERCENT, MOST_CHANGE_PERCENT = 0.1, 100.0
DEFAULT_REQUESTS_PER_FALSE_ALARM = 10_000


class MonitorOptions(Result, frozen=True):
    """What counts as a drift, and what becomes of it.

    Attributes:
        smallest_change_percent: The smallest change worth an alarm. Less than half of it is never
            taken for a drift.
        requests_per_false_alarm: How rare false alarms are to be, per metric.
        updates: Whether levels follow the requests.

    Raises:
        ConfigurationError: If a change or a rate is out of range.
    """

    smallest_change_percent: float = DEFAULT_CHANGE_PERCENT
    requests_per_false_alarm: int = DEFAULT_REQUESTS_PER_FALSE_ALARM
    updates: bool = False

    def __post_init__(self) -> None:
        """Refuse what no chart can be drawn for."""
        change = self.smallest_change_percent
        if not math.isfinite(change) or not LEAST_CHANGE_PERCENT <= change <= MOST_CHANGE_PERCENT:
            raise ConfigurationError(
                f"expected a smallest change (--change) of {LEAST_CHANGE_PERCENT:g} to "
                f"{MOST_CHANGE_PERCENT:g} %, got {change!r}"
            )
        check_rate(self.requests_per_false_alarm)

    def rules(self) -> Rules:
        """Return how a tracker judges."""
        return Rules(
            change=logarithm_of(self.smallest_change_percent),
            thresholds=Thresholds(self.requests_per_false_alarm),
            follows=self.updates,
        )
