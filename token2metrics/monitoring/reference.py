"""What is usual for requests of one kind."""

from __future__ import annotations

from statistics import median

import msgspec

from token2metrics.monitoring.counted import Counted

FEWEST = 5
"""So many requests of a kind make a reference; until then they are not judged."""

MOST_MOVED = 1.5
"""Deviations, in spreads, count for no more (Huber 1964)."""

VARIANCE_OF_MEDIAN = 1.5
"""A median of ``n`` normal values varies by about this over ``n`` times their variance."""


class Reference(msgspec.Struct):
    """The usual logarithm of measured over predicted among requests of one kind.

    Attributes:
        first: The first of them, until there are enough.
        value: The usual one; of no meaning before.
        counted: How many it rests on.
    """

    first: list[float] = []
    value: float = 0.0
    counted: Counted = 0

    @property
    def is_known(self) -> bool:
        """Return whether enough requests were seen to judge another one."""
        return self.counted >= FEWEST

    @property
    def variance(self) -> float:
        """Return how well it is known: its variance over that of one request."""
        return VARIANCE_OF_MEDIAN / self.counted

    def begin(self, logarithm: float) -> None:
        """Take one of the first requests into account."""
        self.first.append(logarithm)
        self.counted += 1
        if self.is_known:
            self.value = median(self.first)
            self.first = []

    def learn(self, logarithm: float, spread: float) -> None:
        """Move towards one more request, by the less the more there were."""
        self.counted += 1
        most = MOST_MOVED * spread
        self.value += min(max(logarithm - self.value, -most), most) / self.counted
