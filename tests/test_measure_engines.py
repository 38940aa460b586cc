"""Every engine against what it talks to: a llama.cpp server, random weights, Ollama's format."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gguf_server import CONTEXT_TOKENS, SMALL, ServerProcess, serving, write_gguf
from token2metrics.architecture import Architecture
from token2metrics.errors import ConfigurationError, MissingExtraError
from token2metrics.ingest.llama_cpp_names import precision_of
from token2metrics.measure.engines import EngineKind, EngineOptions, build_engine
from token2metrics.measure.engines.dialects import Dialect, PromptKind
from token2metrics.measure.engines.engine import (
    Engine,
    EngineLostError,
    EngineRefusedError,
    GenerationRequest,
)
from token2metrics.measure.engines.http import HttpConnection
from token2metrics.measure.engines.local import LocalEngine
from token2metrics.measure.engines.openai import OpenAiEngine
from token2metrics.measure.engines.prompts import random_token_ids
from token2metrics.measure.engines.server_clock import Arrivals, ServerReport, generation_of
from token2metrics.measure.engines.words import FittedWords
from token2metrics.measure.place import on_this_machine
from token2metrics.records import Clock

ROUNDING_S = 1e-9
"""Of instants that are hours from zero."""

PLAIN_MLP = Architecture(
    layers=1, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn=96, vocabulary=500, gated_mlp=False
)
LENGTHS = ((1, 1), (1, 2), (63, 1), (64, 9), (129, 3), (700, 20))
OLLAMA_WORDS_OVERHEAD = 2
NS_PER_S = 1_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Return a llama.cpp server with random weights."""
    model = write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf", SMALL)
    with serving(model) as running:
        yield running


def options(kind: EngineKind, target: str | None = None) -> EngineOptions:
    """Return options of an engine."""
    return EngineOptions(
        kind=kind,
        target=target,
        served_model=None,
        shape=SMALL,
        precision="fp32",
        torch_device="cpu",
        context_tokens=CONTEXT_TOKENS,
    )


def check_exact(engine: Engine, input_tokens: int, output_tokens: int) -> None:
    """Assert that an engine counts exactly what is asked for, and that its times are in order."""
    done = engine.generate(GenerationRequest(input_tokens, output_tokens, seed=5))
    assert (done.input_tokens, done.output_tokens) == (input_tokens, output_tokens)
    assert done.cached_tokens == 0
    assert done.started_s < done.first_token_s <= done.finished_s
    assert 0 < done.prefill_s <= done.finished_s - done.started_s + ROUNDING_S
    assert (done.decode_s > 0) == (output_tokens > 1)
    assert done.decode_steps == output_tokens - 1
    assert done.finish_reason in ("limit", "length", None)


@pytest.mark.parametrize("kind", [EngineKind.AUTO, EngineKind.LLAMA_CPP, EngineKind.OPENAI])
@pytest.mark.parametrize(("input_tokens", "output_tokens"), LENGTHS)
def test_token_counts_of_a_server_are_exact(
    server: ServerProcess, kind: EngineKind, input_tokens: int, output_tokens: int
) -> None:
    """Token ids go in, and the server counts as many, by either endpoint."""
    with build_engine(options(kind, server.address)) as engine:
        check_exact(engine, input_tokens, output_tokens)


@pytest.mark.parametrize("shape", [SMALL, PLAIN_MLP])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_token_counts_of_the_local_engine_are_exact(shape: Architecture, precision: str) -> None:
    """Both kinds of blocks, with and without a gate, in both precisions."""
    with LocalEngine(shape, precision, "cpu") as engine:
        for lengths in LENGTHS[:5]:
            check_exact(engine, *lengths)


def test_the_local_engine_builds_the_given_shape() -> None:
    """Its weights are those that the architecture counts."""
    with LocalEngine(SMALL, "fp32", "cpu") as engine:
        names = dict(engine._model.named_parameters())
    blocks = sum(w.numel() for name, w in names.items() if ".layers." in name and w.dim() > 1)
    assert blocks == SMALL.non_embedding_parameters
    assert names["lm_head.weight"].numel() == SMALL.output_head_parameters


def test_the_local_engine_builds_a_config_file(tmp_path: Path) -> None:
    """A model's own ``config.json`` is enough, and a wrong one is refused."""
    file = tmp_path / "config.json"
    shape = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300}
    file.write_text(json.dumps({"model_type": "qwen2", **shape, **heads}))
    with LocalEngine(file, "fp32", "cpu") as engine:
        assert engine.model == "qwen2"
        check_exact(engine, 30, 4)
    wrong = [{"model_type": "unheard-of"}, {"model_type": "llama", "hidden_size": "big"}]
    for content in ("{}", "[]", "no json", *map(json.dumps, wrong)):
        file.write_text(content)
        with pytest.raises(ConfigurationError, match=r"config\.json of a model"):
            LocalEngine(file, "fp32", "cpu")


