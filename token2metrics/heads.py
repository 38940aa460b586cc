"""Power and energy of a phase from its latency, between idle and the device's limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from msgspec import Struct
from msgspec.structs import replace

from token2metrics.algebra import Algebra, T
from token2metrics.curves import Parameter

SMALLEST_DURATION_RATIO = 1e-12
SMALLEST_DURATION_S = 1e-300
LOAD_SHARE = "load_share"
TAIL_SHARE = "tail_share"
MIN_RAMP_S = 0.05
MAX_RAMP_S = 20.0
INITIAL_RAMP_S = 1.0
INITIAL_LOAD_SHARE = 0.5
INITIAL_RAMP_SHARE = 0.1
INITIAL_TAIL_SHARE = 0.5
INITIAL_SAVING = 0.1
WIDE_SPREAD = 3.0
RAMP_SPREAD = 1.0
"""Priors on what few metered rows cannot tell: shares of the range, and the ramp's length."""
EXPECTED_SPREAD = 0.5
"""The same where a weight is expected to be what it was in another power mode."""

MAX_RAMP_SHARE = 0.99
"""A ramp from zero would leave the power of short phases to rounding errors."""

UNLIMITED_POWER_W = 10_000.0
"""Stands for a device whose power limit nobody stated."""


class Window(Struct, Generic[T], frozen=True):
    """What a power meter saw of a phase.

    Attributes:
        length_s: Seconds over which it summed, from the start of the work.
        period_s: Seconds between its readings; 0 for one that integrates continuously.
    """

    length_s: T
    period_s: T


class PowerHead(Struct, frozen=True):
    """Power that ramps up to a steady value: ``P(t) = P_inf - dP exp(-t / tau)``.

    The steady power lies between idle and limit, and the ramp starts no lower than idle, at any
    lawful weights; so the mean power of a phase rises with its length, and energy, mean power
    times latency, never falls (EdgeReasoning, Kubwimana and Huang 2025, arXiv:2511.01866).

    Attributes:
        idle_power_w: Power without work on the measured rail.
        power_limit_w: Most power the rail can draw.
        expected: Weights that are known from elsewhere, such as another power mode, by name; fits
            start there and few rows leave them.
    """

    idle_power_w: float
    power_limit_w: float
    expected: tuple[tuple[str, float], ...] = ()

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the load's share of the range, the ramp's of the load, and the time constant.

        ``context_saving`` is the share of the load that time added by context does without.
        ``tail_share`` is what power does after the work until a longer window closes, from 0,
        idle at once, to 1, steady power throughout.
        """
        untold = (
            Parameter(LOAD_SHARE, INITIAL_LOAD_SHARE, upper=1.0),
            Parameter("ramp_share", INITIAL_RAMP_SHARE, upper=MAX_RAMP_SHARE, spread=WIDE_SPREAD),
            Parameter(
                "ramp_s", INITIAL_RAMP_S, lower=MIN_RAMP_S, upper=MAX_RAMP_S, spread=RAMP_SPREAD
            ),
            Parameter("context_saving", INITIAL_SAVING, upper=1.0, spread=WIDE_SPREAD),
            Parameter(TAIL_SHARE, INITIAL_TAIL_SHARE, upper=1.0, spread=WIDE_SPREAD),
        )
        known = dict(self.expected)
        return tuple(
            (
                replace(one, initial=known[one.name], spread=EXPECTED_SPREAD)
                if one.name in known
                else one
            )
            for one in untold
        )

    def _load_w(self, algebra: Algebra[T], latency_s: T, bare_s: T, weights: Mapping[str, T]) -> T:
        """Return the steady power above idle."""
        full: T = weights[LOAD_SHARE] * (self.power_limit_w - self.idle_power_w)
        saving = weights["context_saving"]
        bare_share = (bare_s + SMALLEST_DURATION_S) / (latency_s + SMALLEST_DURATION_S)
        load: T = full * (1.0 - saving + saving * bare_share)
        return load

    def mean_power_w(
        self, algebra: Algebra[T], latency_s: T, bare_s: T, weights: Mapping[str, T]
    ) -> T:
        """Return the mean power over the first ``latency_s`` seconds of work.

        The part of the work that the prompt's context adds may draw less: the units that the
        rest keeps busy wait for the KV cache.

        ``P_inf - dP tau / T (1 - exp(-T / tau))``.

        Args:
            algebra: Where the quantities live.
            latency_s: Seconds of work.
            bare_s: Seconds that the same work would take without the prompt's context, at most
                ``latency_s``.
            weights: Values of ``parameters`` by name.
        """
        load = self._load_w(algebra, latency_s, bare_s, weights)
        decay = _mean_decay(algebra, latency_s / weights["ramp_s"])
        power: T = load - load * weights["ramp_share"] * decay + self.idle_power_w
        return power

    def window_energy_j(
        self,
        algebra: Algebra[T],
        latency_s: T,
        bare_s: T,
        window: Window[T],
        weights: Mapping[str, T],
    ) -> T:
        """Return what a meter reads over a window that holds the work and ends with a tail.

        A meter that reads every ``p`` seconds, first as the work begins, sums ``p P(k p)``: it
        sees the ramp longer than it was, by ``p / (1 - exp(-p / tau))`` instead of ``tau``. Over
        ``N`` readings that is ``P_inf p N - c``.

        Args:
            algebra: Where the quantities live.
            latency_s: Seconds of work.
            bare_s: Seconds that it would take without the prompt's context.
            window: What the meter saw.
            weights: Values of ``parameters`` by name.
        """
        load = self._load_w(algebra, latency_s, bare_s, weights)
        tail_s = algebra.maximum(window.length_s - latency_s, 0.0)
        tail_w = load * weights[TAIL_SHARE] + self.idle_power_w
        seen_s = latency_s + tail_s
        ramp_s = weights["ramp_s"]
        between = _mean_decay(algebra, window.period_s / ramp_s)
        unseen = 1.0 / between - 1.0
        decayed_s = _mean_decay(algebra, seen_s / ramp_s) * seen_s
        deficit_j = load * weights["ramp_share"] * decayed_s * unseen
        energy: T = (
            self.mean_power_w(algebra, latency_s, bare_s, weights) * latency_s
            + tail_w * tail_s
            - deficit_j
        )
        return algebra.maximum(energy, 0.0)


def _mean_decay(algebra: Algebra[T], duration: T) -> T:
    """Return the mean of ``exp(-x)`` for ``x`` from 0 to ``duration``, exact for short ones.

    ``1 - exp(-x)`` is computed as ``tanh(x / 2) (1 + exp(-x))``.
    """
    long_enough = algebra.maximum(duration, SMALLEST_DURATION_RATIO)
    decay = algebra.exp(long_enough * -1.0)
    mean: T = algebra.tanh(long_enough * 0.5) * (decay + 1.0) / long_enough
    return mean
