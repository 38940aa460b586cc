"""Answers whose phases the server timed: windows as long as it says, where the client saw them."""

from __future__ import annotations

from dataclasses import dataclass

from token2metrics.measure.engines.engine import Generation
from token2metrics.records import Clock


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a client saw of an answer, in instants of ``time.monotonic``.

    Attributes:
        sent_s: When the request was sent.
        first_token_s: When the first token arrived; None if it came together with a later one,
            as the parts of one character do.
        last_s: When the end arrived.
    """

    sent_s: float
    first_token_s: float | None
    last_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReport:
    """What a server tells of an answer; the attributes are those of ``Generation``."""

    input_tokens: int
    cached_tokens: int | None
    output_tokens: int
    prefill_s: float
    decode_s: float
    finish_reason: str | None


def generation_of(report: ServerReport, seen: Arrivals) -> Generation:
    """Return what the server measured, and what the client saw of it.

    The instants, between which energy is metered, lie as far apart as the server's clock says: a
    client that is kept waiting sees tokens late, and several at once.

    Args:
        report: The server's counts and measurements.
        seen: The client's.
    """
    boundary_s = max(seen.sent_s, seen.last_s - report.decode_s)
    if seen.first_token_s is not None:
        boundary_s = min(boundary_s, seen.first_token_s)
    ttft_s = None if seen.first_token_s is None else seen.first_token_s - seen.sent_s
    return Generation(
        input_tokens=report.input_tokens,
        cached_tokens=report.cached_tokens,
        output_tokens=report.output_tokens,
        prefill_s=report.prefill_s,
        decode_s=report.decode_s,
        clock=Clock.SERVER,
        client_ttft_s=ttft_s,
        client_total_s=seen.last_s - seen.sent_s,
        started_s=max(seen.sent_s, boundary_s - report.prefill_s),
        first_token_s=boundary_s,
        finished_s=min(seen.last_s, boundary_s + report.decode_s),
        finish_reason=report.finish_reason,
    )
