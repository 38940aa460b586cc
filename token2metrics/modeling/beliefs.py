"""What is believed of a roofline's weights before any row of the model is seen.

A belief is a normal distribution of the logarithms of the weights. Beliefs form a hierarchy:
the nominal figures of the device, which the same model's server curve sharpens, or, better,
the other models measured on the device itself. Each step learns from its rows, starting from
the belief above it, and hands its own belief down, widened by what changes on the way
(empirical Bayes; Gelman et al. 2013, "Bayesian Data Analysis", chapter 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from token2metrics.config import HardwareConfig
from token2metrics.curves.roofline import DEFAULT_NORM_ORDER, EXCESS_ORDER, ORDER_SPREAD
from token2metrics.vocabulary import Phase, SourceKind

Array = NDArray[np.float64]

FLOP_WEIGHTS = (
    "s_per_flop",
    "s_per_tile_flop",
    "s_per_wide_tile_flop",
    "s_per_widest_tile_flop",
)
ATTENTION_WEIGHT = "s_per_attention_flop"
BYTE_WEIGHT = "s_per_byte"
KV_WEIGHT = "s_per_kv_byte"
LAYER_WEIGHT = "s_per_layer"
ORDER_WEIGHT = EXCESS_ORDER

FLOP_SHARES = (0.35, 0.2, 0.2, 0.25)
"""How the arithmetic of a prompt divides among whole tokens and tiles of 64, 128 and 256."""

UNTILED_SHARES = (0.94, 0.02, 0.02, 0.02)
"""The same on a device that works token by token."""

ATTENTION_SHARE = 0.1
"""Attention over short prompts hides beside other work: no quadratic term shows below 4,000
tokens."""

ARITHMETIC_EFFICIENCY = 0.4
BANDWIDTH_EFFICIENCY = 0.77
"""Effective over nominal: prefill and decode of three models on a Jetson AGX Orin
(EdgeReasoning, arXiv:2511.01866), and what llama.cpp and vLLM users report elsewhere."""

LAYER_S = {Phase.PREFILL: 1e-3, Phase.DECODE: 1.8e-4}
"""Launch overhead of one layer in one forward pass, eager and captured as a graph."""

UNKNOWN_LEVEL = 0.5
"""Covariance of the logarithms of two weights from which on their common level is not known."""

SMALLEST_EXCESS = 1e-6
"""Stands for a norm of order one, the plain sum, where logarithms are taken."""

UNKNOWN_BANDWIDTH_BYTES_PER_S = 100e9
UNKNOWN_FLOP_PER_S = 10e12
UNKNOWN_SPREAD = 2.5
"""A device whose nominal figures nobody stated, and how wrong these may be."""


@dataclass(frozen=True, slots=True)
class Spreads:
    """Standard deviations of logarithms: how far weights move from a belief to the next row.

    Attributes:
        arithmetic: Common to all arithmetic.
        flop: Of each of its parts.
        attention: Of attention.
        bandwidth: Common to all bytes.
        kv: Of bytes of the KV cache, which some engines read less well.
        layer: Of launches.
        order: Of the excess order of the prefill norm.
        clock: Common to every time of a phase but the KV cache's: clocks that change together.
    """

    arithmetic: float
    flop: float
    attention: float
    bandwidth: float
    kv: float
    layer: float
    order: float
    clock: float = 0.0


NOMINAL_SPREADS = Spreads(
    arithmetic=0.15, flop=0.45, attention=1.0, bandwidth=0.1, kv=0.2, layer=1.0, order=ORDER_SPREAD
)
SPREADS = {
    SourceKind.HARDWARE: Spreads(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    SourceKind.SERVER: Spreads(
        arithmetic=0.3, flop=0.7, attention=1.0, bandwidth=0.2, kv=0.5, layer=1.0, order=0.5
    ),
    SourceKind.SIBLINGS: Spreads(
        arithmetic=0.05, flop=0.15, attention=0.3, bandwidth=0.03, kv=0.1, layer=0.1, order=0.3
    ),
    SourceKind.MODES: Spreads(
        arithmetic=0.3,
        flop=0.05,
        attention=0.3,
        bandwidth=0.3,
        kv=0.5,
        layer=0.5,
        order=0.1,
        clock=1.0,
    ),
}
"""What changes on the way: nothing from the device to itself, efficiencies from a server to the
device, how well kernels fit a shape from one model of the device to another. From one power mode to
another it is the clocks: all by an unknown common factor, up or down, and those of arithmetic,
weights and launches by less than that from each other. Only the reading of the KV cache, which
memory bounds, is expected to stay near where it was: modes cap processors before memory."""


@dataclass(frozen=True, slots=True)
class Belief:
    """A normal distribution of the logarithms of a phase's curve weights.

    Attributes:
        names: The weights, ``(weights,)``.
        means: Means of their logarithms, ``(weights,)``.
        covariance: Covariance of their logarithms, ``(weights, weights)``.
    """

    names: tuple[str, ...]
    means: Array
    covariance: Array

    def spread(self, name: str) -> float:
        """Return the standard deviation of the logarithm of one weight."""
        place = self.names.index(name)
        return math.sqrt(self.covariance[place, place])

    def knows_only_the_shape(self) -> bool:
        """Return whether arithmetic or bytes, and launches, share an unknown factor."""
        work = FLOP_WEIGHTS[0] if FLOP_WEIGHTS[0] in self.names else BYTE_WEIGHT
        one, other = self.names.index(work), self.names.index(LAYER_WEIGHT)
        return bool(self.covariance[one, other] > UNKNOWN_LEVEL)

    def root_precision(self) -> Array:
        """Return ``R`` with ``R^T R`` the inverse of the covariance, ``(weights, weights)``."""
        root: Array = np.linalg.cholesky(np.linalg.inv(self.covariance)).T
        return root


Beliefs = Mapping[Phase, Belief]


def nominal_beliefs(
    hardware: HardwareConfig, norm_order: float = DEFAULT_NORM_ORDER
) -> dict[Phase, Belief]:
    """Return what the nominal figures of a device say of both phases.

    Args:
        hardware: The device.
        norm_order: Configured order of the prefill norm.
    """
    bandwidth, flop_rate = hardware.memory_bandwidth_bytes_per_s, hardware.compute_flop_per_s
    s_per_byte = 1.0 / (BANDWIDTH_EFFICIENCY * (bandwidth or UNKNOWN_BANDWIDTH_BYTES_PER_S))
    s_per_flop = 1.0 / (ARITHMETIC_EFFICIENCY * (flop_rate or UNKNOWN_FLOP_PER_S))
    spreads = Spreads(
        arithmetic=NOMINAL_SPREADS.arithmetic if flop_rate else UNKNOWN_SPREAD,
        flop=NOMINAL_SPREADS.flop,
        attention=NOMINAL_SPREADS.attention,
        bandwidth=NOMINAL_SPREADS.bandwidth if bandwidth else UNKNOWN_SPREAD,
        kv=NOMINAL_SPREADS.kv,
        layer=NOMINAL_SPREADS.layer if bandwidth else UNKNOWN_SPREAD,
        order=NOMINAL_SPREADS.order,
    )
    shares = FLOP_SHARES if hardware.tiled else UNTILED_SHARES
    arithmetic = {
        name: share * s_per_flop for name, share in zip(FLOP_WEIGHTS, shares, strict=True)
    }
    weights = {
        Phase.PREFILL: {
            **arithmetic,
            ATTENTION_WEIGHT: ATTENTION_SHARE * s_per_flop,
            ORDER_WEIGHT: max(norm_order - 1.0, SMALLEST_EXCESS),
        },
        Phase.DECODE: {KV_WEIGHT: s_per_byte},
    }
    beliefs = {}
    for phase, named in weights.items():
        every = {**named, BYTE_WEIGHT: s_per_byte, LAYER_WEIGHT: LAYER_S[phase]}
        names = tuple(every)
        means = np.array([math.log(value) for value in every.values()])
        beliefs[phase] = Belief(names, means, _covariance(names, spreads))
    return beliefs


def handed_down(
    learned: Beliefs, kind: SourceKind, above: Beliefs, own: Beliefs
) -> dict[Phase, Belief]:
    """Return what a source's belief says of the edge device.

    A server's weights are carried as efficiencies, relative to its nominal figures; they are as
    uncertain as the figures of both devices, and joined with the edge device's own.

    Args:
        learned: Belief learned from the source's rows.
        kind: Where those rows were measured.
        above: Nominal belief of the device they were measured on.
        own: Nominal belief of the edge device.
    """
    carried = {
        phase: Belief(
            belief.names,
            belief.means - above[phase].means + own[phase].means,
            belief.covariance + _covariance(belief.names, SPREADS[kind]),
        )
        for phase, belief in learned.items()
    }
    if kind is not SourceKind.SERVER:
        return carried
    return {
        phase: _joined(
            replace(
                belief,
                covariance=belief.covariance + own[phase].covariance + _ignorance(above[phase]),
            ),
            own[phase],
        )
        for phase, belief in carried.items()
    }


def _ignorance(nominal: Belief) -> Array:
    """Return how far efficiencies may be off because nobody stated the figures they rest on."""
    unstated = {name for name in nominal.names if nominal.spread(name) >= UNKNOWN_SPREAD}
    nothing = SPREADS[SourceKind.HARDWARE]
    return _covariance(
        nominal.names,
        replace(
            nothing,
            arithmetic=UNKNOWN_SPREAD if unstated & set(FLOP_WEIGHTS) else 0.0,
            bandwidth=UNKNOWN_SPREAD if BYTE_WEIGHT in unstated else 0.0,
        ),
    )


def _joined(one: Belief, other: Belief) -> Belief:
    """Return the normal distribution proportional to the product of two."""
    first, second = np.linalg.inv(one.covariance), np.linalg.inv(other.covariance)
    covariance = np.linalg.inv(first + second)
    means = covariance @ (first @ one.means + second @ other.means)
    return Belief(one.names, means, (covariance + covariance.T) / 2.0)


def _covariance(names: tuple[str, ...], spreads: Spreads) -> Array:
    """Return the covariance of weights that move by given spreads."""
    each = {
        **dict.fromkeys(FLOP_WEIGHTS, spreads.flop),
        ATTENTION_WEIGHT: spreads.attention,
        BYTE_WEIGHT: 0.0,
        KV_WEIGHT: spreads.kv,
        LAYER_WEIGHT: spreads.layer,
        ORDER_WEIGHT: spreads.order,
    }
    deviations = np.array([each[name] for name in names])
    arithmetic = np.array([name in (*FLOP_WEIGHTS, ATTENTION_WEIGHT) for name in names])
    traffic = np.array([name in (BYTE_WEIGHT, KV_WEIGHT) for name in names])
    covariance: Array = np.diag(deviations**2)
    covariance += spreads.arithmetic**2 * np.outer(arithmetic, arithmetic)
    covariance += spreads.bandwidth**2 * np.outer(traffic, traffic)
    timed = np.array([name not in (ORDER_WEIGHT, KV_WEIGHT) for name in names])
    covariance += spreads.clock**2 * np.outer(timed, timed)
    return covariance
