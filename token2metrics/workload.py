"""What one request asks of one model: the numbers every cost formula starts from."""

from __future__ import annotations

from typing import Generic

from msgspec import Struct
from msgspec.structs import replace

from token2metrics.algebra import Algebra, FloatAlgebra, T

TILE_TOKENS = 64
WIDE_TILE_TOKENS = 128
WIDEST_TILE_TOKENS = 256


class ModelTraffic(Struct, Generic[T], frozen=True):
    """The arithmetic and memory traffic of a model's shape.

    Attributes:
        flop_per_token: FLOP of one prompt token, attention scores excluded.
        attention_flop: FLOP of causal attention per squared prompt token.
        weight_bytes: Bytes of weights one decode step reads.
        kv_bytes_per_token: Bytes of KV cache per token of context.
        layers: Transformer blocks.
    """

    flop_per_token: T
    attention_flop: T
    weight_bytes: T
    kv_bytes_per_token: T
    layers: T


class Workload(Struct, Generic[T], frozen=True):
    """A request on a model, in numbers that never fall as tokens rise.

    Attributes:
        input_tokens: Prompt tokens.
        steps: Decode steps, ``max(output_tokens - 1, 0)``: the first token ends prefill.
        attended_tokens: Keys read over all steps, ``steps * input + steps * (steps + 1) / 2``.
        started: 1 once there is a decode step, else 0.
        tiles: ``input_tokens`` rounded up to whole tiles of 64.
        wide_tiles: ``input_tokens`` rounded up to whole tiles of 128.
        widest_tiles: ``input_tokens`` rounded up to whole tiles of 256.
        traffic: The model's shape.
    """

    input_tokens: T
    steps: T
    attended_tokens: T
    started: T
    tiles: T
    wide_tiles: T
    widest_tiles: T
    traffic: ModelTraffic[T]

    def without_prompt(self) -> Workload[T]:
        """Return the same answer to an empty prompt."""
        nothing = self.input_tokens * 0.0
        return replace(
            self,
            input_tokens=nothing,
            attended_tokens=self.steps * (self.steps + 1.0) * 0.5,
            tiles=nothing,
            wide_tiles=nothing,
            widest_tiles=nothing,
        )


def workload_of(
    algebra: Algebra[T], input_tokens: T, output_tokens: T, traffic: ModelTraffic[T]
) -> Workload[T]:
    """Derive the workload of a request.

    Args:
        algebra: Where the quantities live.
        input_tokens: Prompt tokens, >= 0.
        output_tokens: Generated tokens, >= 0.
        traffic: The model's shape.
    """
    return workload_of_steps(
        algebra, input_tokens, algebra.maximum(output_tokens - 1.0, 0.0), traffic
    )


def workload_of_steps(
    algebra: Algebra[T], input_tokens: T, steps: T, traffic: ModelTraffic[T]
) -> Workload[T]:
    """Derive the workload of a prompt and decode steps.

    Args:
        algebra: Where the quantities live.
        input_tokens: Prompt tokens, >= 0; may be fractional where a bound looks.
        steps: Decode steps, >= 0, likewise.
        traffic: The model's shape.
    """
    return Workload(
        input_tokens=input_tokens,
        steps=steps,
        attended_tokens=steps * input_tokens + steps * (steps + 1.0) * 0.5,
        started=algebra.at_least(steps, 1.0),
        tiles=algebra.ceil(input_tokens / TILE_TOKENS) * float(TILE_TOKENS),
        wide_tiles=algebra.ceil(input_tokens / WIDE_TILE_TOKENS) * float(WIDE_TILE_TOKENS),
        widest_tiles=algebra.ceil(input_tokens / WIDEST_TILE_TOKENS) * float(WIDEST_TILE_TOKENS),
        traffic=traffic,
    )


ANY_REQUEST: Workload[float] = workload_of(
    FloatAlgebra(), 1.0, 2.0, ModelTraffic(1.0, 1.0, 1.0, 1.0, 1.0)
)
"""Tells the names of a formula's weights and terms, which no request changes."""
