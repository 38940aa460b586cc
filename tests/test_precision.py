"""Bytes per weight by precision: as published, and in any spelling."""

from __future__ import annotations

from random import Random

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests import profiles
from tests.synthetic import MODEL, Truth, experiment, measured, prepared
from token2metrics.architecture import Architecture
from token2metrics.config import RegressionType
from token2metrics.modeling.gather import measured_precision, model_traffic
from token2metrics.precision import (
    BLOCKS,
    BYTES_PER_WEIGHT,
    HEAD_IN_16_BITS,
    OTHER_NAMES,
    normal_precision,
)

__all__ = ["profiles"]

BYTES_PER_GIB = 2**30
LLAMA = Architecture(
    layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14_336, vocabulary=128_256
)
PUBLISHED_GIB = {
    "iq1_s": 1.87,
    "iq2_xxs": 2.23,
    "iq3_m": 3.52,
    "iq4_xs": 4.17,
    "iq4_nl": 4.38,
    "q2_k": 2.95,
    "q3_k_s": 3.41,
    "q3_k_l": 4.02,
    "q4_k_s": 4.36,
    "q4_k_m": 4.58,
    "q5_k_s": 5.21,
    "q5_k_m": 5.33,
    "q6_k": 6.14,
    "q8_0": 7.95,
    "f16": 14.96,
}
"""Size of Llama-3.1-8B, from ``tools/quantize/README.md`` of llama.cpp."""

AWQ_BYTES_OF_LLAMA = 5.73e9
"""Weights of Llama-3.1-8B in AWQ with groups of 128: head and embedding in 16 bits."""

GGML_NAMES = {
    ours: theirs.name
    for theirs in gguf.GGML_QUANT_SIZES
    if (ours := normal_precision(theirs.name)) in BLOCKS
}


@pytest.mark.parametrize(("ours", "theirs"), GGML_NAMES.items())
def test_blocks_are_those_of_the_gguf_package(ours: str, theirs: str) -> None:
    """Weights and bytes per block, exactly."""
    assert BLOCKS[ours] == gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[theirs]]


def test_the_comparison_covers_every_type_of_ggml() -> None:
    """What remains are formats of other programs, and a type newer than the oldest ``gguf``."""
    assert set(BLOCKS) - set(GGML_NAMES) <= {"tf32", "fp8", "int8", "int4", "nf4", "nvfp4"}


@pytest.mark.parametrize(("precision", "gib"), PUBLISHED_GIB.items())
def test_files_have_the_published_size(precision: str, gib: float) -> None:
    """Bytes per weight times the weights of Llama-3.1-8B are its published files."""
    weights = LLAMA.non_embedding_parameters + 2 * LLAMA.output_head_parameters
    size = BYTES_PER_WEIGHT[normal_precision(precision)] * weights / BYTES_PER_GIB
    assert size == pytest.approx(gib, abs=0.01)


def test_four_bit_checkpoints_keep_their_head_in_sixteen() -> None:
    """AWQ weights of Llama-3.1-8B are as large as published, less the embedding."""
    embedding = 2.0 * LLAMA.output_head_parameters
    expected = pytest.approx(AWQ_BYTES_OF_LLAMA - embedding, rel=0.005)
    assert LLAMA.weight_bytes("awq") == expected
    assert set(BYTES_PER_WEIGHT) > HEAD_IN_16_BITS


def test_more_bits_are_more_bytes() -> None:
    """Precisions in the order of their size."""
    order = ("iq1_s", "iq2_xs", "q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "bf16")
    sizes = [LLAMA.weight_bytes(precision) for precision in order]
    assert sizes == sorted(sizes)


@given(st.sampled_from(sorted({*BYTES_PER_WEIGHT, *OTHER_NAMES})), st.randoms())
def test_spelling_does_not_matter(name: str, chance: Random) -> None:
    """Case, and dashes for underscores; the normal form is its own normal form."""
    letters = [chance.choice([c, c.upper(), "-" if c == "_" else c]) for c in name]
    spelled = f" {''.join(letters)}"
    normal = normal_precision(name)
    assert normal_precision(spelled) == normal == normal_precision(normal)
    assert normal in BYTES_PER_WEIGHT
    assert LLAMA.weight_bytes(spelled) == LLAMA.weight_bytes(normal)


@given(st.sampled_from(sorted(BYTES_PER_WEIGHT)))
def test_only_weights_depend_on_the_precision(precision: str) -> None:
    """Arithmetic and the 16-bit cache stay as they are."""
    found, plain = model_traffic(experiment(), precision), model_traffic(experiment())
    assert replace(found, weight_bytes=plain.weight_bytes) == plain


def test_rows_measured_in_a_mix_are_known() -> None:
    """In the spelling of their file."""
    rows = measured(Truth(RegressionType.LINEAR), ((16, 16),), precision="q4-k-m")
    chosen = experiment()
    assert measured_precision(prepared(rows), chosen.edge.name, MODEL) == "q4-k-m"
