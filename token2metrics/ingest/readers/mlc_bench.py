"""MLC-LLM's bench: request records as JSON or flattened CSV, in seconds."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, named, told
from token2metrics.ingest.units import epoch_s, seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

RUNTIME = "mlc-llm"
REQUIRED = ("end_to_end_latency_s", "time_to_first_token_s", "input_tokens", "output_tokens")
SERVER = "server_metrics."
METRICS = "metrics"


class Server(Fields, frozen=True):
    """What the server says of a request."""

    prefill_tokens: Count | None = None


class Metrics(Fields, frozen=True):
    """What was measured of a request."""

    end_to_end_latency_s: Amount
    time_to_first_token_s: Amount
    input_tokens: Count
    output_tokens: Count
    success: bool = True
    start_time: Amount | None = None
    server_metrics: Server | None = None


class MlcBench(Reader):
    """Reads request records."""

    name = "MLC-LLM bench"
    looks_for = f"CSV columns, or JSON objects whose metrics have, {', '.join(REQUIRED)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the header or any object has the metrics."""
        of_table = file.table is not None and file.table.has(*REQUIRED)
        return of_table or any(_metrics_of(item) for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per request."""
        table = file.table
        if table is None:
            return each(file.objects, lambda item: _rows_of(_metrics_of(item)))
        return each(table.entries, lambda cells: _rows_of(_nested(named(table.header, cells))))


def _metrics_of(item: dict[str, object]) -> dict[str, object] | None:
    """Return the metrics of a request record, or the object that is them."""
    metrics = item.get(METRICS, item)
    return metrics if isinstance(metrics, dict) and set(REQUIRED) <= metrics.keys() else None


def _nested(cells: dict[str, str]) -> dict[str, object]:
    """Return the cells of a line as the JSON export nests them."""
    server = {
        name.removeprefix(SERVER): cell for name, cell in cells.items() if name.startswith(SERVER)
    }
    return {**cells, "success": cells.get("success", "true").lower(), "server_metrics": server}


def _rows_of(entry: dict[str, object] | None) -> Iterator[Row]:
    """Yield the rows of a request."""
    metrics = told(entry, Metrics)
    if not metrics.success:
        raise UnusableError("the request failed")
    worked_on = metrics.server_metrics.prefill_tokens if metrics.server_metrics else None
    cached = None if worked_on is None else max(0, metrics.input_tokens - worked_on)
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=metrics.input_tokens,
        output_tokens=metrics.output_tokens,
        runtime=RUNTIME,
        clock=Clock.CLIENT,
        cached_tokens=cached,
        started_at_s=epoch_s(metrics.start_time, "s"),
    )
    prefill_s = seconds_of(metrics.time_to_first_token_s, "s")
    yield from split(record, prefill_s, metrics.end_to_end_latency_s - prefill_s)


READER = MlcBench()
