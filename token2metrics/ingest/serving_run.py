"""Runs of ``vllm bench serve`` and of the tools that grew from it, SGLang's among them.

A run holds arrays with one entry per request where its details were saved, else statistics alone.
The names of statistics say their unit: ``median_ttft_ms`` in milliseconds, ``median_ttft`` (as
InferenceX writes it) in seconds. The client counts the tokens of an answer again where it does
not understand the server's count, so counts are held against the chunks that came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, median
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from token2metrics.ingest.phases import FEWEST_OUTPUT_TOKENS, decode_row, in_flight, prefill_row
from token2metrics.ingest.reader import Row, UnusableError, each
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

ENGINES = ("vllm", "sglang", "lmdeploy", "tensorrt-llm")
"""Engines whose name begins that of a backend; others, such as ``openai``, name none."""

CLOSING_SHARE = 0.1
"""A last chunk that came so much sooner than others carries the end of the answer, no token."""

FEWEST_FOR_MEDIAN = 3
MOST_ITL_OVER_TPOT = 1.1
"""Where a chunk is a token, the mean time between chunks is that between tokens."""

UNCOUNTED = (
    "decode: the client's count of tokens and the chunks that came disagree, so it counted the "
    "text again or a chunk held several tokens"
)
ALL_FAILED = "every request failed (completed is 0), so its times of 0 are no measurements"
STATISTICS = ("median", "mean")
UNITS = (("_ms", "ms"), ("", "s"))


class Run(Fields, frozen=True):
    """One run; the arrays are checked request by request."""

    duration: Amount
    completed: Count
    total_input_tokens: Annotated[int, Meta(ge=0)]
    total_output_tokens: Annotated[int, Meta(ge=0)]
    max_concurrency: Count | None = None
    model_id: str | None = None
    backend: str | None = None
    input_lens: list[Any] | None = None
    output_lens: list[Any] | None = None
    ttfts: list[Any] | None = None
    itls: list[Any] | None = None
    errors: list[Any] | None = None
    start_times: list[Any] | None = None


class Request(Fields, frozen=True):
    """One request; times in seconds."""

    input_len: Count
    output_len: Count
    ttft: Amount
    itl: list[Amount]
    error: str | None = None
    start_time: Amount | None = None

    @property
    def chunks(self) -> int:
        """Chunks that came, the closing one aside."""
        return 1 + len(self.itl) - self.ends_with_closing_chunk

    @property
    def ends_with_closing_chunk(self) -> bool:
        """Whether the last chunk carried no token."""
        if len(self.itl) < FEWEST_FOR_MEDIAN:
            return False
        return self.itl[-1] < CLOSING_SHARE * median(self.itl)


def rows_of_run(entry: object) -> Iterator[Row]:
    """Yield the rows of a run: of its requests, or of their statistics.

    Args:
        entry: The JSON object of the run.
    """
    run = told(entry, Run)
    if not run.completed:
        raise UnusableError(ALL_FAILED)
    if run.ttfts and run.itls:
        yield from _rows_of_requests(run)
    else:
        yield from _rows_of_statistics(run, told(entry, dict[str, Any]))


def _template(run: Run, parallel: int | None) -> Record:
    """Return what all rows of a run share."""
    backend = (run.backend or "").lower()
    return Record(
        phase=Phase.REQUEST,
        runtime=next((engine for engine in ENGINES if backend.startswith(engine)), None),
        model=run.model_id,
        parallel=run.max_concurrency or parallel,
        clock=Clock.CLIENT,
    )


def _rows_of_requests(run: Run) -> Iterator[Row]:
    """Yield the rows of every request of a run with details."""
    columns = {
        "input_len": run.input_lens,
        "output_len": run.output_lens,
        "ttft": run.ttfts,
        "itl": run.itls,
        "error": run.errors,
        "start_time": run.start_times,
    }
    given = {name: column for name, column in columns.items() if column}
    if len({len(column) for column in given.values()}) != 1:
        raise UnusableError("expected an entry per request in every array, got other lengths")
    entries = [dict(zip(given, cells, strict=True)) for cells in zip(*given.values(), strict=True)]
    requests = list(_sound(entries))
    latencies_s = [one.ttft + math.fsum(one.itl) for one in requests]
    mean_s = fmean(latencies_s) if latencies_s else None
    template = _template(run, in_flight(len(requests), mean_s, run.duration))
    of_chunks = _chunks_tell(requests)
    places = ((f"request {n}", entry) for n, entry in enumerate(entries, start=1))
    yield from each(places, lambda entry: _rows_of_request(template, entry, of_chunks))


def _sound(entries: Iterable[dict[str, object]]) -> Iterator[Request]:
    """Yield the requests that can be read and did not fail."""
    for entry in entries:
        try:
            request = told(entry, Request)
        except UnusableError:
            continue
        if not request.error:
            yield request


def _chunks_tell(requests: Sequence[Request]) -> bool | None:
    """Return whether chunks are tokens where the client's count differs.

    Asked for one length, a server sends as many tokens every time: of the two counts, the one
    that stays the same over the requests is the server's. None where neither or both do.
    """
    counts = {one.output_len for one in requests}
    chunks = {one.chunks for one in requests}
    if len(counts) > 1 and len(chunks) == 1:
        return True
    return False if len(chunks) > 1 and len(counts) == 1 else None


def _rows_of_request(
    template: Record, entry: dict[str, object], of_chunks: bool | None
) -> Iterator[Row]:
    """Yield the rows of a request."""
    request = told(entry, Request)
    if request.error:
        raise UnusableError("the request failed")
    tokens, intervals = _tokens(request, of_chunks)
    record = replace(
        template,
        input_tokens=request.input_len,
        output_tokens=tokens,
        started_at_s=epoch_s(request.start_time, "s"),
    )
    yield prefill_row(record, seconds_of(request.ttft, "s"))
    if tokens is None:
        yield UnusableError(UNCOUNTED)
    elif tokens >= FEWEST_OUTPUT_TOKENS:
        yield decode_row(record, request.ttft, seconds_of(math.fsum(intervals), "s"))


def _tokens(request: Request, of_chunks: bool | None) -> tuple[int | None, list[float]]:
    """Return the tokens of an answer, None where they cannot be told, and their distances."""
    without_closing = request.itl[: request.chunks - 1]
    if request.output_len == len(request.itl) + 1:
        return request.output_len, request.itl
    if of_chunks or request.output_len == request.chunks:
        return request.chunks, without_closing
    return (None if of_chunks is None else request.output_len), request.itl


def _rows_of_statistics(run: Run, entry: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows of a run without details: one request that stands for all."""
    statistic = next((word for word in STATISTICS if _seconds(entry, f"{word}_ttft")), None)
    if statistic is None:
        raise UnusableError("expected a median or mean of ttft above 0, got none")
    ttft_s, tpot_s = (_seconds(entry, f"{statistic}_{name}") for name in ("ttft", "tpot"))
    input_tokens = _mean_tokens(run.total_input_tokens, run.completed)
    output_tokens = _mean_tokens(run.total_output_tokens, run.completed)
    decode_s = None if tpot_s is None else tpot_s * max(output_tokens - 1, 0)
    mean_s = None if ttft_s is None else ttft_s + (decode_s or 0.0)
    template = _template(run, in_flight(run.completed, mean_s, run.duration))
    record = replace(
        template,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        repeats=run.completed,
        note=f"{statistic} times at the mean lengths of {run.completed} requests",
    )
    yield prefill_row(record, ttft_s)
    itl_s, mean_tpot_s = (_seconds(entry, name) for name in ("mean_itl", "mean_tpot"))
    if itl_s and mean_tpot_s and not _agree(itl_s, mean_tpot_s):
        yield UnusableError(UNCOUNTED)
    elif output_tokens >= FEWEST_OUTPUT_TOKENS:
        yield decode_row(record, ttft_s, decode_s)


def _seconds(entry: dict[str, Any], name: str) -> float | None:
    """Return a statistic in seconds, by the unit that its name says."""
    for ending, unit in UNITS:
        if (value := entry.get(name + ending)) is not None:
            return seconds_of(told(value, Amount), unit)
    return None


def _mean_tokens(total: int, requests: int) -> int:
    """Return the mean length over requests, whole."""
    return told(round(total / requests), Count)


def _agree(itl_s: float, tpot_s: float) -> bool:
    """Return whether chunks came as often as tokens."""
    return 1 / MOST_ITL_OVER_TPOT <= itl_s / tpot_s <= MOST_ITL_OVER_TPOT
