"""What is wrong with one answer: each finding is a word for the table and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token2metrics.ingest.phases import MOST_CACHED_SHARE
from token2metrics.measure.engines.engine import Generation
from token2metrics.measure.plan import Point
from token2metrics.records import Clock
from token2metrics.vocabulary import FITTED_PHASES, Phase

SLOW_CLIENT_RATIO = 1.2
FEWEST_STEPS = 8
"""Steps below which one late packet decides the ratio of client to server."""

LENGTH_REASONS = ("length", "limit")
"""How engines say that an answer ended because it was as long as asked for."""

INPUT_COUNT_DIFFERS = "input_count_differs"
OUTPUT_COUNT_DIFFERS = "output_count_differs"
CACHED_PROMPT = "cached_prompt"
STOPPED_EARLY = "stopped_early"
SLOW_CLIENT = "slow_client"
UNCERTAIN_FIRST_TOKEN = "uncertain_first_token"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about an answer.

    Attributes:
        flag: A word for the table.
        note: A sentence.
        phases: The phases that it is about.
    """

    flag: str
    note: str
    phases: tuple[Phase, ...] = FITTED_PHASES


def check(point: Point, generation: Generation) -> tuple[Finding, ...]:
    """Return what is wrong with an answer.

    Args:
        point: What was asked for.
        generation: What the engine did.
    """
    return (*_counts(point, generation), *_circumstances(generation))


def _counts(point: Point, generation: Generation) -> Iterator[Finding]:
    """Yield differences between the tokens asked for and those counted."""
    for flag, asked, counted, what in (
        (INPUT_COUNT_DIFFERS, point.input_tokens, generation.input_tokens, "prompt"),
        (OUTPUT_COUNT_DIFFERS, point.output_tokens, generation.output_tokens, "generated"),
    ):
        if asked != counted:
            yield Finding(flag, f"asked for {asked} {what} tokens, the engine counted {counted}")
    cached = generation.cached_tokens or 0
    if cached > MOST_CACHED_SHARE * generation.input_tokens:
        note = f"{cached} prompt tokens came from a cache"
        yield Finding(CACHED_PROMPT, note, (Phase.PREFILL,))


def _circumstances(generation: Generation) -> Iterator[Finding]:
    """Yield what else may spoil an answer."""
    reason = generation.finish_reason
    if reason is not None and reason not in LENGTH_REASONS:
        yield Finding(STOPPED_EARLY, f"generation ended with {reason!r}")
    ratio = client_to_server(generation)
    if ratio is not None and ratio > SLOW_CLIENT_RATIO:
        yield Finding(
            SLOW_CLIENT,
            f"the client saw {ratio:.2f} times the server's time per token; "
            "give the server a thread fewer than there are cores",
        )
    if generation.note is not None:
        yield Finding(UNCERTAIN_FIRST_TOKEN, generation.note)


def client_to_server(generation: Generation) -> float | None:
    """Return the client's time per token as a multiple of the server's.

    Returns:
        None where either is unknown, or the steps are too few to tell.
    """
    total_s, ttft_s = generation.client_total_s, generation.client_ttft_s
    known = generation.clock is Clock.SERVER and total_s is not None and ttft_s is not None
    if not known or generation.decode_steps < FEWEST_STEPS or generation.decode_s <= 0:
        return None
    return (float(total_s or 0.0) - float(ttft_s or 0.0)) / generation.decode_s
