"""Ollama's own endpoint: its durations in nanoseconds and its counts, as far as it tells them.

Its runner takes the end of the prefill when the first token is sampled (``startGenerationTime``),
so ``eval_duration`` spans ``eval_count - 1`` steps. A field that is zero is left out of an answer.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines.engine import (
    Engine,
    EngineLostError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.engines.http import HttpConnection
from token2metrics.measure.engines.served import choose_name
from token2metrics.measure.engines.server_clock import Arrivals, ServerReport, generation_of
from token2metrics.measure.engines.words import FittedWords

NAME = "ollama"
NS_PER_S = 1e9
SPARE_CONTEXT_TOKENS = 64
"""Room for a template that the counts include."""


class Version(msgspec.Struct, frozen=True):
    """What ``/api/version`` tells."""

    version: str


class Details(msgspec.Struct, frozen=True):
    """Part of a model's entry."""

    quantization_level: str | None = None


class Tag(msgspec.Struct, frozen=True):
    """One entry of ``/api/tags``."""

    name: str
    details: Details = Details()


class Tags(msgspec.Struct, frozen=True):
    """What ``/api/tags`` tells."""

    models: tuple[Tag, ...] = ()


class Piece(msgspec.Struct, frozen=True):
    """One line of ``/api/generate``; the last one, with ``done``, has counts and durations."""

    done: bool
    response: str = ""
    thinking: str = ""
    done_reason: str | None = None
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class OllamaEngine(Engine):
    """Ollama by ``/api/generate``, without a template.

    Args:
        target: Address of the server.
        context_tokens: Context to load the model with; another one per request would load it anew.
        served_model: Which of its models; None takes the only one.
    """

    name = NAME

    def __init__(self, target: str, context_tokens: int, served_model: str | None = None) -> None:
        self.source = target
        self.model = served_model
        self._loaded_context_tokens = context_tokens + SPARE_CONTEXT_TOKENS
        self._connection = HttpConnection(target)
        self._words = FittedWords(self._count)

    def __enter__(self) -> Self:
        """Ask for version and models."""
        version = self._connection.get("/api/version", Version)
        tags = self._connection.get("/api/tags", Tags)
        if version is None or tags is None:
            raise ConfigurationError(
                f"expected Ollama at {self.source}, got no /api/version or /api/tags from it; "
                "try --engine openai"
            )
        self.version = version.version
        self.model = choose_name(tuple(tag.name for tag in tags.models), self.model, self.source)
        chosen = next(tag for tag in tags.models if tag.name == self.model)
        self.precision = chosen.details.quantization_level
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
        """Send random words and stream the answer."""
        return self._send(self._words.prompt(request.input_tokens, request.seed), request)

    def _count(self, text: str) -> int:
        """Ask how many tokens a text has."""
        words = len(text.split())
        return self._send(text, GenerationRequest(words, 1, seed=0)).input_tokens

    def _send(self, prompt: str, request: GenerationRequest) -> Generation:
        """Send a prompt and stream the answer."""
        body = {
            "model": self.model,
            "prompt": prompt,
            "raw": True,
            "stream": True,
            "options": {
                "num_predict": request.output_tokens,
                "num_ctx": self._loaded_context_tokens,
            },
        }
        started_s = time.monotonic()
        first_s = None
        for arrived_s, piece in self._connection.lines("/api/generate", body, Piece):
            if first_s is None and (piece.response or piece.thinking):
                first_s = arrived_s
            if piece.done:
                return generation_of(reported(piece), Arrivals(started_s, first_s, arrived_s))
        raise EngineLostError(f"the engine at {self.source} ended an answer before its last token")


def reported(last: Piece) -> ServerReport:
    """Return the server's measurements of an answer."""
    return ServerReport(
        input_tokens=last.prompt_eval_count,
        cached_tokens=None,
        output_tokens=last.eval_count,
        prefill_s=last.prompt_eval_duration / NS_PER_S,
        decode_s=last.eval_duration / NS_PER_S if last.eval_count > 1 else 0.0,
        finish_reason=last.done_reason,
    )
