"""Which requests are of similar length, so that what a fit gets wrong for all of them is one thing.

A fitted curve is off by a little that depends on the length: a step of the staircase that it does
not know, most of all. That is no drift. So a request is judged against earlier ones of its kind.
"""

from __future__ import annotations

import math

from token2metrics.vocabulary import Phase
from token2metrics.workload import TILE_TOKENS

MOST_TILES = 16
"""Longer prompts are told apart by their size, not by their tiles."""

MOST_APART = 16
"""More answers at once are told apart by size too, or there would be a kind for each number."""

CLASSES_PER_DOUBLING = 2


def similar_class(phase: Phase, input_tokens: int, output_tokens: int, parallel: int) -> str:
    """Name the kind of request that a request is.

    Args:
        phase: What is compared: the tiles of the prompt tell for prefill, else the decode steps.
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
        parallel: Answers at once.
    """
    size = _prompt_size(input_tokens) if phase is Phase.PREFILL else _doublings(output_tokens)
    return f"{size} x{_samples(parallel)}"


def _prompt_size(input_tokens: int) -> str:
    """Return the tiles of a prompt, or its size in half doublings."""
    tiles = math.ceil(input_tokens / TILE_TOKENS)
    if tiles <= MOST_TILES:
        return f"{tiles} tiles"
    return _half_doublings(input_tokens)


def _samples(parallel: int) -> str:
    """Return the answers at once, or their size in half doublings."""
    return str(parallel) if parallel <= MOST_APART else _half_doublings(parallel)


def _half_doublings(count: int) -> str:
    """Return the size of a count in half doublings."""
    return f"2^{math.floor(CLASSES_PER_DOUBLING * math.log2(count))}/2"


def _doublings(output_tokens: int) -> str:
    """Return the size of an answer in doublings of its decode steps."""
    return f"2^{max(output_tokens - 1, 0).bit_length()}"
