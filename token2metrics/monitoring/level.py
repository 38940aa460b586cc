"""Follow the level of both phases from finished requests: a robust Kalman filter.

A level is a positive factor on the latency of a phase, so every law of the predictions holds at
any level. The filter estimates the logarithms of both levels together, since a request that only
tells its whole latency speaks of both: by their shares of it (Kalman 1960; innovations are clipped
as in Masreliez and Martin 1977).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec

from token2metrics.artifact.fitted import LARGEST_LEVEL, SMALLEST_LEVEL
from token2metrics.monitoring.scale import Scale
from token2metrics.vocabulary import FITTED_PHASES, Phase

DRIFT_PER_REQUEST = 2e-4
"""Standard deviation by which a level wanders from one request to the next."""

MOST_SURPRISED = 2.5
"""Innovations, in their standard deviations, count for no more."""

LOWEST_LOG, HIGHEST_LOG = math.log(SMALLEST_LEVEL), math.log(LARGEST_LEVEL)

Shares = tuple[float, float]
"""What prefill and decode contribute to a latency."""

LogLevel = Annotated[float, msgspec.Meta(ge=LOWEST_LOG, le=HIGHEST_LOG)]
Variance = Annotated[float, msgspec.Meta(ge=0.0)]


class Levels(msgspec.Struct):
    """Logarithms of the levels of prefill and decode, and how well they are known.

    Attributes:
        prefill: Of prefill.
        decode: Of decode.
        prefill_variance: Of the former.
        decode_variance: Of the latter.
        covariance: Of both.
        scatter: How far requests lie around their prediction, by what is measured of them.

    Raises:
        ValueError: If the scatter of something that can be measured is missing.
    """

    prefill: LogLevel
    decode: LogLevel
    prefill_variance: Variance
    decode_variance: Variance
    scatter: dict[Phase, Scale]
    covariance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what could not learn."""
        missing = [phase for phase in Phase if phase not in self.scatter]
        if missing:
            raise ValueError(f"the scatter of {', '.join(missing)} is missing")

    def log_level(self, phase: Phase) -> float:
        """Return the logarithm of the level of prefill or decode."""
        return self.prefill if phase is Phase.PREFILL else self.decode

    def learn(self, measured: Phase, shares: Shares, surprise: float) -> None:
        """Take one measured latency into account.

        Args:
            measured: Prefill, decode or the whole request.
            shares: What each phase contributes to it; they add up to one.
            surprise: Logarithm of measured over predicted at the present levels.
        """
        self.prefill_variance += DRIFT_PER_REQUEST**2
        self.decode_variance += DRIFT_PER_REQUEST**2
        one, other = shares
        toward_prefill = one * self.prefill_variance + other * self.covariance
        toward_decode = one * self.covariance + other * self.decode_variance
        scatter = self.scatter[measured]
        total = one * toward_prefill + other * toward_decode + scatter.value**2
        scatter.learn(surprise)
        most = MOST_SURPRISED * math.sqrt(total)
        step = min(max(surprise, -most), most) / total
        self.prefill = _lawful(self.prefill + toward_prefill * step)
        self.decode = _lawful(self.decode + toward_decode * step)
        self.prefill_variance = max(0.0, self.prefill_variance - toward_prefill**2 / total)
        self.decode_variance = max(0.0, self.decode_variance - toward_decode**2 / total)
        self.covariance -= toward_prefill * toward_decode / total

    def doubt(self, phase: Phase, change: float) -> None:
        """Know a level less well, since it turned out to have moved.

        Args:
            phase: What changed; of a whole request both levels may have.
            change: Logarithm of the change.
        """
        if phase is not Phase.DECODE:
            self.prefill_variance += change**2
        if phase is not Phase.PREFILL:
            self.decode_variance += change**2


def follow(levels: Levels, latencies: Mapping[Phase, float], shares: Shares) -> None:
    """Let the levels follow one request.

    Args:
        levels: What is known of them.
        latencies: Logarithm of measured over predicted of what was measured: of prefill and
            decode where they are known, else of the whole request.
        shares: What prefill and decode contribute to the whole.
    """
    alone = {Phase.PREFILL: (1.0, 0.0), Phase.DECODE: (0.0, 1.0)}
    parts = [phase for phase in FITTED_PHASES if phase in latencies]
    for phase in parts:
        levels.learn(phase, alone[phase], latencies[phase])
    if not parts and Phase.REQUEST in latencies:
        levels.learn(Phase.REQUEST, shares, latencies[Phase.REQUEST])


def _lawful(log_level: float) -> float:
    """Keep a level where artifacts allow it."""
    return min(max(log_level, LOWEST_LOG), HIGHEST_LOG)
