"""Forms of a request that OpenAI-compatible servers understand, from exact to universal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from token2metrics.measure.engines.engine import GenerationRequest
from token2metrics.measure.engines.prompts import random_token_ids
from token2metrics.measure.engines.words import FittedWords, TokenCounter

Prompt = list[int] | str


class PromptKind(StrEnum):
    """What a prompt is sent as."""

    TOKEN_IDS = "token_ids"
    TEXT = "text"
    CHAT = "chat"


class PromptSource:
    """Makes prompts of a wanted length.

    Args:
        vocabulary: Size of the engine's vocabulary.
        count: Asks the engine how many tokens a text has.
    """

    def __init__(self, vocabulary: int, count: TokenCounter) -> None:
        self._vocabulary = vocabulary
        self._words = FittedWords(count)

    def token_ids(self, request: GenerationRequest) -> list[int]:
        """Return as many token ids."""
        return random_token_ids(request.input_tokens, self._vocabulary, request.seed)

    def text(self, request: GenerationRequest) -> str:
        """Return words that the engine counts as about as many tokens."""
        return self._words.prompt(request.input_tokens, request.seed)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One form of a request.

    Attributes:
        kind: What the prompt is sent as.
        extended: Whether fields beyond OpenAI's own forbid an early end and a prompt cache.
    """

    kind: PromptKind
    extended: bool

    @property
    def path(self) -> str:
        """Where the request goes."""
        return "/v1/chat/completions" if self.kind is PromptKind.CHAT else "/v1/completions"

    @property
    def exact(self) -> bool:
        """Whether a prompt has exactly the tokens that are asked for."""
        return self.kind is PromptKind.TOKEN_IDS

    def prompt(self, source: PromptSource, request: GenerationRequest) -> Prompt:
        """Return a prompt of the wanted length."""
        return source.token_ids(request) if self.exact else source.text(request)

    def body(self, model: str | None, prompt: Prompt, output_tokens: int) -> dict[str, object]:
        """Return a request.

        Args:
            model: Model as the server names it.
            prompt: Token ids or text.
            output_tokens: Tokens to generate.
        """
        body: dict[str, object] = {"model": model, "max_tokens": output_tokens}
        if self.kind is PromptKind.CHAT:
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        if self.extended:
            body |= {"ignore_eos": True, "min_tokens": output_tokens, "cache_prompt": False}
        return body


DIALECTS = tuple(Dialect(kind, extended) for kind in PromptKind for extended in (True, False))
"""In the order in which a server is tried."""
