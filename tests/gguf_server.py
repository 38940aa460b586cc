"""A real llama.cpp server on loopback, serving random weights: nothing is downloaded.

``python -m tests.gguf_server FILE PORT [first]`` serves a file until it is terminated.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from token2metrics.architecture import Architecture

ROOT = Path(__file__).parent.parent
CONTEXT_TOKENS = 2_048
SERVER_THREADS = 1
WEIGHT_SCALE = 0.02
NORM_EPSILON = 1e-5
ROPE_BASE = 10_000.0
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
BYTES = 256
FIRST = "first"
HIGH_PRIORITY = -20
"""Other work on the machine disturbs timings less, where the system allows it."""

IDLE_S = 3_600
START_SECONDS = 30

SMALL = Architecture(
    layers=2, hidden=128, heads=4, kv_heads=2, head_dim=32, ffn=352, vocabulary=2_048
)
"""Half a million weights: a token takes less than a millisecond."""


def write_gguf(path: Path, shape: Architecture, seed: int = 0) -> Path:
    """Write a model of random 8-bit weights with a vocabulary of bytes and made-up words.

    Args:
        path: The new file.
        shape: Its shape; ``hidden`` is ``heads`` times ``head_dim``.
        seed: Seed of the weights.
    """
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.ffn)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_vocab_size(shape.vocabulary)
    _add_vocabulary(writer, shape.vocabulary)
    rng = np.random.default_rng(seed)
    for name, size in _tensors(shape):
        if len(size) == 1:
            writer.add_tensor(name, np.ones(size, np.float32))
        else:
            weights = rng.standard_normal(size, dtype=np.float32) * np.float32(WEIGHT_SCALE)
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """Add special tokens, every byte, and words up to the size."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(BYTES)]
    words = [f"\u2581w{rank}" for rank in range(size - BYTES - len(SPECIAL_TOKENS))]
    kinds = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_token_list([*SPECIAL_TOKENS, *byte_tokens, *words])
    writer.add_token_scores([0.0] * size)
    writer.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
        + [kinds.BYTE] * BYTES
        + [kinds.NORMAL] * len(words)
    )
    writer.add_bos_token_id(SPECIAL_TOKENS.index("<s>"))
    writer.add_eos_token_id(SPECIAL_TOKENS.index("</s>"))
    writer.add_unk_token_id(SPECIAL_TOKENS.index("<unk>"))
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")


def _tensors(shape: Architecture) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield names and sizes of all tensors."""
    hidden, keys = shape.hidden, shape.kv_heads * shape.head_dim
    yield "token_embd.weight", (shape.vocabulary, hidden)
    yield "output_norm.weight", (hidden,)
    yield "output.weight", (shape.vocabulary, hidden)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", (hidden,)
        yield f"{block}.ffn_norm.weight", (hidden,)
        yield f"{block}.attn_q.weight", (hidden, hidden)
        yield f"{block}.attn_k.weight", (keys, hidden)
        yield f"{block}.attn_v.weight", (keys, hidden)
        yield f"{block}.attn_output.weight", (hidden, hidden)
        yield f"{block}.ffn_gate.weight", (shape.ffn, hidden)
        yield f"{block}.ffn_up.weight", (shape.ffn, hidden)
        yield f"{block}.ffn_down.weight", (hidden, shape.ffn)


@contextmanager
def prioritised() -> Iterator[None]:
    """Run the block, and threads that it starts, before other work of the machine."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, HIGH_PRIORITY)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


@dataclass(frozen=True)
class ServerProcess:
    """A server in a process of its own.

    Attributes:
        process: The process.
        port: Its port on loopback.
    """

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the process at once, as a crash would."""
        self.process.kill()
        self.process.communicate(timeout=START_SECONDS)


def start_server(model: Path, port: int = 0, is_first: bool = False) -> ServerProcess:
    """Serve a file and wait until it is ready.

    Args:
        model: A GGUF file.
        port: Port to listen on; 0 takes a free one.
        is_first: Whether it runs before other work of the machine, its client included.
    """
    command = [sys.executable, "-m", "tests.gguf_server", str(model), str(port)]
    command += [FIRST] if is_first else []
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address, f"the server ended with {process.poll()}"
    return ServerProcess(process, int(address.rsplit(":", 1)[1]))


@contextmanager
def serving(model: Path, is_first: bool = False) -> Iterator[ServerProcess]:
    """Serve a file while the block runs, as ``start_server`` does."""
    server = start_server(model, is_first=is_first)
    try:
        yield server
    finally:
        server.stop()


def serve(arguments: Sequence[str]) -> None:
    """Serve a file until the process is ended.

    Args:
        arguments: File, port, and whether to run first.
    """
    xllamacpp = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments[0]
    parameters.port = int(arguments[1])
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = SERVER_THREADS
    with prioritised() if FIRST in arguments else nullcontext():
        server = xllamacpp.Server(parameters)
        sys.stdout.write(f"{server.listening_address}\n")
        sys.stdout.flush()
        while True:
            time.sleep(IDLE_S)


if __name__ == "__main__":
    serve(sys.argv[1:])
