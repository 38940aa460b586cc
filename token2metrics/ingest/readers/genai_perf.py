"""perf_analyzer's ``profile_export.json``, which GenAI-Perf has it write: raw responses and times.

The file holds no token counts of its own, so a request is of use where the server's last response
tells its usage. Times are nanoseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed, documents_in
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

CONCURRENCY = "concurrency"
NO_USAGE = "no response tells its usage, so the number of tokens is not known"


class Mode(Fields, frozen=True):
    """How requests were sent."""

    mode: str | None = None
    value: Amount | None = None


class Experiment(Fields, frozen=True):
    """Requests sent one way; they are checked one by one."""

    requests: list[Any]
    experiment: Mode = Mode()


class Output(Fields, frozen=True):
    """The text of one response."""

    response: str = ""


class Request(Fields, frozen=True):
    """One request; times in nanoseconds."""

    timestamp: Amount
    response_timestamps: list[Amount]
    response_outputs: list[Output]


class Details(Fields, frozen=True):
    """What the server says of the prompt's tokens."""

    cached_tokens: Count | None = None


class Usage(Fields, frozen=True):
    """The server's counts."""

    prompt_tokens: Count
    completion_tokens: Count
    prompt_tokens_details: Details | None = None


class Delta(Fields, frozen=True):
    """A piece of an answer."""

    content: str | None = None
    reasoning_content: str | None = None


class Choice(Fields, frozen=True):
    """A piece of an answer, as chat or as completion."""

    delta: Delta = Delta()
    text: str | None = None
    finish_reason: str | None = None

    @property
    def has_text(self) -> bool:
        """Whether it carries a token."""
        return bool(self.text or self.delta.content or self.delta.reasoning_content)


class Chunk(Fields, frozen=True):
    """A response of an OpenAI-style stream."""

    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    model: str | None = None


class GenaiPerf(Reader):
    """Reads the requests of every experiment."""

    name = "GenAI-Perf (profile_export.json)"
    looks_for = "a JSON object with experiments, each with requests with response_timestamps"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object has experiments."""
        return file.objects_with("experiments", "service_kind") or file.objects_with(
            "experiments", "version"
        )

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per request."""
        for where, export in file.objects:
            listed = export.get("experiments")
            places = enumerate(listed if isinstance(listed, list) else [], start=1)
            yield from each(((f"{where}, experiment {n}", one) for n, one in places), _rows_of)


def _rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of an experiment."""
    experiment = told(entry, Experiment)
    sent = experiment.experiment
    together = None
    if sent.mode == CONCURRENCY and sent.value:
        together = told(round(sent.value), Count) or None
    template = Record(phase=Phase.REQUEST, parallel=together, clock=Clock.CLIENT)
    places = ((f"request {n}", one) for n, one in enumerate(experiment.requests, start=1))
    yield from each(places, lambda one: _rows_of_request(template, one))


def _rows_of_request(template: Record, entry: object) -> Iterator[Row]:
    """Yield the rows of a request."""
    request = told(entry, Request)
    if len(request.response_timestamps) != len(request.response_outputs):
        raise UnusableError("expected a time per response, got another number of them")
    responses = zip(request.response_timestamps, request.response_outputs, strict=True)
    chunks = [(at_ns, chunk) for at_ns, output in responses for chunk in _chunks(output)]
    usage = next((chunk.usage for _, chunk in reversed(chunks) if chunk.usage), None)
    arrivals_ns = [at_ns for at_ns, chunk in chunks if any(one.has_text for one in chunk.choices)]
    if usage is None:
        raise UnusableError(NO_USAGE)
    if not arrivals_ns:
        raise UnusableError("no response carries text")
    reasons = (one.finish_reason for _, chunk in chunks for one in chunk.choices)
    details = usage.prompt_tokens_details
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        model=next((chunk.model for _, chunk in chunks if chunk.model), None),
        parallel=template.parallel,
        clock=template.clock,
        cached_tokens=details.cached_tokens if details else None,
        finish_reason=next((reason for reason in reasons if reason), None),
        started_at_s=epoch_s(request.timestamp, "ns"),
    )
    yield from split(
        record,
        seconds_of(arrivals_ns[0] - request.timestamp, "ns"),
        seconds_of(arrivals_ns[-1] - arrivals_ns[0], "ns"),
    )


def _chunks(output: Output) -> Iterator[Chunk]:
    """Yield the pieces of an answer that came in one response."""
    for _, document in documents_in(output.response)[0]:
        yield told(document, Chunk)


READER = GenaiPerf()
