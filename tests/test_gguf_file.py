"""The exact bytes of a GGUF file's weights, and files that are refused."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import profiles
from tests.synthetic import MODEL, Truth, experiment, measured, prepared
from tests.test_precision import GGML_NAMES
from token2metrics.architecture import Architecture
from token2metrics.config import ExperimentConfig, RegressionType
from token2metrics.errors import ConfigurationError
from token2metrics.modeling.gather import gather, measured_precision, model_traffic
from token2metrics.modeling.gguf_file import read_gguf
from token2metrics.precision import BYTES_PER_WEIGHT, HEAD_IN_16_BITS

__all__ = ["profiles"]

WIDTH = 256
TINY = Architecture(
    layers=2, hidden=WIDTH, heads=4, kv_heads=2, head_dim=64, ffn=WIDTH, vocabulary=32
)
HEAD, EMBEDDING, NORM = "output.weight", "token_embd.weight", "output_norm.weight"
POSITIONS = "position_embd.weight"
TYPES = ("F32", "F16", "BF16", "Q4_0", "Q5_1", "Q8_0", "Q2_K", "Q4_K", "Q6_K", "IQ4_XS")

Tensors = Mapping[str, tuple[int, str]]
"""Rows of ``WIDTH`` weights, and type, of each tensor."""


@dataclass(frozen=True)
class Written:
    """A GGUF file and the bytes of the tensors in it."""

    path: Path
    sizes: Mapping[str, int]


def matrices(shape: Architecture) -> dict[str, int]:
    """Return the rows of every matrix of the blocks, ``WIDTH`` weights each."""
    keys, queries = (heads * shape.head_dim for heads in (shape.kv_heads, shape.heads))
    rows = {"attn_q": queries, "attn_k": keys, "attn_v": keys, "attn_output": queries}
    rows |= dict.fromkeys(("ffn_gate", "ffn_up", "ffn_down"), shape.ffn)
    return {
        f"blk.{block}.{name}.weight": count
        for block in range(shape.layers)
        for name, count in rows.items()
    }


def whole(kind: str = "Q8_0", shape: Architecture = TINY, head: str = HEAD) -> dict[str, Any]:
    """Return the tensors of a model in one type."""
    return {
        name: (rows, kind) for name, rows in {**matrices(shape), head: shape.vocabulary}.items()
    }


def write(folder: Path, tensors: Tensors, header: Mapping[str, Any] | None = None) -> Written:
    """Write a GGUF file of a llama, with further entries of the header as given."""
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    entries = {"llama.block_count": TINY.layers, "llama.embedding_length": WIDTH}
    for key, value in {**entries, **(header or {})}.items():
        writer.add_uint32(key, value)
    sizes = {}
    for name, (rows, kind) in tensors.items():
        dtype = gguf.GGMLQuantizationType[kind]
        weights, size = gguf.GGML_QUANT_SIZES[dtype]
        data = np.zeros((rows, WIDTH // weights * size), dtype=np.uint8)
        writer.add_tensor(name, data, raw_dtype=dtype)
        sizes[name] = data.nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Written(path, sizes)


def with_file(path: Path, precision: str = "q8_0", shape: Architecture = TINY) -> ExperimentConfig:
    """Return an experiment whose model names a GGUF file."""
    plain = experiment(architecture=shape)
    model = plain.model.model_copy(update={"precision": precision, "gguf_file": path})
    return plain.model_copy(update={"model": model})


@given(
    kinds=st.lists(st.sampled_from(TYPES), min_size=3, max_size=8),
    shape=st.builds(
        replace,
        st.just(TINY),
        layers=st.integers(1, 3),
        kv_heads=st.sampled_from([1, 2, 4]),
        vocabulary=st.integers(1, 64),
    ),
    tied=st.booleans(),
)
def test_a_step_reads_blocks_and_head(kinds: list[str], shape: Architecture, tied: bool) -> None:
    """Whatever the types; embeddings count only where they are the output head."""
    rows = {**matrices(shape), NORM: 1, EMBEDDING: shape.vocabulary, POSITIONS: 8}
    rows |= {} if tied else {HEAD: shape.vocabulary}
    tensors = {
        name: (count, "F32" if name == NORM else kinds[number % len(kinds)])
        for number, (name, count) in enumerate(rows.items())
    }
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), tensors, {"llama.block_count": shape.layers})
        found = model_traffic(with_file(file.path, shape=shape)).weight_bytes
    looked_up = file.sizes[POSITIONS] + (0 if tied else file.sizes[EMBEDDING])
    assert found == sum(file.sizes.values()) - looked_up


@pytest.mark.parametrize(("ours", "theirs"), GGML_NAMES.items())
def test_a_file_of_one_type_is_as_large_as_the_table_says(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    """Without norms, a file's matrices are exactly the counted weights."""
    file = write(tmp_path, whole(theirs))
    exact = model_traffic(with_file(file.path, ours)).weight_bytes
    head = 2.0 if ours in HEAD_IN_16_BITS else BYTES_PER_WEIGHT[ours]
    lead = (head - BYTES_PER_WEIGHT[ours]) * TINY.output_head_parameters
    assert exact + lead == TINY.weight_bytes(ours)


