"""Prompts for engines that take text alone: as many words as make the wanted tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from token2metrics.measure.engines.prompts import random_words

MOST_TRIES = 3
FEW_WORDS = 8
MORE_WORDS = 40

TokenCounter = Callable[[str], int]
"""Asks the engine how many tokens a prompt has."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Tokens as a line over words.

    Attributes:
        overhead: Tokens without any word, such as those of a template.
        per_word: Tokens of a word.
    """

    overhead: float
    per_word: float


class FittedWords:
    """Finds for each length how many words the engine counts as that many tokens.

    Common words are one token each in common vocabularies, beside a constant for the template.
    Two short prompts tell what they are in the engine's; then its count of a prompt of so many
    words corrects the rest. No counted prompt is sent again, so that none lies in a cache.

    Args:
        count: Asks the engine.
    """

    def __init__(self, count: TokenCounter) -> None:
        self._count = count
        self._words_of: dict[int, int] = {}

    def prompt(self, tokens: int, seed: int) -> str:
        """Return random words of about so many tokens.

        Args:
            tokens: Wanted tokens, as the engine counts them.
            seed: Seed of the words.
        """
        if tokens not in self._words_of:
            self._words_of[tokens] = self._fit(tokens, seed)
        return random_words(self._words_of[tokens], seed)

    @cached_property
    def _slope(self) -> Slope:
        """Learn what a word and the template cost."""
        few, more = (self._count(random_words(words, words)) for words in (FEW_WORDS, MORE_WORDS))
        per_word = max((more - few) / (MORE_WORDS - FEW_WORDS), 1.0)
        return Slope(few - FEW_WORDS * per_word, per_word)

    def _fit(self, tokens: int, seed: int) -> int:
        """Return the number of words whose count came nearest."""
        words = self._words(tokens - self._slope.overhead)
        misses: dict[int, int] = {}
        for attempt in range(1, 1 + MOST_TRIES):
            counted = self._count(random_words(words, seed + attempt))
            misses[words] = abs(counted - tokens)
            words = self._words(words * self._slope.per_word + tokens - counted)
            if words in misses:
                break
        return min(misses, key=lambda tried: misses[tried])

    def _words(self, tokens: float) -> int:
        """Return how many words have about so many tokens."""
        return max(1, round(tokens / self._slope.per_word))
