"""A spread that is learned one deviation at a time, and that outliers cannot move far."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec

MEDIAN_OF_NORMAL = 0.6745
"""Half of all deviations of a normal distribution are below this many standard deviations."""

SHARE_BELOW = 0.5
GAIN = 2.0
"""Near the fastest convergence: the share below a spread changes by 0.43 per unit of its
logarithm, so that ``1 / 0.43`` is the step of Newton's method."""

BELIEVED_AS = 10
"""How many deviations the first guess counts for."""

MOST_COUNTED = 500
"""After as many deviations the spread goes on to follow, ever at the same pace."""

SMALLEST = 1e-9


class Scale(msgspec.Struct):
    """Standard deviation of the bulk of deviations, by stochastic approximation of their median.

    Robbins and Monro 1951: the logarithm of the spread rises when a deviation is above its median
    and falls when it is below, by ever smaller steps.

    Attributes:
        value: Standard deviation.
        counted: Deviations behind it, the first guess included.
    """

    value: float
    counted: Annotated[int, msgspec.Meta(ge=1, le=MOST_COUNTED)] = BELIEVED_AS

    def learn(self, deviation: float) -> None:
        """Take one deviation into account."""
        self.counted = min(self.counted + 1, MOST_COUNTED)
        above = abs(deviation) > MEDIAN_OF_NORMAL * self.value
        step = GAIN / self.counted * (above - SHARE_BELOW)
        self.value = max(SMALLEST, self.value * math.exp(step))
