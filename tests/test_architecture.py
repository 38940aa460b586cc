"""Counts of weights, FLOP and bytes match published models and scale as the formulas say."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.architecture import BYTES_PER_WEIGHT, Architecture
from token2metrics.errors import ConfigurationError
from token2metrics.experiments import experiments_directory, find_experiment, load_catalog

NORMS_AND_BIASES = 0.01
"""Share of the published counts that the shapes leave out."""

PUBLISHED_NON_EMBEDDING = {"1.5B": 1.31e9, "7B": 6.53e9, "14B": 13.1e9}
"""Qwen2.5 technical report, table 1, and model cards."""

PUBLISHED_TOTAL = {"1.5B": 1.54e9, "7B": 7.61e9, "8B": 8.03e9, "14B": 14.7e9, "15B": 16.0e9}
"""Weights of the published checkpoints."""

UNTIED_EMBEDDINGS = {"1.5B": 1, "7B": 2, "8B": 2, "14B": 2, "15B": 2}
"""How often the checkpoint holds the embedding matrix."""

SHAPES = {
    experiment.model.name: experiment.model.architecture
    for experiment in load_catalog(experiments_directory(None))
}

dimensions = st.integers(1, 256)
shapes = st.builds(
    lambda groups, **fields: Architecture(heads=groups * fields["kv_heads"], **fields),
    groups=st.integers(1, 8),
    layers=dimensions,
    hidden=dimensions,
    kv_heads=st.integers(1, 32),
    head_dim=dimensions,
    ffn=dimensions,
    vocabulary=dimensions,
    gated_mlp=st.booleans(),
)


@pytest.mark.parametrize(("name", "published"), PUBLISHED_NON_EMBEDDING.items())
def test_blocks_have_the_published_weights(name: str, published: float) -> None:
    """The weights without embeddings are those of the model's report."""
    found = SHAPES[name].non_embedding_parameters
    assert found == pytest.approx(published, rel=NORMS_AND_BIASES)


@pytest.mark.parametrize(("name", "published"), PUBLISHED_TOTAL.items())
def test_checkpoints_have_the_published_size(name: str, published: float) -> None:
    """Blocks and embeddings together are the checkpoint."""
    shape = SHAPES[name]
    total = shape.non_embedding_parameters + UNTIED_EMBEDDINGS[name] * shape.output_head_parameters
    assert total == pytest.approx(published, rel=NORMS_AND_BIASES)


def test_known_traffic_of_a_known_model() -> None:
    """Llama-3-8B: 128 KiB of cache per token, 15 GB of weights read per step, 14 GFLOP a token."""
    llama = SHAPES["8B"]
    assert llama.kv_bytes_per_token == 128 * 1024
    assert llama.weight_bytes("bf16") == pytest.approx(15.0e9, rel=NORMS_AND_BIASES)
    assert llama.flop_per_token == pytest.approx(13.96e9, rel=NORMS_AND_BIASES)
    assert llama.attention_flop_per_square_token == 2 * 32 * 4096


@given(shapes, st.integers(2, 5))
def test_twice_the_layers_is_twice_the_work(shape: Architecture, factor: int) -> None:
    """Everything but the output head is proportional to the layers."""
    deeper = replace(shape, layers=shape.layers * factor)
    assert deeper.non_embedding_parameters == factor * shape.non_embedding_parameters
    assert deeper.flop_per_token == factor * shape.flop_per_token
    assert deeper.kv_bytes_per_token == factor * shape.kv_bytes_per_token
    assert deeper.attention_flop_per_square_token == factor * shape.attention_flop_per_square_token
    assert deeper.output_head_parameters == shape.output_head_parameters


@given(shapes, st.integers(2, 5))
def test_key_value_heads_cost_cache_and_weights_only(shape: Architecture, factor: int) -> None:
    """Sharing keys and values saves cache in proportion, and no attention arithmetic."""
    wide = replace(shape, heads=shape.heads * factor, kv_heads=shape.kv_heads * factor)
    narrow = replace(wide, kv_heads=shape.kv_heads)
    assert wide.kv_bytes_per_token == factor * narrow.kv_bytes_per_token
    assert wide.attention_flop_per_square_token == narrow.attention_flop_per_square_token
    assert wide.non_embedding_parameters > narrow.non_embedding_parameters


@given(shapes)
def test_a_gate_is_a_third_matrix(shape: Architecture) -> None:
    """It adds one MLP matrix per layer."""
    gated, plain = replace(shape, gated_mlp=True), replace(shape, gated_mlp=False)
    more = gated.non_embedding_parameters - plain.non_embedding_parameters
    assert more == shape.layers * shape.hidden * shape.ffn


@given(shapes)
def test_bytes_follow_the_precision(shape: Architecture) -> None:
    """Half the bits are half the bytes; blocks of four bits carry their scales."""
    sizes = {precision: shape.weight_bytes(precision) for precision in BYTES_PER_WEIGHT}
    assert sizes["fp32"] == 2 * sizes["bf16"] == 2 * sizes["fp16"] == 4 * sizes["int8"]
    assert sizes["q4_0"] == sizes["fp32"] * 4.5 / 32
    assert sizes["q8_0"] == sizes["fp32"] * 8.5 / 32


def test_an_unknown_precision_is_refused() -> None:
    """The message names the known ones."""
    with pytest.raises(ConfigurationError, match=r"bf16.*'bf17'"):
        SHAPES["8B"].weight_bytes("bf17")


@pytest.mark.parametrize(
    "name", ["layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocabulary"]
)
def test_a_dimension_below_one_is_refused(name: str) -> None:
    """The message names the dimension."""
    with pytest.raises(ConfigurationError, match=f"architecture.{name} >= 1, got 0"):
        Architecture(**{**asdict(SHAPES["8B"]), name: 0})


def test_heads_must_divide() -> None:
    """Each key-value head serves equally many query heads."""
    with pytest.raises(ConfigurationError, match="multiple of kv_heads, got 32 and 5"):
        replace(SHAPES["8B"], kv_heads=5)


def test_every_shape_belongs_to_a_shipped_model() -> None:
    """The published sizes above cover the catalog."""
    catalog = load_catalog(experiments_directory(None))
    assert set(PUBLISHED_TOTAL) == set(SHAPES)
    assert find_experiment(catalog, "15b").model.architecture.gated_mlp is False
