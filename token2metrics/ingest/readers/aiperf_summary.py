"""Summaries of NVIDIA AIPerf and GenAI-Perf, JSON and CSV: statistics with their units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from token2metrics.ingest.measured import Metrics
from token2metrics.ingest.phases import in_flight, split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed, Table
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

REQUIRED = ("request_latency", "time_to_first_token")
NAME_COLUMN, MEAN_COLUMN, VALUE_COLUMN = "Metric", "avg", "Value"
NAMED_WITH_UNIT = re.compile(r"^(?P<name>.+?)(?: \((?P<unit>[^()]+)\))?$")
PREFERRED = (("p50", "median"), ("avg", "mean"))
PER_SECOND = ("requests/sec", "requests/s")


class Statistics(Fields, frozen=True):
    """The mean of a metric, with its unit."""

    avg: Amount | None = None
    unit: str | None = None
    count: Count | None = None


class AiperfSummary(Reader):
    """Reads the statistics of a run as one request that stands for all."""

    name = "AIPerf or GenAI-Perf (summary)"
    looks_for = f"{' and '.join(REQUIRED)} with unit and avg, as JSON keys or CSV lines"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object, or the table, has the metrics."""
        if any(_has_metrics(item) for _, item in file.objects):
            return True
        return file.table is not None and _has_metrics(_of_table(file.table))

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per run."""
        if file.table is not None:
            return each([("table", _of_table(file.table))], _rows_of)
        return each(file.objects, _rows_of)


def _has_metrics(item: dict[str, Any]) -> bool:
    """Return whether the indispensable metrics are there, with their units."""
    metrics = [item.get(name) for name in REQUIRED]
    return all(isinstance(metric, dict) and "unit" in metric for metric in metrics)


def _of_table(table: Table) -> dict[str, Any]:
    """Return the metrics of a CSV export as the JSON export has them.

    The file holds several tables, each with its own header line.
    """
    metrics: dict[str, Any] = {}
    header: tuple[str, ...] = ()
    for cells in (table.header, *(cells for _, cells in table.rows)):
        if cells[0] == NAME_COLUMN:
            header = cells
        elif header and len(cells) == len(header) and (named := NAMED_WITH_UNIT.match(cells[0])):
            columns = ("avg" if name == VALUE_COLUMN else name for name in header[1:])
            values = dict(zip(columns, cells[1:], strict=True))
            told_values = {name: value for name, value in values.items() if value.strip()}
            metrics[named["name"].lower().replace(" ", "_")] = {
                "unit": named["unit"],
                **told_values,
            }
    return metrics


def _rows_of(entry: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows of a run."""
    if not _has_metrics(entry):
        raise UnusableError(f"expected {' and '.join(REQUIRED)} with their units")
    key, statistic = next(
        ((key, word) for key, word in PREFERRED if key in entry["time_to_first_token"]),
        PREFERRED[-1],
    )
    metrics = Metrics(entry, key)
    ttft_s = metrics.seconds("time_to_first_token")
    decode_s = metrics.seconds("decode_duration")
    if decode_s is None and (latency_s := metrics.seconds("request_latency")) is not None:
        decode_s = None if ttft_s is None else latency_s - ttft_s
    input_tokens, output_tokens = metrics.length_pair()
    requests = _requests(entry)
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        model=_model(entry),
        parallel=_parallel(entry),
        repeats=requests or 1,
        clock=Clock.CLIENT,
        cached_tokens=metrics.tokens("usage_prompt_cache_read_tokens"),
        note=f"{statistic} times at the {statistic} lengths of {requests or 'several'} requests",
    )
    yield from split(record, ttft_s, decode_s)


def _requests(entry: dict[str, Any]) -> int | None:
    """Return how many requests a run finished."""
    counted = told(entry.get("request_count") or {}, Statistics).avg
    if counted is not None:
        return told(round(counted), Count)
    return told(entry["time_to_first_token"], Statistics).count


def _parallel(entry: dict[str, Any]) -> int | None:
    """Return how many requests ran together on average: their rate times their latency."""
    rate = told(entry.get("request_throughput") or {}, Statistics)
    latency = told(entry["request_latency"], Statistics)
    if rate.avg is None or latency.avg is None or rate.unit not in PER_SECOND:
        return None
    requests = _requests(entry) or rate.avg * seconds_of(latency.avg, latency.unit or "")
    if not rate.avg:
        return None
    return in_flight(requests, seconds_of(latency.avg, latency.unit or ""), requests / rate.avg)


def _model(entry: dict[str, Any]) -> str | None:
    """Return the model that the configuration names; versions differ in where."""
    config = entry.get("input_config")
    models = config.get("models", config.get("model_names")) if isinstance(config, dict) else None
    listed = models.get("items") if isinstance(models, dict) else models
    first = listed[0] if isinstance(listed, list) and listed else None
    name = first.get("name") if isinstance(first, dict) else first
    return name if isinstance(name, str) and name else None


READER = AiperfSummary()
