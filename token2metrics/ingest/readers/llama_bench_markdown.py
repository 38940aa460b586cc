"""The Markdown table of llama-bench: tokens per second, as a mean of the repetitions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import RUNTIME, precision_of
from token2metrics.ingest.phases import timed
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.readers.llama_bench import phase_of
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, named, told
from token2metrics.records import Clock, Record

HEADER = re.compile(r"^\|.*\| *test *\| *t/s *\|$", re.MULTILINE)
RULE = re.compile(r"^\|[\s:|-]+\|$")
TEST = re.compile(r"^(?:pp ?(?P<prompt>\d+))?\+?(?:tg ?(?P<gen>\d+))?(?: @ d(?P<depth>\d+))?$")
RATE = re.compile(r"^(?P<mean>\S+)(?: ± (?P<deviation>\S+))?$")
BUILD = re.compile(r"^build: (?P<build>.+)$", re.MULTILINE)
OF_RATES = "tokens over the mean rate of llama-bench's repetitions, whose number is left out"


class LlamaBenchMarkdown(Reader):
    """Reads the table that llama-bench prints unless told otherwise."""

    name = "llama-bench (Markdown)"
    looks_for = "a Markdown table whose last columns are test and t/s"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether there is a table with the columns."""
        return HEADER.search(file.text) is not None

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a record per line of every table."""
        found = BUILD.search(file.text)
        build = found["build"] if found else None
        return each(_lines(file), lambda line: rows_of(named(*line), build))


def _lines(file: Sniffed) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """Yield the lines of the tables, each with the header above it."""
    header: list[str] = []
    for number, line in enumerate(file.lines, start=1):
        if not line.startswith("|"):
            header = []
        elif HEADER.match(line):
            header = _cells(line)
        elif header and not RULE.match(line):
            yield f"line {number}", (header, _cells(line))


def _cells(line: str) -> list[str]:
    """Return the cells of a line of a table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows_of(cells: dict[str, str], build: str | None) -> Iterator[Row]:
    """Yield the row of a test."""
    test, rate = TEST.match(cells.get("test", "")), RATE.match(cells.get("t/s", ""))
    if test is None or rate is None:
        raise UnusableError("expected a test such as pp512 and a rate such as 969.20 ± 12.65")
    n_prompt, n_gen, n_depth = (told(test[part] or 0, Count) for part in ("prompt", "gen", "depth"))
    tokens_per_s = told(rate["mean"], Amount)
    if not tokens_per_s > 0:
        raise UnusableError(f"expected a rate above 0 tokens/s, got {tokens_per_s:g}")
    phase, input_tokens, output_tokens = phase_of(n_prompt, n_gen, n_depth)
    record = Record(
        phase=phase,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        runtime=RUNTIME,
        runtime_version=build,
        precision=precision_of(cells.get("model")),
        model=cells.get("model"),
        parallel=1,
        clock=Clock.SERVER,
        note=OF_RATES,
    )
    yield timed(record, phase, (n_prompt + n_gen) / tokens_per_s)


READER = LlamaBenchMarkdown()
