"""Responses of llama-server with ``timings``: ``/completion`` and the OpenAI-style endpoints.

The counts are those of ``server_slot_stats::to_json`` in ``tools/server/server-common.cpp``. The
rates beside them are left alone: older builds divide by ``predicted_n``, newer ones by one less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from token2metrics.ingest.llama_cpp_names import RUNTIME, model_of, precision_of
from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

CUT = "output_cut_suspected"
SEVERAL_TOKENS_A_STEP = "draft tokens were accepted, so a decode step gives more than one token"


class Timings(Fields, frozen=True):
    """Counts and milliseconds of one request."""

    prompt_n: Count
    prompt_ms: Amount
    predicted_n: Count
    predicted_ms: Amount
    cache_n: Count = 0
    draft_n_accepted: Count = 0


class Choice(Fields, frozen=True):
    """One answer of an OpenAI-style response."""

    finish_reason: str | None = None


class Response(Fields, frozen=True):
    """A whole response, or the last chunk of a stream."""

    timings: Timings
    model: str | None = None
    choices: tuple[Choice, ...] = ()
    stop_type: str | None = None
    truncated: bool = False


class LlamaServer(Reader):
    """Reads responses, one or many in a file, streams included."""

    name = "llama-server"
    looks_for = "JSON objects with timings of prompt_n, prompt_ms, predicted_n, predicted_ms"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object has the timings."""
        return any(_has_timings(item) for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per response."""
        return each(_whole(file), rows_of)


def _whole(file: Sniffed) -> Iterable[tuple[str, dict[str, object]]]:
    """Return the responses; of a stream, only the last chunk with timings, which has them all."""
    last = {
        str(item.get("id", where)): (where, item)
        for where, item in file.objects
        if "timings" in item and item.get("stop") is not False
    }
    return last.values()


def _has_timings(item: dict[str, object]) -> bool:
    """Return whether an object carries timings of both phases."""
    timings = item.get("timings")
    return isinstance(timings, dict) and {"prompt_ms", "predicted_ms"} <= timings.keys()


def rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of a response; the first token comes out of the prompt's last batch."""
    response = told(entry, Response)
    timings = response.timings
    model = model_of(response.model)
    reasons = [choice.finish_reason for choice in response.choices if choice.finish_reason]
    request = Record(
        phase=Phase.REQUEST,
        input_tokens=timings.prompt_n + timings.cache_n,
        output_tokens=timings.predicted_n,
        runtime=RUNTIME,
        precision=precision_of(model),
        model=model,
        clock=Clock.SERVER,
        cached_tokens=timings.cache_n,
        finish_reason=reasons[0] if reasons else response.stop_type,
        quality_flags=CUT if response.truncated else None,
        note=SEVERAL_TOKENS_A_STEP if timings.draft_n_accepted else None,
    )
    yield from split(
        request, seconds_of(timings.prompt_ms, "ms"), seconds_of(timings.predicted_ms, "ms")
    )


READER = LlamaServer()
