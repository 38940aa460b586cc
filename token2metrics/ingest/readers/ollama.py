"""Responses of Ollama's own API: counts, and durations in nanoseconds.

The fields are those of ``Metrics`` in ``api/types.go``, where every one is left out when zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

RUNTIME = "ollama"
MOST_PREFILL_GAIN = 300.0
"""How many times as fast a prompt token can be as an answer token. Hardware with F FLOP/s and B
bytes/s reaches F / B times half the bytes of a weight: 100 to 200 on devices of today. A prompt
from the cache is counted whole and takes one step, so it seems faster without bound."""


class Response(Fields, frozen=True):
    """A finished response."""

    done: bool
    model: str | None = None
    created_at: datetime | None = None
    done_reason: str | None = None
    prompt_eval_count: Count = 0
    prompt_eval_duration: Amount = 0.0
    eval_count: Count = 0
    eval_duration: Amount = 0.0

    @property
    def prefill_s(self) -> float:
        """Seconds of the prompt."""
        return seconds_of(self.prompt_eval_duration, "ns")

    @property
    def decode_s(self) -> float:
        """Seconds of the answer."""
        return seconds_of(self.eval_duration, "ns")

    @property
    def started_at_s(self) -> float | None:
        """Start of the prompt: the response is dated when its last token is out."""
        if self.created_at is None or self.created_at.tzinfo is None:
            return None
        ended_at_s = epoch_s(self.created_at.timestamp(), "s")
        return None if ended_at_s is None else ended_at_s - self.decode_s - self.prefill_s

    @property
    def prompt_was_cached(self) -> bool:
        """Whether the prompt was too fast to have been worked on."""
        if not (self.prefill_s and self.decode_s and self.prompt_eval_count):
            return not self.prompt_eval_count or not self.prefill_s
        token_s = self.prefill_s / self.prompt_eval_count
        return token_s * MOST_PREFILL_GAIN * max(1, self.eval_count - 1) < self.decode_s


class Ollama(Reader):
    """Reads responses of ``/api/generate`` and ``/api/chat``, streams included."""

    name = "Ollama"
    looks_for = "JSON objects with done, eval_count and eval_duration"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a finished response."""
        return file.objects_with("done", "eval_duration")

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per finished response."""
        ended = [(where, item) for where, item in file.objects if item.get("done") is not False]
        return each(ended, rows_of)


def rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of a response."""
    response = told(entry, Response)
    request = Record(
        phase=Phase.REQUEST,
        input_tokens=response.prompt_eval_count or None,
        output_tokens=response.eval_count,
        runtime=RUNTIME,
        model=response.model,
        clock=Clock.SERVER,
        finish_reason=response.done_reason,
        started_at_s=response.started_at_s,
    )
    prefill, *decode = split(request, response.prefill_s, response.decode_s)
    if response.prompt_was_cached:
        prefill = UnusableError("prefill: the prompt came from the cache, as its time shows")
    yield prefill
    yield from decode


READER = Ollama()
