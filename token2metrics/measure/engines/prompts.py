"""Prompts of random content: token ids where an engine takes them, words where it does not."""

from __future__ import annotations

import random

SAFE_VOCABULARY = 32_000
"""Vocabulary assumed of an engine that does not tell: that of the smallest common tokenizers."""

FIRST_SHARE = 0.25
LAST_SHARE = 0.75
"""Special tokens and single bytes lie at either end of a vocabulary."""

COMMON_WORDS = (
    "time year people way day man thing woman life child world school state family student "
    "group country problem hand part place case week company system program question work "
    "government number night point home water room mother area money story fact month lot "
    "right study book eye job word business issue side kind head house service friend father "
    "power hour game line end member law car city community name president team minute idea "
    "body information back parent face others level office door health person art war history "
    "party result change morning reason research girl guy moment air teacher force education"
)
"""Nouns that common vocabularies hold whole, each with the space before it."""


def random_token_ids(count: int, vocabulary: int, seed: int) -> list[int]:
    """Return ids of ordinary tokens.

    Args:
        count: How many.
        vocabulary: Size of the vocabulary.
        seed: Seed of the choice.
    """
    first, last = int(vocabulary * FIRST_SHARE), int(vocabulary * LAST_SHARE)
    return random.Random(seed).choices(range(first, max(last, first + 1)), k=count)


def random_words(count: int, seed: int) -> str:
    """Return common words, of about one token each.

    Args:
        count: How many.
        seed: Seed of the choice.
    """
    return " ".join(random.Random(seed).choices(COMMON_WORDS.split(), k=count))
