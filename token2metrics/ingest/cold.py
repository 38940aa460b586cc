"""The first request of a client, which pays for the connection and all that is built late."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

COLD = "cold"
COLD_FACTOR = 1.5
"""How much slower per token than any other the first prefill must be to be called cold."""

FEWEST_OTHERS = 3


def mark_cold_start(records: Sequence[Record]) -> tuple[Record, ...]:
    """Flag the first prefill of a file where it stands out from all others.

    Only single requests timed by a client are looked at, and prompts of at least half the length,
    since short ones cost more per token.

    Args:
        records: Those of one file, in its order.
    """
    places = [place for place, record in enumerate(records) if _is_timed_by_client(record)]
    if not places:
        return tuple(records)
    first = records[places[0]]
    others = [
        _s_per_token(records[place])
        for place in places[1:]
        if 2 * _tokens(records[place]) >= _tokens(first) >= _tokens(records[place]) / 2
    ]
    if len(others) < FEWEST_OTHERS or _s_per_token(first) <= COLD_FACTOR * max(others):
        return tuple(records)
    flags = " ".join(word for word in (first.quality_flags, COLD) if word)
    marked = replace(first, quality_flags=flags)
    return tuple(marked if record is first else record for record in records)


def _is_timed_by_client(record: Record) -> bool:
    """Return whether a record is one prefill, on a client's clock."""
    return record.phase is Phase.PREFILL and record.clock is Clock.CLIENT and record.repeats == 1


def _tokens(record: Record) -> int:
    """Return the prompt's tokens, at least one."""
    return max(1, record.input_tokens or 0)


def _s_per_token(record: Record) -> float:
    """Return seconds per prompt token."""
    return (record.latency_s or 0.0) / _tokens(record)
