"""GuideLLM's CSV report: three lines of header, then medians of a benchmark per line."""

from __future__ import annotations

import json
from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.readers.guidellm import Medians, rows_of_medians
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, told
from token2metrics.ingest.units import seconds_of

TTFT, ITL = "Time to First Token", "Inter Token Latency"
TOKENS = "Token Metrics"
INPUT = (TOKENS, "Successful Input Tokens", "Median")
OUTPUT = (TOKENS, "Successful Output Tokens", "Median")
CONCURRENCY = ("Server Throughput", "Successful Concurrency", "Mean")
REQUESTS = ("Request Counts", "Successful", "")
BACKEND = ("Run Info", "Backend", "")
OF_SUCCESSFUL = "Successful "
HEADER_LINES = 3


class GuidellmCsv(Reader):
    """Reads a line per benchmark."""

    name = "GuideLLM (CSV)"
    looks_for = f"a CSV header of three lines, the first with {TTFT} and {TOKENS}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the first header line has the groups."""
        return file.table is not None and file.table.has(TTFT, TOKENS)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield records per benchmark."""
        if file.table is None:
            return iter(())
        lines = [file.table.header, *(cells for _, cells in file.table.rows)]
        header = list(zip(*lines[:HEADER_LINES], strict=False))
        entries = list(file.table.entries)[HEADER_LINES - 1 :]
        return each(entries, lambda cells: _rows_of(header, cells))


def _rows_of(header: list[tuple[str, ...]], cells: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a benchmark."""
    if len(header) != len(cells) or any(len(names) != HEADER_LINES for names in header):
        raise UnusableError(f"expected {len(header)} cells as the header has, got {len(cells)}")
    told_cells = dict(zip(header, cells, strict=True))
    wanted = {
        "input_tokens": told_cells.get(INPUT),
        "output_tokens": told_cells.get(OUTPUT),
        "ttft_s": _median_s(told_cells, TTFT),
        "itl_s": _median_s(told_cells, ITL),
        "concurrency": told_cells.get(CONCURRENCY),
        "requests": told_cells.get(REQUESTS),
    }
    medians = told({name: cell for name, cell in wanted.items() if cell is not None}, Medians)
    yield from rows_of_medians(medians, _model(told_cells.get(BACKEND)))


def _median_s(cells: dict[tuple[str, ...], str], group: str) -> float | None:
    """Return a median in seconds, by the unit in the second line of the header."""
    for (first, second, third), cell in cells.items():
        if first == group and third == "Median" and second.startswith(OF_SUCCESSFUL):
            return seconds_of(told(cell, Amount), second.removeprefix(OF_SUCCESSFUL).lower())
    return None


def _model(backend: str | None) -> str | None:
    """Return the model that a backend's description names."""
    try:
        described = json.loads(backend or "null")
    except (ValueError, RecursionError):
        return None
    model = described.get("model") if isinstance(described, dict) else None
    return model if isinstance(model, str) and model else None


READER = GuidellmCsv()