def test_what_the_local_engine_cannot_build_is_refused(tmp_path: Path) -> None:
    """Quantised weights, a missing card, no model of text, impossible sizes, nothing to build."""
    file = tmp_path / "config.json"
    for content, words in (
        ({"model_type": "t5"}, "a model that generates text, got t5"),
        ({"model_type": "llama", "hidden_size": -64}, "cannot make the weights of llama"),
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(ConfigurationError, match=words), LocalEngine(file, "fp32", "cpu"):
            pass
    with pytest.raises(ConfigurationError, match="among fp32, fp16, bf16, got 'q4_0'"):
        LocalEngine(SMALL, "q4_0", "cpu")
    with pytest.raises(ConfigurationError, match="TOKEN2METRICS_TORCH_DEVICE=cpu"):
        LocalEngine(SMALL, "fp16", "cuda:0")
    with pytest.raises(ConfigurationError, match="no --target with --engine local"):
        build_engine(options(EngineKind.LOCAL, "http://127.0.0.1:1"))


def test_llama_cpp_tells_what_it_is(server: ServerProcess) -> None:
    """Build, model, precision and context, and its own clock beside the client's."""
    with build_engine(options(EngineKind.AUTO, server.address)) as engine:
        assert engine.name == "llama.cpp"
        assert engine.precision == "q8_0"
        assert engine.context_tokens == CONTEXT_TOKENS
        assert engine.version
        done = engine.generate(GenerationRequest(400, 30, seed=1))
    assert done.clock is Clock.SERVER
    assert done.client_total_s is not None
    assert done.prefill_s + done.decode_s < done.client_total_s
    with build_engine(options(EngineKind.OPENAI, f"{server.address}/v1/")) as engine:
        assert engine.name == "llama.cpp"
        streamed = engine.generate(GenerationRequest(400, 30, seed=1))
    assert streamed.clock is Clock.CLIENT
    assert streamed.prefill_s == streamed.client_ttft_s


@pytest.mark.parametrize("kind", [PromptKind.TEXT, PromptKind.CHAT])
@pytest.mark.parametrize("extended", [True, False])
def test_text_is_fitted_to_the_count_of_the_server(
    server: ServerProcess, kind: PromptKind, extended: bool
) -> None:
    """The server's count is what is told, and it is near what was asked for."""
    with OpenAiEngine(server.address, dialects=(Dialect(kind, extended),)) as engine:
        done = engine.generate(GenerationRequest(300, 6, seed=2))
    assert done.input_tokens == pytest.approx(300, rel=0.1)
    assert done.output_tokens <= 6
    if extended:
        assert done.output_tokens == 6


def test_a_request_beyond_the_context_is_refused(server: ServerProcess) -> None:
    """The server's own words are told."""
    with (
        build_engine(options(EngineKind.AUTO, server.address)) as engine,
        pytest.raises(EngineRefusedError, match="exceeds the available context size"),
    ):
        engine.generate(GenerationRequest(CONTEXT_TOKENS + 1, 1, seed=0))


def test_what_is_no_engine_is_refused(server: ServerProcess) -> None:
    """Nobody there, no address, another engine than named, and a model that is not served."""
    with pytest.raises(EngineLostError, match="no answer from the engine"):
        build_engine(options(EngineKind.AUTO, "http://127.0.0.1:9"))
    for wrong in ("127.0.0.1:8080", "ftp://here", "http://[::1", ""):
        with pytest.raises(ConfigurationError, match="--target to be an address"):
            build_engine(options(EngineKind.AUTO, wrong))
    with pytest.raises(ConfigurationError, match="expected --target"):
        build_engine(options(EngineKind.AUTO))
    with (
        pytest.raises(ConfigurationError, match="expected Ollama"),
        build_engine(options(EngineKind.OLLAMA, server.address)),
    ):
        pass
    with pytest.raises(ConfigurationError, match="serves"), OpenAiEngine(server.address, "other"):
        pass


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine says what it needs."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "token2metrics.measure.engines.http")
    with pytest.raises(MissingExtraError, match=r"token2metrics\[measure\]"):
        build_engine(options(EngineKind.AUTO, "http://127.0.0.1:9"))


def test_prompts_have_no_special_tokens() -> None:
    """Ids lie in the middle of the vocabulary, and another seed gives others."""
    ids = random_token_ids(500, 1_000, seed=1)
    assert len(ids) == 500
    assert min(ids) >= 250
    assert max(ids) < 750
    assert ids == random_token_ids(500, 1_000, seed=1)
    assert ids[:5] != random_token_ids(500, 1_000, seed=2)[:5]
    assert random_token_ids(3, 1, seed=0) == [0, 0, 0]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Q4_K - Medium", "q4_k_m"),
        ("Q3_K - Large (guessed)", "q3_k_l"),
        ("all F32", "fp32"),
        ("IQ4_XS - 4.25 bpw", "iq4_xs"),
        ("F16", "fp16"),
        (None, None),
    ],
)
def test_precisions_of_llama_cpp_get_their_usual_names(told: str | None, name: str | None) -> None:
    """The server spells mixes out."""
    assert precision_of(told) == name


