"""llama-batched-bench of llama.cpp, ``--output-format jsonl``: several sequences together."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import RUNTIME
from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

REQUIRED = ("pp", "tg", "pl", "t_pp", "t_tg")


class Run(Fields, frozen=True):
    """``pl`` sequences of ``pp`` prompt tokens and ``tg`` decode steps; times in seconds."""

    pp: Count
    tg: Count
    pl: Count
    t_pp: Amount
    t_tg: Amount
    is_pp_shared: bool = False


class LlamaBatchedBench(Reader):
    """Reads a run per line."""

    name = "llama-batched-bench"
    looks_for = f"JSON objects with {', '.join(REQUIRED)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object has the keys."""
        return file.objects_with(*REQUIRED)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per run."""
        return each(file.objects, rows_of)


def rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of a run: the prompts are worked off together, then a token of each a step."""
    run = told(entry, Run)
    if not run.pl:
        raise UnusableError("expected pl, the number of sequences, to be at least 1, got 0")
    request = Record(
        phase=Phase.REQUEST,
        input_tokens=run.pp,
        output_tokens=run.tg + 1,
        runtime=RUNTIME,
        parallel=run.pl,
        clock=Clock.SERVER,
    )
    prefill, *decode = split(request, seconds_of(run.t_pp, "s"), seconds_of(run.t_tg, "s"))
    if run.is_pp_shared and isinstance(prefill, Record) and run.pl > 1:
        prefill = UnusableError("prefill: one prompt was shared by all sequences")
    yield prefill
    yield from decode


READER = LlamaBatchedBench()
