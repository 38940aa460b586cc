"""Any OpenAI-compatible server, by streaming: vLLM, SGLang, llama.cpp, TensorRT Edge-LLM, others.

The first token is taken at the first chunk with content, the last at the last chunk that has
content or a finish reason. Chunks are not tokens, so every count is the server's ``usage``.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines.dialects import DIALECTS, Dialect, PromptSource
from token2metrics.measure.engines.engine import (
    Engine,
    EngineLostError,
    EngineRefusedError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.engines.http import HttpConnection
from token2metrics.measure.engines.prompts import SAFE_VOCABULARY
from token2metrics.measure.engines.served import choose_name, served_models
from token2metrics.records import Clock

NAME = "openai"
PROBE = GenerationRequest(input_tokens=8, output_tokens=1, seed=0)

RUNTIMES = {"llamacpp": "llama.cpp", "vllm": "vllm", "sglang": "sglang", "library": "ollama"}
"""Engines by what they write into ``owned_by``."""


class PromptDetails(msgspec.Struct, frozen=True):
    """Part of ``usage``."""

    cached_tokens: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens as the server counted them."""

    prompt_tokens: int
    completion_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None


class Delta(msgspec.Struct, frozen=True):
    """New content of a chat; models that think tell it under another name."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One answer of a chunk."""

    text: str | None = None
    delta: Delta | None = None
    finish_reason: str | None = None

    @property
    def has_content(self) -> bool:
        """Whether there is text, of whichever kind."""
        new = self.delta or Delta()
        return bool(self.text or new.content or new.reasoning_content or new.reasoning)


class Chunk(msgspec.Struct, frozen=True):
    """One event of a stream, or a whole answer."""

    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None


class Version(msgspec.Struct, frozen=True):
    """What vLLM's ``/version`` tells."""

    version: str


class OpenAiEngine(Engine):
    """A server by ``/v1/completions``, or ``/v1/chat/completions`` where there is no other.

    Args:
        target: Address of the server.
        served_model: Which of its models; None takes the only one.
        dialects: Forms of a request to try, the best first.
    """

    name = NAME

    def __init__(
        self,
        target: str,
        served_model: str | None = None,
        dialects: tuple[Dialect, ...] = DIALECTS,
    ) -> None:
        self.source = target
        self.model = served_model
        self._connection = HttpConnection(target)
        self._dialects = dialects

    def __enter__(self) -> Self:
        """Ask for the models, and find out which requests the server understands."""
        models = served_models(self._connection)
        self.model = choose_name(tuple(model.id for model in models), self.model, self.source)
        served = next(model for model in models if model.id == self.model)
        self.name = RUNTIMES.get(served.owned_by or "", NAME)
        self.context_tokens = served.context_tokens
        version = self._connection.get("/version", Version)
        self.version = version.version if version is not None else None
        self._prompts = PromptSource(served.vocabulary or SAFE_VOCABULARY, self._count_words)
        self._dialect = self._understood()
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
        """Stream an answer and time its chunks."""
        prompt = self._dialect.prompt(self._prompts, request)
        body = self._dialect.body(self.model, prompt, request.output_tokens)
        stream = {**body, "stream": True, "stream_options": {"include_usage": True}}
        seen = Seen(time.monotonic())
        for arrived_s, chunk in self._connection.events(self._dialect.path, stream, Chunk):
            seen.take(arrived_s, chunk)
        if seen.last_s is None:
            raise EngineLostError(f"the engine at {self.source} ended an answer without a token")
        usage = seen.usage or self._usage(self._dialect, body)
        return seen.generation(usage, seen.last_s)

    def _understood(self) -> Dialect:
        """Return the first form of a request that the server answers as it should."""
        refusal: Exception | None = None
        for dialect in self._dialects:
            self._dialect = dialect
            try:
                counted = self.generate(PROBE).input_tokens
            except (EngineRefusedError, EngineLostError) as error:
                refusal = error
                continue
            if not dialect.exact or counted == PROBE.input_tokens:
                return dialect
        if isinstance(refusal, EngineLostError):
            raise refusal
        raise ConfigurationError(
            f"expected {self.source} to answer completions or chats as OpenAI's API does: {refusal}"
        )

    def _count_words(self, text: str) -> int:
        """Ask how many tokens a text has."""
        body = self._dialect.body(self.model, text, 1)
        return self._usage(self._dialect, body).prompt_tokens

    def _usage(self, dialect: Dialect, body: dict[str, object]) -> Usage:
        """Ask again without a stream, for servers that count tokens only there."""
        usage = self._connection.post(dialect.path, body, Chunk).usage
        if usage is None:
            raise EngineRefusedError("the answer has no usage, so nobody counted its tokens")
        return usage


class Seen:
    """What a client sees of an answer.

    Args:
        started_s: When the request was sent.
    """

    def __init__(self, started_s: float) -> None:
        self.started_s = started_s
        self.first_s: float | None = None
        self.last_s: float | None = None
        self.contents = 0
        self.finish_reason: str | None = None
        self.usage: Usage | None = None

    def take(self, arrived_s: float, chunk: Chunk) -> None:
        """Look at one chunk."""
        self.usage = chunk.usage or self.usage
        for choice in chunk.choices[:1]:
            self.finish_reason = choice.finish_reason or self.finish_reason
            self.contents += choice.has_content
            if choice.has_content and self.first_s is None:
                self.first_s = arrived_s
            if choice.has_content or choice.finish_reason:
                self.last_s = arrived_s

    def generation(self, usage: Usage, last_s: float) -> Generation:
        """Return the times of the phases.

        Args:
            usage: The server's counts.
            last_s: When the last token was there.
        """
        first_s = last_s if self.first_s is None else self.first_s
        steps = usage.completion_tokens - 1
        details = usage.prompt_tokens_details
        return Generation(
            input_tokens=usage.prompt_tokens,
            cached_tokens=details.cached_tokens if details is not None else None,
            output_tokens=usage.completion_tokens,
            prefill_s=first_s - self.started_s,
            decode_s=last_s - first_s if steps > 0 else 0.0,
            clock=Clock.CLIENT,
            client_ttft_s=first_s - self.started_s,
            client_total_s=last_s - self.started_s,
            started_s=self.started_s,
            first_token_s=first_s,
            finished_s=last_s,
            finish_reason=self.finish_reason,
            note=self._note(usage.completion_tokens),
        )

    def _note(self, tokens: int) -> str | None:
        """Say so where fewer chunks than tokens came, so that the first may hold several."""
        if tokens <= 1 or self.contents >= tokens:
            return None
        return f"{self.contents} chunks had content for {tokens} tokens"
