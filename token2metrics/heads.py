"""Power and energy of a phase from its latency, between idle and the device's limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from token2metrics.algebra import Algebra, T
from token2metrics.curves import Parameter

SMALLEST_DURATION_RATIO = 1e-12
LOAD_SHARE = "load_share"
MIN_RAMP_S = 0.05
MAX_RAMP_S = 20.0
INITIAL_RAMP_S = 1.0
INITIAL_LOAD_SHARE = 0.5
INITIAL_RAMP_SHARE = 0.1
INITIAL_TAIL_SHARE = 0.5
WIDE_SPREAD = 3.0
RAMP_SPREAD = 1.0
"""Priors on what few metered rows cannot tell: shares of the range, and the ramp's length."""
MAX_RAMP_SHARE = 0.99
"""A ramp from zero would leave the power of short phases to rounding errors."""

UNLIMITED_POWER_W = 10_000.0
"""Stands for a device whose power limit nobody stated."""


@dataclass(frozen=True, slots=True)
class PowerHead:
    """Power that ramps up to a steady value: ``P(t) = P_inf - dP exp(-t / tau)``.

    The steady power lies between idle and limit, and the ramp starts no lower than idle, at any
    lawful weights; so the mean power of a phase rises with its length, and energy, mean power
    times latency, never falls (EdgeReasoning, Kubwimana and Huang 2025, arXiv:2511.01866).

    Attributes:
        idle_power_w: Power without work on the measured rail.
        power_limit_w: Most power the rail can draw.
    """

    idle_power_w: float
    power_limit_w: float

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the load's share of the range, the ramp's of the load, and the time constant.

        ``tail_share`` is what power does after the work until a longer window closes, from 0,
        idle at once, to 1, steady power throughout.
        """
        return (
            Parameter(LOAD_SHARE, INITIAL_LOAD_SHARE, upper=1.0),
            Parameter("ramp_share", INITIAL_RAMP_SHARE, upper=MAX_RAMP_SHARE, spread=WIDE_SPREAD),
            Parameter(
                "ramp_s", INITIAL_RAMP_S, lower=MIN_RAMP_S, upper=MAX_RAMP_S, spread=RAMP_SPREAD
            ),
            Parameter("tail_share", INITIAL_TAIL_SHARE, upper=1.0, spread=WIDE_SPREAD),
        )

    def _load_w(self, weights: Mapping[str, T]) -> T:
        """Return the steady power above idle."""
        load: T = weights[LOAD_SHARE] * (self.power_limit_w - self.idle_power_w)
        return load

    def mean_power_w(self, algebra: Algebra[T], latency_s: T, weights: Mapping[str, T]) -> T:
        """Return the mean power over the first ``latency_s`` seconds of work.

        ``P_inf - dP tau / T (1 - exp(-T / tau))``, with ``1 - exp(-x)`` computed as
        ``tanh(x / 2) (1 + exp(-x))`` to stay exact for short phases.
        """
        duration = algebra.maximum(latency_s / weights["ramp_s"], SMALLEST_DURATION_RATIO)
        decay = algebra.exp(duration * -1.0)
        mean_decay = algebra.tanh(duration * 0.5) * (decay + 1.0) / duration
        load = self._load_w(weights)
        power: T = load - load * weights["ramp_share"] * mean_decay + self.idle_power_w
        return power

    def tail_power_w(self, weights: Mapping[str, T]) -> T:
        """Return the power after the work, in a window that closes later."""
        power: T = self._load_w(weights) * weights["tail_share"] + self.idle_power_w
        return power
