"""Latency from the model's architecture and a few numbers of the device.

Williams et al. 2009, "Roofline": a computation takes as long as its arithmetic or its memory
traffic, whichever is slower. The weights are numbers of the *device* (seconds per FLOP, per
byte, per layer), so that one set serves every model measured on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import Curve, CurveWeights, Parameter, present, total
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

DEFAULT_NORM_ORDER = 4.0
MAX_NORM_ORDER = 16.0
EXCESS_ORDER = "excess_order"
ORDER_SPREAD = 0.22
"""How far a device's order lies from the configured one, as a logarithm of the excess."""

SMALLEST_LATENCY_S = 1e-30

TERM_OF_WEIGHT = {
    "s_per_flop": "arithmetic",
    "s_per_tile_flop": "arithmetic",
    "s_per_wide_tile_flop": "arithmetic",
    "s_per_widest_tile_flop": "arithmetic",
    "s_per_attention_flop": "arithmetic",
    "s_per_byte": "bandwidth",
    "s_per_kv_byte": "bandwidth",
    "s_per_layer": "overhead",
}
"""Which physical term each weight belongs to."""


class RooflineCurve(Curve, frozen=True):
    """Arithmetic, bandwidth and launch overhead.

    Prefill is a p-norm, a smooth maximum, of three terms: the arithmetic of the prompt (exact,
    and rounded up to tiles of 64, 128 and 256 tokens, which gives the staircase), one read of the
    weights, and the launches of every layer. A decode step reads the weights and the KV cache
    and launches every layer: ``W S * s_per_byte + KV A * s_per_kv_byte + L S * s_per_layer``.

    Attributes:
        norm_order: Order of the p-norm before any row is seen; larger is closer to a hard maximum.
    """

    norm_order: float = DEFAULT_NORM_ORDER
    linear_in_weights: ClassVar[bool] = False

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"norm_order": (1.0, MAX_NORM_ORDER)}

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return FLOP, bytes and launches of the phase."""
        traffic, prompt = workload.traffic, workload.input_tokens
        if self.phase is Phase.PREFILL:
            return {
                "s_per_flop": prompt * traffic.flop_per_token,
                "s_per_tile_flop": workload.tiles * traffic.flop_per_token,
                "s_per_wide_tile_flop": workload.wide_tiles * traffic.flop_per_token,
                "s_per_widest_tile_flop": workload.widest_tiles * traffic.flop_per_token,
                "s_per_attention_flop": prompt * prompt * traffic.attention_flop,
                "s_per_byte": present(prompt) * traffic.weight_bytes,
                "s_per_layer": present(prompt) * traffic.layers,
            }
        return {
            "s_per_byte": workload.steps * traffic.weight_bytes,
            "s_per_kv_byte": workload.attended_tokens * traffic.kv_bytes_per_token,
            "s_per_layer": workload.steps * traffic.layers,
        }

    def term_names(self, algebra: Algebra[T], workload: Workload[T]) -> tuple[str, ...]:
        """Return the physical terms of the phase."""
        return tuple(dict.fromkeys(TERM_OF_WEIGHT[w] for w in self.basis(algebra, workload)))

    def terms(
        self, algebra: Algebra[T], workload: Workload[T], weights: CurveWeights[T]
    ) -> dict[str, T]:
        """Return seconds of arithmetic, bandwidth and overhead."""
        grouped: dict[str, T] = {}
        for name, seconds in super().terms(algebra, workload, weights).items():
            term = TERM_OF_WEIGHT[name]
            grouped[term] = grouped[term] + seconds if term in grouped else seconds
        return grouped

    def shape_parameters(self) -> tuple[Parameter, ...]:
        """Return by how much the order of the prefill norm exceeds one."""
        if self.phase is Phase.DECODE:
            return ()
        return (Parameter(EXCESS_ORDER, self.norm_order - 1.0, spread=ORDER_SPREAD),)

    def combine(self, algebra: Algebra[T], terms: Mapping[str, T], weights: CurveWeights[T]) -> T:
        """Join prefill terms by the p-norm and decode terms by their sum."""
        if self.phase is Phase.DECODE:
            return total(terms)
        largest, *others = terms.values()
        for term in others:
            largest = algebra.maximum(largest, term)
        largest = algebra.maximum(largest, SMALLEST_LATENCY_S)
        order = weights.values[EXCESS_ORDER] + 1.0
        powers = {name: algebra.power(term / largest, order) for name, term in terms.items()}
        norm: T = largest * algebra.power(total(powers), 1.0 / order)
        return norm
