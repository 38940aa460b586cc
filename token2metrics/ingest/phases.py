"""From a request as a tool times it to the rows of its phases."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from token2metrics.ingest.reader import Row, UnusableError
from token2metrics.records import Record
from token2metrics.vocabulary import Phase

MOST_CACHED_SHARE = 0.1
"""A prefill that took more of its prompt from a cache is not that of the whole prompt."""

FEWEST_OUTPUT_TOKENS = 2
"""The first token ends prefill, so a decode step needs a second one."""


def split(request: Record, prefill_s: float | None, decode_s: float | None) -> Iterator[Row]:
    """Yield the prefill row and the decode row of a request, each if it was timed.

    Args:
        request: What both rows share: ``output_tokens`` is all that were generated, and
            ``started_at_s`` the start of prefill.
        prefill_s: Seconds to the first token.
        decode_s: Seconds from the first token to the last.

    Yields:
        Rows, and why a phase has none.
    """
    yield prefill_row(request, prefill_s)
    if request.output_tokens is None or request.output_tokens >= FEWEST_OUTPUT_TOKENS:
        yield decode_row(request, prefill_s, decode_s)


def prefill_row(request: Record, latency_s: float | None) -> Row:
    """Return the prefill row of a request, or why there is none."""
    cached, prompt = request.cached_tokens or 0, request.input_tokens
    if prompt is not None and cached > MOST_CACHED_SHARE * prompt:
        return UnusableError("prefill: a large part of the prompt came from a cache")
    return timed(request, Phase.PREFILL, latency_s, output_tokens=1)


def decode_row(request: Record, prefill_s: float | None, latency_s: float | None) -> Row:
    """Return the decode row of a request, or why there is none."""
    started_at_s = None
    if request.started_at_s is not None and prefill_s is not None and prefill_s >= 0:
        started_at_s = request.started_at_s + prefill_s
    return timed(request, Phase.DECODE, latency_s, started_at_s=started_at_s)


def timed(request: Record, phase: Phase, latency_s: float | None, **changes: object) -> Row:
    """Return a row of one phase, or why there is none.

    Args:
        request: What the row takes over.
        phase: Its phase.
        latency_s: Seconds of the phase.
        **changes: Further fields that differ from the request.
    """
    if latency_s is None:
        return UnusableError(f"{phase}: no time is told")
    if not latency_s > 0:
        return UnusableError(f"{phase}: expected a time above 0 s, got {latency_s:g} s")
    row = msgspec.structs.replace(request, phase=phase, latency_s=latency_s, **changes)
    if row.input_tokens is None or row.output_tokens is None:
        return UnusableError(f"{phase}: the number of tokens is not told")
    return row


def in_flight(requests: float, latency_s: float | None, duration_s: float | None) -> int | None:
    """Return how many requests ran together on average, at least one (Little's law).

    Args:
        requests: Finished requests.
        latency_s: Mean seconds of a request.
        duration_s: Seconds of the whole run.
    """
    if latency_s is None or not duration_s:
        return None
    return max(1, round(min(requests, requests * latency_s / duration_s)))
