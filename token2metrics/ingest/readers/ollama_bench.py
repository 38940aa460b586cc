"""``cmd/bench`` of Ollama: its CSV, and the lines it writes for Go's benchstat.

Steps are ``prefill``, ``generate``, ``ttft``, ``load`` and ``total``; the first two say how many
tokens took how many nanoseconds each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import precision_of
from token2metrics.ingest.phases import timed
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.readers.ollama import RUNTIME
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, named, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

COLUMNS = ("NAME", "STEP", "COUNT", "NS_PER_COUNT")
BENCHSTAT = re.compile(
    r"^Benchmark\w*/name=(?P<NAME>[^/\s]+)/step=(?P<STEP>\w+) +(?P<COUNT>\S+) +"
    r"(?P<NS_PER_COUNT>\S+) ns/(?P<unit>\w+)"
)
QUANTISATION = re.compile(r"^# Model: (?P<name>\S+) .*Quant: (?P<quant>\S+)", re.MULTILINE)
PREFILL, GENERATE = "prefill", "generate"
OTHER_STEPS = {"ttft", "load", "total"}
FEWEST_TOKENS = 2
"""Benchstat lines of some builds count runs, of which there is one."""

NO_PROMPT_LENGTH = "decode: how long the prompt was is not told on this line"


class Step(Fields, frozen=True):
    """``COUNT`` tokens of a step, and nanoseconds of each."""

    NAME: str
    STEP: str
    COUNT: Count
    NS_PER_COUNT: Amount


class OllamaBench(Reader):
    """Reads the CSV and the benchstat lines."""

    name = "Ollama cmd/bench"
    looks_for = f"CSV columns {','.join(COLUMNS)}, or lines Benchmark…/name=…/step=prefill"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the header or any line is one of these."""
        of_table = file.table is not None and file.table.has(*COLUMNS)
        return of_table or any(BENCHSTAT.match(line) for line in file.lines)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill record and a decode record per run of a model."""
        stated = {found["name"]: found["quant"] for found in QUANTISATION.finditer(file.text)}
        return each(_steps(file), _Runs(stated).rows_of)


def _steps(file: Sniffed) -> Iterator[tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Yield names and cells of every step."""
    if file.table is not None and file.table.has(*COLUMNS):
        for where, cells in file.table.entries:
            yield where, (file.table.header, cells)
        return
    for number, line in enumerate(file.lines, start=1):
        if found := BENCHSTAT.match(line):
            yield f"line {number}", (tuple(found.groupdict()), found.groups())


class _Runs:
    """Brings a prompt together with the answer that follows it.

    Attributes:
        stated: The quantisation of each model that the comments describe.
    """

    def __init__(self, stated: dict[str, str]) -> None:
        self.stated = stated
        self._prompts: dict[str, int] = {}

    def rows_of(self, line: tuple[tuple[str, ...], tuple[str, ...]]) -> Iterator[Row]:
        """Yield the row of a step."""
        cells = named(*line)
        if cells.get("unit", "token") != "token" or cells.get("STEP") in OTHER_STEPS:
            return
        step = told(cells, Step)
        if step.COUNT < FEWEST_TOKENS:
            raise UnusableError("how many tokens there were is not told, only how many runs")
        latency_s = seconds_of(step.COUNT * step.NS_PER_COUNT, "ns")
        record = Record(
            phase=Phase.REQUEST,
            runtime=RUNTIME,
            model=step.NAME,
            precision=precision_of(self.stated.get(step.NAME)),
            parallel=1,
            clock=Clock.SERVER,
            input_tokens=step.COUNT,
            output_tokens=1,
        )
        if step.STEP == PREFILL:
            self._prompts[step.NAME] = step.COUNT
            yield timed(record, Phase.PREFILL, latency_s)
        elif step.STEP != GENERATE:
            yield UnusableError("expected a step of prefill, generate, ttft, load or total")
        elif step.NAME in self._prompts:
            prompt = self._prompts.pop(step.NAME)
            yield timed(
                record,
                Phase.DECODE,
                latency_s,
                input_tokens=prompt,
                output_tokens=step.COUNT,
            )
        else:
            yield UnusableError(NO_PROMPT_LENGTH)


READER = OllamaBench()
