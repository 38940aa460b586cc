"""The seam between measuring and inference engines: what every engine offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from token2metrics.errors import Token2MetricsError
from token2metrics.records import Clock


class EngineLostError(Token2MetricsError):
    """The engine cannot be reached, or went away in the middle of an answer."""


class EngineRefusedError(Token2MetricsError):
    """The engine is there and refuses this request, such as one beyond its context."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What is asked of an engine.

    Attributes:
        input_tokens: Tokens of the prompt, at least 1.
        output_tokens: Tokens to generate, at least 1.
        seed: Seed of the prompt's random tokens; another seed shares no prefix, so no cache helps.
    """

    input_tokens: int
    output_tokens: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What an engine did, in tokens it counted and seconds somebody timed.

    Attributes:
        input_tokens: Tokens of the prompt as the engine counted them, cached ones included.
        cached_tokens: Prompt tokens taken from a cache; None when the engine does not tell.
        output_tokens: Generated tokens as the engine counted them.
        prefill_s: Seconds to the first token.
        decode_s: Seconds of the ``output_tokens - 1`` steps after it; 0 for one token.
        clock: Whose clock timed these two.
        client_ttft_s: Seconds from sending to the arrival of the first token; None where a client
            saw none, or first saw a later one.
        client_total_s: Seconds from sending to the arrival of the last token; None without client.
        started_s: Start, an instant of ``time.monotonic``.
        first_token_s: When the first token was there, an instant of the same clock.
        finished_s: When the last token was there, an instant of the same clock.
        finish_reason: Why generation ended, as the engine said.
        note: What to distrust, in one sentence.
    """

    input_tokens: int
    cached_tokens: int | None
    output_tokens: int
    prefill_s: float
    decode_s: float
    clock: Clock
    client_ttft_s: float | None
    client_total_s: float | None
    started_s: float
    first_token_s: float
    finished_s: float
    finish_reason: str | None
    note: str | None = None

    @property
    def decode_steps(self) -> int:
        """Steps after the first token, which the prefill yields."""
        return self.output_tokens - 1

    @property
    def client_overhead_s(self) -> float | None:
        """The client's time to the first token less the engine's prefill; None if unknown."""
        if self.client_ttft_s is None or self.clock is Clock.CLIENT:
            return None
        return self.client_ttft_s - self.prefill_s


class Engine(ABC):
    """Generates tokens for a request and tells how long each phase took.

    A context manager: inside it the engine is known to answer, and its attributes are set.

    Attributes:
        name: Runtime as measurement tables name it, such as ``llama.cpp``.
        version: Version or build; None when it does not tell.
        model: Model as the engine names it; None when it does not tell.
        source: Address of the engine, or what stands for it.
        precision: Precision of the weights as the engine names it; None when it does not tell.
        context_tokens: Most tokens of prompt and answer together; None when it does not tell.
    """

    name: str
    source: str
    version: str | None = None
    model: str | None = None
    precision: str | None = None
    context_tokens: int | None = None

    @abstractmethod
    def __enter__(self) -> Self:
        """Connect, and learn what the engine is.

        Raises:
            EngineLostError: If it does not answer.
            ConfigurationError: If the address is of something else.
        """

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the engine."""

    @abstractmethod
    def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request, alone.

        Raises:
            EngineLostError: If the engine went away.
            EngineRefusedError: If it refuses the request.
        """
