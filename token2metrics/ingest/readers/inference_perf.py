"""inference-perf of Kubernetes: reports per request, and per stage or run; seconds.

In a report of a stage the times between tokens count every chunk, empty ones too, so decode is
what a request's latency leaves after its first token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from token2metrics.ingest.phases import in_flight, split
from token2metrics.ingest.reader import Finding, Reader, Row, SetAside, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

REQUEST = ("start_time", "end_time", "info")
REPORT = ("load_summary", "successes")


class Usage(Fields, frozen=True):
    """The server's counts."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class Response(Fields, frozen=True):
    """What came back."""

    output_tokens: Count | None = None
    output_token_times: tuple[Amount, ...] = ()
    server_usage: Usage | None = None


class Info(Fields, frozen=True):
    """What is said of a request; older versions have the response's fields here."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    output_token_times: tuple[Amount, ...] = ()
    response_metrics: Response | None = None

    @property
    def response(self) -> Response:
        """The response, wherever it is described."""
        return self.response_metrics or Response(
            output_tokens=self.output_tokens, output_token_times=self.output_token_times
        )

    @property
    def lengths(self) -> tuple[int | None, int | None]:
        """Tokens of prompt and answer: both as the server counts, else as the client does."""
        usage = self.response.server_usage
        if usage and usage.prompt_tokens is not None and usage.completion_tokens is not None:
            return usage.prompt_tokens, usage.completion_tokens
        return self.input_tokens, self.response.output_tokens


class Request(Fields, frozen=True):
    """One request."""

    start_time: Amount
    info: Info
    error: Any = None


class Statistic(Fields, frozen=True):
    """The mean of a quantity."""

    mean: Amount


class Latencies(Fields, frozen=True):
    """Mean times."""

    request_latency: Statistic
    time_to_first_token: Statistic | None = None


class Rates(Fields, frozen=True):
    """Requests per second."""

    requests_per_sec: Amount | None = None


class Successes(Fields, frozen=True):
    """What was measured of the requests that did not fail."""

    count: Count
    latency: Latencies
    prompt_len: Statistic
    output_len: Statistic
    throughput: Rates = Rates()


class Failures(Fields, frozen=True):
    """The requests that failed."""

    count: Count = 0


class Report(Fields, frozen=True):
    """A stage, or all of a run."""

    successes: Successes
    failures: Failures = Failures()


class InferencePerf(Reader):
    """Reads requests one by one, or a report as one request that stands for all."""

    name = "inference-perf"
    looks_for = f"JSON objects with {', '.join(REQUEST)}, or with {', '.join(REPORT)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a request or a report."""
        return file.objects_with(*REQUEST) or file.objects_with(*REPORT)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per request, or per report."""
        return each(file.objects, _rows_of)


def _rows_of(entry: dict[str, object]) -> Iterator[Row]:
    """Yield the rows of a request or a report."""
    if "successes" in entry:
        return _rows_of_report(told(entry, Report))
    return _rows_of_request(told(entry, Request))


def _rows_of_request(request: Request) -> Iterator[Row]:
    """Yield the rows of a request."""
    if request.error is not None:
        raise UnusableError("the request failed")
    times = request.info.response.output_token_times
    if not times:
        raise UnusableError("no time of a token is told")
    input_tokens, output_tokens = request.info.lengths
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        clock=Clock.CLIENT,
        started_at_s=epoch_s(request.start_time, "s"),
    )
    yield from split(record, seconds_of(times[0] - request.start_time, "s"), times[-1] - times[0])


def _rows_of_report(report: Report) -> Iterator[Row]:
    """Yield the rows of a report."""
    if report.failures.count:
        yield SetAside("failures", f"{report.failures.count} requests failed")
    done = report.successes
    if not done.count:
        raise UnusableError("no request finished")
    latency_s, ttft = done.latency.request_latency.mean, done.latency.time_to_first_token
    rate = done.throughput.requests_per_sec
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=told(round(done.prompt_len.mean), Count),
        output_tokens=told(round(done.output_len.mean), Count),
        parallel=in_flight(done.count, latency_s, done.count / rate) if rate else None,
        repeats=done.count,
        clock=Clock.CLIENT,
        note=f"mean times at the mean lengths of {done.count} requests",
    )
    prefill_s = None if ttft is None else ttft.mean
    yield from split(record, prefill_s, None if prefill_s is None else latency_s - prefill_s)


READER = InferencePerf()
