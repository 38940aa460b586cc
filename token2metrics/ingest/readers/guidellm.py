"""GuideLLM's JSON report, of version 2 (0.4 and later) and before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from token2metrics.ingest.phases import in_flight, split
from token2metrics.ingest.reader import Finding, Reader, Row, SetAside, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

NOT_FINISHED = ("incomplete", "errored")


class Timings(Fields, frozen=True):
    """Times of one request, in seconds since 1970 (version 2)."""

    request_start: Amount
    first_token_iteration: Amount | None = None
    last_token_iteration: Amount | None = None
    request_end: Amount | None = None


class Info(Fields, frozen=True):
    """What version 2 says of a request beside its statistics."""

    timings: Timings


class Request(Fields, frozen=True):
    """One request; version 1 has its times beside the counts, in seconds since 1970."""

    prompt_tokens: Count
    output_tokens: Count
    cached_tokens: Count | None = None
    info: Info | None = None
    start_time: Amount | None = None
    first_token_time: Amount | None = None
    last_token_time: Amount | None = None
    end_time: Amount | None = None

    @property
    def timings(self) -> Timings:
        """Its times, wherever they stand.

        Raises:
            UnusableError: If there are none.
        """
        if self.info is not None:
            return self.info.timings
        if self.start_time is None:
            raise UnusableError("the start of the request is not told")
        return Timings(
            request_start=self.start_time,
            first_token_iteration=self.first_token_time,
            last_token_iteration=self.last_token_time,
            request_end=self.end_time,
        )


class Backend(Fields, frozen=True):
    """What was asked."""

    model: str | None = None


class Config(Fields, frozen=True):
    """How a benchmark of version 2 was run."""

    backend: Backend = Backend()


class Worker(Fields, frozen=True):
    """How a benchmark of version 1 was run."""

    backend_model: str | None = None


class Benchmark(Fields, frozen=True):
    """One benchmark of a report; requests are checked one by one."""

    requests: dict[str, Any] = msgspec.field(default_factory=dict)
    metrics: dict[str, Any] = msgspec.field(default_factory=dict)
    config: Config = Config()
    worker: Worker = Worker()

    @property
    def model(self) -> str | None:
        """The model, as the server is asked for it."""
        return self.config.backend.model or self.worker.backend_model or None


class Medians(Fields, frozen=True):
    """Statistics of a benchmark, each the median over requests."""

    input_tokens: Amount
    output_tokens: Amount
    ttft_s: Amount
    itl_s: Amount | None = None
    concurrency: Amount | None = None
    requests: Count = 1


class Guidellm(Reader):
    """Reads every request of every benchmark, or its medians where requests were left out."""

    name = "GuideLLM"
    looks_for = "a JSON object whose benchmarks have requests or metrics"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a report."""
        return any(_benchmarks(item) for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield records per finished request."""
        for where, report in file.objects:
            places = enumerate(_benchmarks(report), start=1)
            yield from each(((f"{where}, benchmark {n}", one) for n, one in places), _rows_of)


def _benchmarks(report: dict[str, object]) -> list[dict[str, object]]:
    """Return the benchmarks of a report."""
    listed = report.get("benchmarks")
    found = listed if isinstance(listed, list) else []
    known = {"requests", "metrics"}
    return [one for one in found if isinstance(one, dict) and known & one.keys()]


def _rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of a benchmark."""
    benchmark = told(entry, Benchmark)
    for state in NOT_FINISHED:
        listed = told(benchmark.requests.get(state) or [], list[Any])
        for number in range(1, len(listed) + 1):
            yield SetAside(f"{state} request {number}", f"the request is {state}")
    finished = told(benchmark.requests.get("successful") or [], list[Any])
    if not finished:
        yield from rows_of_medians(_medians(benchmark.metrics), benchmark.model)
        return
    template = Record(
        phase=Phase.REQUEST,
        model=benchmark.model,
        parallel=_parallel(finished),
        clock=Clock.CLIENT,
    )
    places = ((f"request {n}", one) for n, one in enumerate(finished, start=1))
    yield from each(places, lambda one: _rows_of_request(template, one))


def _rows_of_request(template: Record, entry: object) -> Iterator[Row]:
    """Yield the rows of a request."""
    request = told(entry, Request)
    timings = request.timings
    record = replace(
        template,
        input_tokens=request.prompt_tokens,
        output_tokens=request.output_tokens,
        cached_tokens=request.cached_tokens,
        started_at_s=epoch_s(timings.request_start, "s"),
    )
    first_s, last_s = timings.first_token_iteration, timings.last_token_iteration
    prefill_s = None if first_s is None else first_s - timings.request_start
    decode_s = None if first_s is None or last_s is None else last_s - first_s
    yield from split(record, prefill_s, decode_s)


def _parallel(entries: Sequence[object]) -> int | None:
    """Return how many requests of a benchmark ran together on average."""
    spans = []
    for entry in entries:
        try:
            timings = told(entry, Request).timings
        except UnusableError:
            continue
        if timings.request_end is not None:
            spans.append((timings.request_start, timings.request_end))
    if not spans:
        return None
    whole_s = max(end for _, end in spans) - min(start for start, _ in spans)
    mean_s = sum(end - start for start, end in spans) / len(spans)
    return in_flight(len(spans), mean_s, whole_s)


def _medians(metrics: dict[str, Any]) -> Medians:
    """Return the medians that a benchmark without requests still has."""

    def median_of(name: str) -> object:
        return _within(metrics, name, "successful", "median")

    def in_seconds(name: str) -> float | None:
        value = median_of(name)
        return None if value is None else seconds_of(told(value, Amount), "ms")

    medians = {
        "input_tokens": median_of("prompt_token_count"),
        "output_tokens": median_of("output_token_count"),
        "ttft_s": in_seconds("time_to_first_token_ms"),
        "itl_s": in_seconds("inter_token_latency_ms"),
        "concurrency": _within(metrics, "request_concurrency", "successful", "mean"),
        "requests": _within(metrics, "time_to_first_token_ms", "successful", "count"),
    }
    return told({name: value for name, value in medians.items() if value is not None}, Medians)


def _within(tree: object, *keys: str) -> object:
    """Return what lies at the end of some keys; None where one is missing."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def rows_of_medians(medians: Medians, model: str | None) -> Iterator[Row]:
    """Yield the rows of a benchmark of which only medians are told.

    Args:
        medians: These.
        model: The model, if told.
    """
    if not medians.requests:
        raise UnusableError("no request finished")
    concurrency = medians.concurrency
    output_tokens = round(medians.output_tokens)
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=told(round(medians.input_tokens), Count),
        output_tokens=told(output_tokens, Count),
        model=model,
        parallel=None if concurrency is None else told(max(1, round(concurrency)), Count),
        repeats=medians.requests,
        clock=Clock.CLIENT,
        note=f"median times at the median lengths of {medians.requests} requests",
    )
    itl_s = medians.itl_s
    decode_s = None if itl_s is None else itl_s * max(output_tokens - 1, 0)
    yield from split(record, medians.ttft_s, decode_s)


READER = Guidellm()
