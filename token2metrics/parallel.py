"""Several answers to one prompt at once: how a phase slows down, and what each more draws.

A step that makes one token of every answer reads the weights once, so its time and its energy
above idle are affine in the number of samples: measured to a few percent from 1 to 32 samples of
three models on a Jetson AGX Orin (EdgeReasoning, Kubwimana and Huang 2025, arXiv:2511.01866).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from msgspec import Struct

from token2metrics.algebra import Algebra, T
from token2metrics.curves import Parameter

SINGLE = 1
"""Samples of a request that asks for one answer."""

LATENCY_PER_SAMPLE = "latency_per_sample"
LATENCY_OF_SEVERAL = "latency_of_several"
ENERGY_PER_SAMPLE = "energy_per_sample"


class SharedCost(Struct, Generic[T], frozen=True):
    """What a phase costs when several samples share it.

    Attributes:
        latency_s: Seconds until every sample is done.
        power_w: Mean watts; None without power.
    """

    latency_s: T
    power_w: T | None


class ParallelSamples(Struct, frozen=True):
    """Time and energy above idle of ``N`` samples, relative to those of one.

    ``latency(N) = latency(1) (1 + a (N - 1) + b)`` and, above idle,
    ``energy(N) = energy(1) (1 + e (N - 1))``, with ``b`` paid from the second sample on. All three
    are at least 0, so neither ever falls as samples rise.

    Attributes:
        idle_power_w: Power without work.
        power_limit_w: Most power the device can draw.
    """

    idle_power_w: float
    power_limit_w: float

    def parameters(self) -> tuple[Parameter, ...]:
        """Return ``a``, ``b`` and ``e``; at 0 further samples are free."""
        names = (LATENCY_PER_SAMPLE, LATENCY_OF_SEVERAL, ENERGY_PER_SAMPLE)
        return tuple(Parameter(name, 0.0) for name in names)

    def slowdown(self, samples: int, weights: Mapping[str, T]) -> T:
        """Return the latency of more than one sample over that of one, at least 1."""
        more = float(samples - SINGLE)
        slowdown: T = weights[LATENCY_PER_SAMPLE] * more + weights[LATENCY_OF_SEVERAL] + 1.0
        return slowdown

    def share(
        self,
        algebra: Algebra[T],
        latency_s: T,
        power_w: T | None,
        samples: int,
        weights: Mapping[str, T],
    ) -> SharedCost[T]:
        """Return what a phase costs for all samples together.

        Args:
            algebra: Where the quantities live.
            latency_s: Seconds of one sample.
            power_w: Mean watts of one sample; None without power.
            samples: How many, at least 2.
            weights: Values of ``parameters`` by name.
        """
        slowdown = self.slowdown(samples, weights)
        if power_w is None:
            return SharedCost(latency_s * slowdown, None)
        growth = weights[ENERGY_PER_SAMPLE] * float(samples - SINGLE) + 1.0
        load: T = (power_w - self.idle_power_w) * growth / slowdown
        most_w = self.power_limit_w - self.idle_power_w
        lawful_w = algebra.maximum(load * -1.0, -most_w) * -1.0
        return SharedCost(latency_s * slowdown, lawful_w + self.idle_power_w)