@pytest.mark.parametrize(
    ("target", "is_here"),
    [
        (None, True),
        ("http://127.0.0.1:1", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://192.168.0.7:8080", False),
        ("http://orin.local", False),
    ],
)
def test_sensors_are_read_only_beside_the_engine(target: str | None, is_here: bool) -> None:
    """Another machine's temperature and power are not this one's."""
    assert on_this_machine(target) is is_here


class OllamaPages(BaseHTTPRequestHandler):
    """Ollama's endpoints in its format (docs/api.md, MIT): a token per word, and two more."""

    def do_GET(self) -> None:
        """Answer a page."""
        details = {"quantization_level": "Q4_K_M"}
        pages: dict[str, object] = {
            "/api/version": {"version": "0.9.1"},
            "/api/tags": {"models": [{"name": "tiny:latest", "details": details}]},
        }
        self.send_response(200 if self.path in pages else 404)
        self.end_headers()
        self.wfile.write(json.dumps(pages.get(self.path)).encode())

    def do_POST(self) -> None:
        """Answer a prompt; what is zero is left out."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = body["options"]["num_predict"]
        last: dict[str, object] = {"done": True, "done_reason": "length", "response": ""}
        last["prompt_eval_count"] = len(body["prompt"].split()) + OLLAMA_WORDS_OVERHEAD
        last["prompt_eval_duration"] = NS_PER_S // 4
        last["eval_count"] = asked
        if asked > 1:
            last["eval_duration"] = NS_PER_S // 8
        lines = [{"done": False, "response": "w"}] * asked + [last]
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\n".join(map(json.dumps, lines)).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextmanager
def ollama(pages: type[OllamaPages] = OllamaPages) -> Iterator[str]:
    """Serve Ollama's format on loopback."""
    with HTTPServer(("127.0.0.1", 0), pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Serve one status for every prompt on loopback."""

    class Failing(OllamaPages):
        """Has the pages, and fails at every prompt."""

        def do_POST(self) -> None:
            """Fail."""
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"no luck")

    with ollama(Failing) as address:
        yield address


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, EngineRefusedError),
        (500, EngineRefusedError),
        (501, EngineRefusedError),
        (502, EngineLostError),
        (503, EngineLostError),
        (504, EngineLostError),
        (507, EngineRefusedError),
    ],
)
def test_a_failure_at_one_request_is_no_absence(status: int, error: type[Exception]) -> None:
    """Else a request at which the engine always fails would end every run."""
    with (
        answering(status) as address,
        HttpConnection(address) as connection,
        pytest.raises(error, match=f"HTTP {status}: no luck"),
    ):
        list(connection.lines("/api/generate", {}, dict))


@given(
    st.floats(0.0, 10.0),
    st.floats(0.0, 10.0),
    st.floats(0.0, 1.0),
    st.none() | st.floats(0.0, 1.0),
)
def test_windows_are_as_long_as_the_server_says(
    prefill_s: float, decode_s: float, late_s: float, merged_s: float | None
) -> None:
    """However late the client saw the tokens, and whether it saw the first one alone."""
    sent_s = 100.0
    last_s = sent_s + prefill_s + decode_s + late_s
    first_s = None if merged_s is None else sent_s + prefill_s + late_s * merged_s
    report = ServerReport(
        input_tokens=9,
        cached_tokens=None,
        output_tokens=5,
        prefill_s=prefill_s,
        decode_s=decode_s,
        finish_reason=None,
    )
    done = generation_of(report, Arrivals(sent_s, first_s, last_s))
    assert sent_s <= done.started_s <= done.first_token_s <= done.finished_s <= last_s
    assert done.first_token_s - done.started_s == pytest.approx(prefill_s, abs=ROUNDING_S)
    assert done.finished_s - done.first_token_s == pytest.approx(decode_s, abs=ROUNDING_S)
    assert done.client_total_s == last_s - sent_s


def test_a_counted_prompt_is_not_sent_again() -> None:
    """Else the first prompt of a length would come from the server's cache."""
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return len(text.split()) + OLLAMA_WORDS_OVERHEAD

    words = FittedWords(count)
    sent = [words.prompt(tokens, seed) for tokens in (20, 50) for seed in (9, 99, 999)]
    assert [len(prompt.split()) for prompt in sent] == [18] * 3 + [48] * 3
    assert not set(sent) & set(counted)


def test_ollama_is_found_and_its_nanoseconds_are_read() -> None:
    """Words are fitted to its counts, and its durations are taken."""
    with ollama() as address, build_engine(options(EngineKind.AUTO, address)) as engine:
        assert (engine.name, engine.version, engine.model) == ("ollama", "0.9.1", "tiny:latest")
        assert engine.precision == "Q4_K_M"
        done = engine.generate(GenerationRequest(50, 5, seed=0))
        single = engine.generate(GenerationRequest(50, 1, seed=1))
    assert (done.input_tokens, done.output_tokens, done.decode_steps) == (50, 5, 4)
    assert (done.prefill_s, done.decode_s) == (0.25, 0.125)
    assert done.cached_tokens is None
    assert done.clock is Clock.SERVER
    assert (single.output_tokens, single.decode_s) == (1, 0.0)
