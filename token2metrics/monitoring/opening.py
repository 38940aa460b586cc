"""Whether a calibration is off from the start, by more than its intervals promise."""

from __future__ import annotations

from statistics import median

import msgspec

CONFIDENCE = 0.99
"""Of the intervals that are held to their promise."""

FEWEST = 5
"""So many requests are enough: that most of five lie beyond one end of a 99 % interval happens
once in 400,000 times."""

MOST = 50
"""After as many requests what is usual is known, and changes are drift."""


class Opening(msgspec.Struct):
    """The first requests against what was predicted for them.

    Attributes:
        since_request: Number of the first.
        logarithms: Of measured over predicted.
        stretches: The same in half-widths of the promised interval.
        is_off: Whether the promise was found broken.
    """

    since_request: int
    logarithms: list[float] = []
    stretches: list[float] = []
    is_off: bool = False

    @property
    def is_open(self) -> bool:
        """Return whether more requests are wanted."""
        return len(self.logarithms) < MOST

    def add(self, logarithm: float, stretch: float) -> bool:
        """Take a request into account, and return whether the promise turns out broken with it."""
        self.logarithms.append(logarithm)
        self.stretches.append(stretch)
        if self.is_off or len(self.stretches) < FEWEST:
            return False
        self.is_off = abs(median(self.stretches)) > 1.0
        return self.is_off
