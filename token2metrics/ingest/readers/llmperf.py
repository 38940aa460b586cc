"""LLMPerf of Ray: individual responses, and the flattened summary beside them, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

RESPONSE = ("ttft_s", "end_to_end_latency_s", "number_input_tokens")
SUMMARY = ("results_ttft_s_mean", "results_end_to_end_latency_s_mean")


class Response(Fields, frozen=True):
    """One response."""

    ttft_s: Amount
    end_to_end_latency_s: Amount
    number_input_tokens: Count
    number_output_tokens: Count
    error_code: Any = None


class Summary(Fields, frozen=True):
    """Means over the responses of a run."""

    results_ttft_s_mean: Amount
    results_end_to_end_latency_s_mean: Amount
    results_number_input_tokens_mean: Amount
    results_number_output_tokens_mean: Amount
    results_num_completed_requests: Count = 1
    num_concurrent_requests: Count | None = None
    model: str | None = None


class Llmperf(Reader):
    """Reads responses one by one, or a summary as one request that stands for all."""

    name = "LLMPerf"
    looks_for = f"JSON objects with {', '.join(RESPONSE)}, or with {', '.join(SUMMARY)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a response or a summary."""
        return file.objects_with(*RESPONSE) or file.objects_with(*SUMMARY)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per response, or per summary."""
        return each(file.objects, _rows_of)


def _rows_of(entry: dict[str, object]) -> Iterator[Row]:
    """Yield the rows of a response or a summary."""
    if SUMMARY[0] in entry:
        return _rows_of_summary(told(entry, Summary))
    return _rows_of_response(told(entry, Response))


def _rows_of_response(response: Response) -> Iterator[Row]:
    """Yield the rows of a response."""
    if response.error_code is not None:
        raise UnusableError("the request failed")
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=response.number_input_tokens,
        output_tokens=response.number_output_tokens,
        clock=Clock.CLIENT,
    )
    prefill_s = seconds_of(response.ttft_s, "s")
    yield from split(record, prefill_s, response.end_to_end_latency_s - prefill_s)


def _rows_of_summary(summary: Summary) -> Iterator[Row]:
    """Yield the rows of a summary."""
    requests = summary.results_num_completed_requests
    if not requests:
        raise UnusableError("no request finished")
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=told(round(summary.results_number_input_tokens_mean), Count),
        output_tokens=told(round(summary.results_number_output_tokens_mean), Count),
        model=summary.model,
        parallel=summary.num_concurrent_requests or None,
        repeats=requests,
        clock=Clock.CLIENT,
        note=f"mean times at the mean lengths of {requests} requests",
    )
    prefill_s = seconds_of(summary.results_ttft_s_mean, "s")
    yield from split(record, prefill_s, summary.results_end_to_end_latency_s_mean - prefill_s)


READER = Llmperf()
