"""llama.cpp's own server: token ids in, exact counts and the server's own clock out.

The server takes the end of its prefill when the first token is sampled, and the end of its
decode when the last one is, so ``predicted_ms`` spans ``predicted_n - 1`` steps in every build
(``n_decoded == 1`` in ``tools/server``). Only its quotient ``predicted_per_token_ms`` changed: old
builds divide by ``predicted_n``. It is not read here.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.ingest.llama_cpp_names import precision_of
from token2metrics.measure.engines.engine import (
    Engine,
    EngineLostError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.engines.http import HttpConnection
from token2metrics.measure.engines.prompts import SAFE_VOCABULARY, random_token_ids
from token2metrics.measure.engines.served import served_models
from token2metrics.measure.engines.server_clock import Arrivals, ServerReport, generation_of

NAME = "llama.cpp"
MS_PER_S = 1_000.0


class GenerationSettings(msgspec.Struct, frozen=True):
    """Part of ``/props``."""

    n_ctx: int | None = None


class Properties(msgspec.Struct, frozen=True):
    """What ``/props`` tells."""

    default_generation_settings: GenerationSettings
    build_info: str | None = None
    model_alias: str | None = None
    model_path: str | None = None
    model_ftype: str | None = None


class Timings(msgspec.Struct, frozen=True):
    """The server's own measurements of a request."""

    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float
    cache_n: int | None = None


class Chunk(msgspec.Struct, frozen=True):
    """One event of ``/completion``; the last one has ``timings``."""

    stop: bool
    tokens_predicted: int | None = None
    stop_type: str | None = None
    timings: Timings | None = None


class LlamaCppEngine(Engine):
    """llama.cpp's server by its native endpoint.

    Args:
        target: Address of the server.
    """

    name = NAME

    def __init__(self, target: str) -> None:
        self.source = target
        self._connection = HttpConnection(target)
        self._vocabulary = SAFE_VOCABULARY

    def __enter__(self) -> Self:
        """Ask for build, model, context and vocabulary."""
        properties = self._connection.get("/props", Properties)
        if properties is None:
            raise ConfigurationError(
                f"expected a llama.cpp server at {self.source}, got no /props from it; "
                "try --engine openai"
            )
        for served in served_models(self._connection)[:1]:
            self._vocabulary = served.vocabulary or SAFE_VOCABULARY
        self.version = properties.build_info
        self.model = properties.model_alias or properties.model_path
        self.precision = precision_of(properties.model_ftype)
        self.context_tokens = properties.default_generation_settings.n_ctx
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._connection.__exit__(kind, error, traceback)

    def generate(self, request: GenerationRequest) -> Generation:
        """Send random token ids and stream the answer."""
        body = {
            "prompt": random_token_ids(request.input_tokens, self._vocabulary, request.seed),
            "n_predict": request.output_tokens,
            "ignore_eos": True,
            "cache_prompt": False,
            "stream": True,
        }
        started_s = time.monotonic()
        first_token_s = None
        for arrived_s, chunk in self._connection.events("/completion", body, Chunk):
            if first_token_s is None and chunk.tokens_predicted == 1:
                first_token_s = arrived_s
            if chunk.timings is not None:
                report = reported(chunk.timings, chunk.stop_type)
                return generation_of(report, Arrivals(started_s, first_token_s, arrived_s))
        raise EngineLostError(f"the engine at {self.source} ended an answer before its last token")


def reported(timings: Timings, finish_reason: str | None) -> ServerReport:
    """Return the server's measurements of an answer."""
    several = timings.predicted_n > 1
    return ServerReport(
        input_tokens=timings.prompt_n + (timings.cache_n or 0),
        cached_tokens=timings.cache_n,
        output_tokens=timings.predicted_n,
        prefill_s=timings.prompt_ms / MS_PER_S,
        decode_s=timings.predicted_ms / MS_PER_S if several else 0.0,
        finish_reason=finish_reason,
    )
