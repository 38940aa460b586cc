"""Tell a lasting change from noise: a two-sided cumulative sum (Page, Biometrika 41, 1954)."""

from __future__ import annotations

import msgspec

from token2metrics.monitoring.counted import Counted
from token2metrics.monitoring.thresholds import CAPS_PER_THRESHOLD

ALARM = 1.0 - 1e-9
"""Eight increments at the cap reach it, whatever the rounding."""

QUIET = 0.5
"""Below it requests are taken for usual ones, and learned from."""

MOST_KEPT = 200
"""So many of the latest deviations tell how large a change is."""


class Side(msgspec.Struct):
    """The sum of one direction, as a share of its threshold.

    Attributes:
        height: From 0 to where it alarms.
        since_request: Number of the request with which it last left 0.
        deviations: Those of the requests since.
    """

    height: float = 0.0
    since_request: Counted = 0
    deviations: list[float] = []

    def add(self, increment: float, deviation: float, request: int) -> None:
        """Add one request.

        Args:
            increment: What it says for a change, as a share of the threshold; capped.
            deviation: Its deviation, to tell later how large the change is.
            request: Its number.
        """
        if self.height <= 0.0:
            self.since_request = request
            self.deviations = []
        self.height = max(0.0, self.height + min(increment, 1.0 / CAPS_PER_THRESHOLD))
        self.deviations.append(deviation)
        del self.deviations[:-MOST_KEPT]

    def clear(self) -> None:
        """Begin anew."""
        self.height = 0.0
        self.deviations = []


class Cusum(msgspec.Struct):
    """Both directions.

    Attributes:
        more: More is measured than is usual.
        less: Less is.
    """

    more: Side
    less: Side

    @property
    def is_quiet(self) -> bool:
        """Return whether neither direction is on its way to an alarm."""
        return max(self.more.height, self.less.height) < QUIET

    def add(
        self,
        standardised: float,
        deviation: float,
        request: int,
        allowance: float,
        threshold: float,
    ) -> Side | None:
        """Add one request, and return the direction that alarms.

        Args:
            standardised: Its deviation in spreads.
            deviation: Its deviation as it is.
            request: Its number.
            allowance: What a deviation is reduced by, in spreads.
            threshold: Where a sum alarms, in spreads.
        """
        self.more.add((standardised - allowance) / threshold, deviation, request)
        self.less.add((-standardised - allowance) / threshold, deviation, request)
        for side in (self.more, self.less):
            if side.height >= ALARM:
                return side
        return None

    def clear(self) -> None:
        """Begin anew."""
        self.more.clear()
        self.less.clear()
