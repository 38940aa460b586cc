"""Model shapes, and what they cost per token: parameters, FLOP and bytes.

The counts follow the decoder-only transformer with grouped-query attention (Vaswani et al.
2017, arXiv:1706.03762; Ainslie et al. 2023, arXiv:2305.13245).
"""

from __future__ import annotations

from dataclasses import dataclass

from token2metrics.errors import ConfigurationError
from token2metrics.precision import (
    BYTES_PER_WEIGHT,
    head_bytes_per_weight,
    is_known,
    normal_precision,
)

__all__ = ["BYTES_PER_WEIGHT", "Architecture"]

KV_CACHE_BYTES = 2.0
"""Bytes per cached key or value element: 16-bit caches throughout."""

GATED_MLP_MATRICES = 3
PLAIN_MLP_MATRICES = 2
FLOP_PER_MULTIPLY_ADD = 2
KEYS_AND_VALUES = 2


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a decoder-only transformer.

    Attributes:
        layers: Transformer blocks.
        hidden: Width of the residual stream.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Width of one head.
        ffn: Inner width of the MLP.
        vocabulary: Rows of the output head.
        gated_mlp: Whether the MLP has a gate matrix beside the up and down matrices.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocabulary: int
    gated_mlp: bool = True

    def __post_init__(self) -> None:
        """Refuse shapes no transformer can have.

        Raises:
            ConfigurationError: If a dimension is not positive or the heads do not divide.
        """
        for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocabulary"):
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"expected architecture.{name} >= 1, got {getattr(self, name)}"
                )
        if self.heads % self.kv_heads:
            raise ConfigurationError(
                f"expected heads to be a multiple of kv_heads, got {self.heads} and {self.kv_heads}"
            )

    @property
    def non_embedding_parameters(self) -> int:
        """Weights of all blocks, without embeddings, norms and biases."""
        attention = self.hidden * self.head_dim * KEYS_AND_VALUES * (self.heads + self.kv_heads)
        matrices = GATED_MLP_MATRICES if self.gated_mlp else PLAIN_MLP_MATRICES
        return self.layers * (attention + matrices * self.hidden * self.ffn)

    @property
    def output_head_parameters(self) -> int:
        """Weights of the matrix that yields the logits."""
        return self.vocabulary * self.hidden

    @property
    def flop_per_token(self) -> float:
        """FLOP of the blocks for one prompt token, attention scores excluded."""
        return float(FLOP_PER_MULTIPLY_ADD * self.non_embedding_parameters)

    @property
    def attention_flop_per_square_token(self) -> float:
        """FLOP of causal attention over a prompt, per squared prompt token."""
        return float(FLOP_PER_MULTIPLY_ADD * self.layers * self.heads * self.head_dim)

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes of KV cache that one token of context adds."""
        return KV_CACHE_BYTES * KEYS_AND_VALUES * self.layers * self.kv_heads * self.head_dim

    def weight_bytes(self, precision: str) -> float:
        """Return the bytes one decode step reads: all blocks and the output head.

        Args:
            precision: A known precision, in any spelling ``normal_precision`` understands.

        Raises:
            ConfigurationError: If the precision is unknown.
        """
        if not is_known(precision):
            known = ", ".join(BYTES_PER_WEIGHT)
            raise ConfigurationError(
                f"expected a precision among {known}, got {precision!r}; for another one name the "
                "model's GGUF file (gguf_file)"
            )
        blocks = BYTES_PER_WEIGHT[normal_precision(precision)] * self.non_embedding_parameters
        return blocks + head_bytes_per_weight(precision) * self.output_head_parameters
