"""The timings that llama.cpp's programs print at their end: ``llama_perf_…`` and older names.

``eval time`` is of decode steps, one less than the tokens that came out, since the first comes
from the logits of the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import RUNTIME
from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

PROMPT = re.compile(r"prompt eval time =\s*(?P<time>\S+) (?P<unit>\w+) /\s*(?P<count>\d+) tokens")
STEPS = re.compile(r"(?<!prompt )eval time =\s*(?P<time>\S+) (?P<unit>\w+) /\s*(?P<count>\d+) runs")
Run = tuple[re.Match[str], re.Match[str]]


class LlamaCppLog(Reader):
    """Reads every run in a log."""

    name = "llama.cpp timings"
    looks_for = "lines prompt eval time = … ms / … tokens and eval time = … ms / … runs"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether both lines are there."""
        return PROMPT.search(file.text) is not None and STEPS.search(file.text) is not None

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per run."""
        return each(_runs(file), _rows_of)


def _runs(file: Sniffed) -> Iterator[tuple[str, Run]]:
    """Yield the lines of every run: a prompt, and the steps that follow it."""
    prompt = None
    for number, line in enumerate(file.lines, start=1):
        steps = STEPS.search(line)
        if steps and prompt:
            yield f"line {number}", (prompt, steps)
        prompt = PROMPT.search(line) or (None if steps else prompt)


def _rows_of(run: Run) -> Iterator[Row]:
    """Yield the rows of a run."""
    prefill_s, decode_s = (seconds_of(told(part["time"], Amount), part["unit"]) for part in run)
    prompt_tokens, steps = (told(part["count"], Count) for part in run)
    record = Record(
        phase=Phase.REQUEST,
        input_tokens=prompt_tokens,
        output_tokens=steps + 1,
        runtime=RUNTIME,
        parallel=1,
        clock=Clock.SERVER,
    )
    yield from split(record, prefill_s, decode_s)


READER = LlamaCppLog()