def test_the_file_speaks_for_its_precision_alone(tmp_path: Path) -> None:
    """Rows measured at another precision get the bytes of the table, in any spelling."""
    file = write(tmp_path, {**whole(), NORM: (1, "F32")})
    chosen = with_file(file.path)
    exact = float(sum(file.sizes.values()))
    assert model_traffic(chosen).weight_bytes == exact > TINY.weight_bytes("q8_0")
    assert model_traffic(chosen, "Q8-0").weight_bytes == exact
    assert model_traffic(chosen, "bf16").weight_bytes == TINY.weight_bytes("bf16")


def test_a_file_tells_of_precisions_no_table_knows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows of such a precision take the bytes of the file that the experiment names."""
    file = write(tmp_path, whole("IQ4_XS"))
    chosen = with_file(file.path, "ud-q4_k_xl")
    rows = measured(Truth(RegressionType.LINEAR), ((16, 16),), precision="ud-q4_k_xl")
    data = prepared(rows)
    precision = measured_precision(data, chosen.edge.name, MODEL)
    assert precision is None
    assert "precision 'ud-q4_k_xl' are not known" in caplog.text
    assert model_traffic(chosen, precision).weight_bytes == sum(file.sizes.values())
    edge = gather(data, [chosen], chosen).edge
    assert edge is not None
    assert set(edge.workload.traffic.weight_bytes.tolist()) == {sum(file.sizes.values())}


def test_a_model_without_rows_needs_no_file(tmp_path: Path) -> None:
    """Training one model does not read the files of others that nobody measured."""
    absent = with_file(tmp_path / "absent.gguf")
    model = absent.model.model_copy(update={"id": "other", "name": "other"})
    rows = measured(Truth(RegressionType.LINEAR), ((16, 16),))
    catalog = [experiment(), absent.model_copy(update={"model": model})]
    assert gather(prepared(rows), catalog, experiment()).edge is not None


@pytest.mark.parametrize(
    ("tensors", "header", "words"),
    [
        (whole(), {"llama.block_count": 3}, "expected .* 3 blocks, as it states, got those of 2"),
        (whole(shape=replace(TINY, layers=3)), {"llama.block_count": 3}, "2 blocks .* got 3"),
        (whole(), {"llama.embedding_length": 512}, "of width 256, .* of width 512; name the file"),
        (whole(head=NORM), {}, "output.weight or token_embd.weight, got neither"),
        (whole(), {"split.count": 3}, "one of 3; join them with llama-gguf-split"),
        (whole(), {"llama.expert_count": 8}, "expected a dense model, got .* with 8 experts"),
        (whole(), {"general.file_type": 15}, "in q8_0, .* got q4_k_m; set precision='q4_k_m'"),
    ],
)
def test_another_models_file_is_refused(
    tmp_path: Path, tensors: Tensors, header: dict[str, int], words: str
) -> None:
    """The message says what was expected, what came and what to do."""
    file = write(tmp_path, tensors, header)
    with pytest.raises(ConfigurationError, match=words):
        model_traffic(with_file(file.path))


@pytest.mark.parametrize("stated", [{"general.file_type": 7}, {"general.file_type": 999}, {}])
def test_a_file_may_state_its_type(tmp_path: Path, stated: dict[str, int]) -> None:
    """The configured one, none, or one that only a newer library knows."""
    file = write(tmp_path, whole(), stated)
    assert read_gguf(file.path).precision == (
        "q8_0" if stated == {"general.file_type": 7} else None
    )


@given(st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(share: float) -> None:
    """At any byte, even within the last tensor."""
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), whole("F32"))
        content = file.path.read_bytes()
        file.path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ConfigurationError, match=r"cut short or damaged|begins with b'GGUF'"):
            model_traffic(with_file(file.path))


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip archive", b"GGUF", b"GGUF" + b"\xff" * 64]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """With the path, and what to do."""
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"model\.gguf to be a.* GGUF file.*; "):
        read_gguf(file)


def test_a_header_without_the_shape_is_refused(tmp_path: Path) -> None:
    """The message names the missing entry."""
    writer = gguf.GGUFWriter(tmp_path / "bare.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ConfigurationError, match=r"llama\.block_count is missing"):
        read_gguf(tmp_path / "bare.gguf")


@pytest.mark.parametrize("name", ["absent.gguf", "."])
def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    """A missing file, or a folder."""
    with pytest.raises(ConfigurationError, match="expected gguf_file to be a readable GGUF file"):
        read_gguf(tmp_path / name)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Even one of the same size; an unchanged one is not."""
    first = read_gguf(write(tmp_path, whole(), {"general.file_type": 7}).path)
    assert read_gguf(tmp_path / "model.gguf") is first
    again = read_gguf(write(tmp_path, whole(), {"general.file_type": 1}).path)
    assert (first.precision, again.precision) == ("q8_0", "fp16")


def test_without_the_package_its_extra_is_named(tmp_path: Path) -> None:
    """The error says how to install it."""
    script = (
        "import sys; sys.modules['gguf'] = None; from pathlib import Path; "
        "from token2metrics.modeling.gguf_file import read_gguf; read_gguf(Path(sys.argv[1]))"
    )
    file = write(tmp_path, whole()).path
    ended = subprocess.run(
        [sys.executable, "-c", script, file], capture_output=True, text=True, check=False
    )
    assert "MissingExtraError: reading a GGUF file needs the package 'gguf'" in ended.stderr
    assert "pip install 'token2metrics[gguf]'" in ended.stderr
