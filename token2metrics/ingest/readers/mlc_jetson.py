"""The line that jetson-containers' MLC benchmark prints.

Such as ``input=16 output=128 prefill_time 0.081 sec, prefill_rate 197.0 tokens/sec, decode_time
6.632 sec, decode_rate 19.3 tokens/sec`` (dusty-nv/jetson-containers issue 412).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, each
from token2metrics.ingest.readers.mlc_bench import RUNTIME
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

LINE = re.compile(
    r"input=(?P<input>\d+) output=(?P<output>\d+) prefill_time (?P<prefill>\S+) "
    r"(?P<prefill_unit>\w+),.* decode_time (?P<decode>\S+) (?P<decode_unit>\w+)"
)


class MlcJetson(Reader):
    """Reads every such line of a log."""

    name = "jetson-containers MLC benchmark"
    looks_for = "lines input=… output=… prefill_time … decode_time …"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any line is one."""
        return any(LINE.search(line) for line in file.lines)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per line."""
        lines = ((n, LINE.search(line)) for n, line in enumerate(file.lines, start=1))
        return each(((f"line {n}", found) for n, found in lines if found), _rows_of)


def _rows_of(line: re.Match[str]) -> Iterator[Row]:
    """Yield the rows of a line."""
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=told(line["input"], Count),
        output_tokens=told(line["output"], Count),
        runtime=RUNTIME,
        parallel=1,
        clock=Clock.SERVER,
    )
    prefill_s, decode_s = (
        seconds_of(told(line[phase], Amount), line[f"{phase}_unit"])
        for phase in ("prefill", "decode")
    )
    yield from split(record, prefill_s, decode_s)


READER = MlcJetson()
