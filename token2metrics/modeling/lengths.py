"""Which lengths a design may choose from, and which requests it should predict well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from token2metrics.workload import TILE_TOKENS, WIDE_TILE_TOKENS, WIDEST_TILE_TOKENS

Tokens = NDArray[np.int64]
"""Prompt and answer tokens, ``(requests, 2)``."""

SHORTEST_TOKENS = 16
"""Shorter prompts and answers are rarely sent: chat templates alone are about as long."""

REACH = 0.95
"""No point is longer than this share of the longest prompt: the last cell of a sweep up to the
engine's limit lies 7 to 10 % off the others (EdgeReasoning on a Jetson AGX Orin)."""

PROMPTS_PER_OCTAVE = 4
ANSWER_HALVINGS = 3
TARGET_PROMPTS = 24
TARGET_ANSWERS = 8
TILES = (TILE_TOKENS, WIDE_TILE_TOKENS, WIDEST_TILE_TOKENS)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long requests may be.

    Attributes:
        longest_input: Most prompt tokens, at least 1.
        longest_output: Most answer tokens, at least 1.
    """

    longest_input: int
    longest_output: int


def candidate_tokens(limits: Limits, prefill_alone: bool) -> Tokens:
    """Return the requests that could be measured, in ascending order.

    Prompts are spread evenly in logarithms, each also at the end of its tile and right after it,
    where the staircase of prefill shows. Answers are the longest one and its halves.

    Args:
        limits: How long requests may be.
        prefill_alone: Whether requests of one output token, which have no decode, are among them.
    """
    answers = {max(limits.longest_output >> halving, 1) for halving in range(ANSWER_HALVINGS)}
    decoding = {answer for answer in answers if answer > 1}
    chosen = sorted(decoding | ({1} if prefill_alone or not decoding else set()))
    pairs = [(prompt, answer) for prompt in _prompts(limits.longest_input) for answer in chosen]
    return np.array(pairs, dtype=np.int64)


def _prompts(longest: int) -> list[int]:
    """Return prompt lengths within reach."""
    reach = max(int(REACH * longest), 1)
    shortest = min(SHORTEST_TOKENS, reach)
    count = 2 + int(PROMPTS_PER_OCTAVE * np.log2(reach / shortest))
    spread = {int(length) for length in np.geomspace(shortest, reach, count).round()}
    ends = {tile * (length // tile) for length in spread for tile in TILES}
    edges = {end + step for end in ends if end for step in (0, 1)}
    return sorted(length for length in spread | edges if shortest <= length <= reach)


def likely_tokens(limits: Limits) -> Tokens:
    """Return requests spread evenly in the logarithms of both lengths, up to the limits.

    They stand for what people send where nobody told.
    """
    prompts = _spread(limits.longest_input, TARGET_PROMPTS)
    answers = _spread(limits.longest_output, TARGET_ANSWERS)
    pairs = [(prompt, answer) for prompt in prompts for answer in answers]
    return np.array(pairs, dtype=np.int64)


def _spread(longest: int, count: int) -> list[int]:
    """Return at most so many lengths from the shortest usual one to the longest."""
    shortest = min(SHORTEST_TOKENS, longest)
    return sorted({int(length) for length in np.geomspace(shortest, longest, count).round()})
