"""NVIDIA AIPerf's ``profile_export.jsonl``: a request per line, each metric with its unit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from token2metrics.ingest.measured import Metrics
from token2metrics.ingest.phases import in_flight, split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

WARM_UP = "warmup"


class Metadata(Fields, frozen=True):
    """What is said of a request beside its metrics; times in nanoseconds since 1970."""

    request_start_ns: Amount
    request_end_ns: Amount | None = None
    benchmark_phase: str | None = None
    was_cancelled: bool = False


class Line(Fields, frozen=True):
    """One request; metrics are checked one by one."""

    metadata: Metadata
    metrics: dict[str, Any]
    error: Any = None


class AiperfRequests(Reader):
    """Reads the record of every request."""

    name = "AIPerf (requests)"
    looks_for = "JSON lines with metrics, and metadata with request_start_ns"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is such a line."""
        return any(_is_line(item) for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per request."""
        parallel = _parallel(file)
        return each(file.objects, lambda entry: _rows_of(entry, parallel))


def _is_line(item: dict[str, object]) -> bool:
    """Return whether an object describes a request."""
    metadata = item.get("metadata")
    return "metrics" in item and isinstance(metadata, dict) and "request_start_ns" in metadata


def _rows_of(entry: object, parallel: int | None) -> Iterator[Row]:
    """Yield the rows of a request."""
    line = told(entry, Line)
    if line.error is not None:
        raise UnusableError("the request failed")
    if line.metadata.was_cancelled:
        raise UnusableError("the request was cancelled")
    metrics = Metrics(line.metrics, "value")
    input_tokens, output_tokens = metrics.length_pair()
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        parallel=parallel,
        clock=Clock.CLIENT,
        cached_tokens=metrics.tokens("usage_prompt_cache_read_tokens"),
        started_at_s=epoch_s(line.metadata.request_start_ns, "ns"),
        quality_flags=WARM_UP if line.metadata.benchmark_phase == WARM_UP else None,
    )
    prefill_s, latency_s = (
        metrics.seconds(name) for name in ("time_to_first_token", "request_latency")
    )
    decode_s = None if prefill_s is None or latency_s is None else latency_s - prefill_s
    yield from split(record, prefill_s, decode_s)


def _parallel(file: Sniffed) -> int | None:
    """Return how many requests ran together on average."""
    spans = []
    for _, item in file.objects:
        try:
            metadata = told(item, Line).metadata
        except UnusableError:
            continue
        if metadata.request_end_ns is not None and metadata.benchmark_phase != WARM_UP:
            spans.append((metadata.request_start_ns, metadata.request_end_ns))
    if not spans:
        return None
    whole_ns = max(end for _, end in spans) - min(start for start, _ in spans)
    mean_ns = sum(end - start for start, end in spans) / len(spans)
    return in_flight(len(spans), seconds_of(mean_ns, "ns"), seconds_of(whole_ns, "ns"))


READER = AiperfRequests()
