"""llama-bench of llama.cpp: ``-o json``, ``jsonl``, ``csv`` and ``sql``.

The fields are those of ``get_fields`` in ``tools/llama-bench/llama-bench.cpp``. They come and go
between builds, so only the few that matter are read, by name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import RUNTIME, model_of, precision_of
from token2metrics.ingest.phases import timed
from token2metrics.ingest.reader import Finding, Reader, Row, SetAside, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, named, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

TABLE = "llama_bench"
REQUIRED = ("n_prompt", "n_gen", "avg_ns")
CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE}"
CPU = "CPU"
ALLOWED = {
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_UPDATE,
}
"""What the statements of a file may do; above all not attach another file."""

CACHED_CONTEXT = (
    "prefill behind a filled context (n_depth above 0) is not the prefill of a whole prompt"
)
OF_AVERAGES = "mean of the repetitions of llama-bench, whose number this format leaves out"


class Test(Fields, frozen=True):
    """One test: prefill of ``n_prompt`` tokens, then ``n_gen`` decode steps, behind ``n_depth``."""

    n_prompt: Count
    n_gen: Count
    avg_ns: Amount | None = None
    samples_ns: list[Amount] | None = None
    n_depth: Count = 0
    build_commit: str | None = None
    build_number: int | None = None
    cpu_info: str | None = None
    gpu_info: str | None = None
    backends: str | None = None
    model_filename: str | None = None
    model_type: str | None = None

    @property
    def device(self) -> str | None:
        """The processor that did the work, as far as it is named."""
        return self.gpu_info or (self.cpu_info if self.backends in (CPU, None) else None) or None

    @property
    def build(self) -> str | None:
        """Number and commit of the build."""
        parts = (str(part) for part in (self.build_number, self.build_commit) if part)
        return " ".join(parts) or None


def phase_of(n_prompt: int, n_gen: int, n_depth: int) -> tuple[Phase, int, int]:
    """Return what a test measures: its phase, input tokens and output tokens.

    Every generated token is a decode step, so together with the one that a prompt gives, or that
    the test makes up, there is one token more.

    Raises:
        UnusableError: If it is a prefill behind a filled context, or nothing at all.
    """
    if n_prompt and n_depth:
        raise UnusableError(CACHED_CONTEXT)
    if n_prompt and n_gen:
        return Phase.REQUEST, n_prompt, n_gen + 1
    if n_prompt:
        return Phase.PREFILL, n_prompt, 1
    if n_gen:
        return Phase.DECODE, n_depth, n_gen + 1
    raise UnusableError("expected n_prompt or n_gen above 0, got a test of nothing")


class LlamaBench(Reader):
    """Reads what llama-bench writes, but for its Markdown table."""

    name = "llama-bench"
    looks_for = f"JSON objects, CSV columns or an SQL table {TABLE} with {', '.join(REQUIRED)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the objects, the header or the statements are those of llama-bench."""
        of_table = file.table is not None and file.table.has(*REQUIRED)
        return file.objects_with(*REQUIRED) or of_table or CREATE in file.text

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a record per repetition where these are told, else one per test."""
        if file.objects:
            return each(file.objects, rows_of)
        if CREATE in file.text:
            return _of_statements(file.text)
        table = file.table
        if table is None:
            return iter(())
        return each(table.entries, lambda cells: rows_of(named(table.header, cells)))


def rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of a test."""
    test = told(entry, Test)
    phase, input_tokens, output_tokens = phase_of(test.n_prompt, test.n_gen, test.n_depth)
    record = Record(
        phase=phase,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        device=test.device,
        runtime=RUNTIME,
        runtime_version=test.build,
        precision=precision_of(test.model_type, test.model_filename),
        model=model_of(test.model_filename) or test.model_type,
        parallel=1,
        clock=Clock.SERVER,
        note=None if test.samples_ns else OF_AVERAGES,
    )
    if test.samples_ns:
        for repeat, sample_ns in enumerate(test.samples_ns):
            yield timed(record, phase, seconds_of(sample_ns, "ns"), repeat=repeat)
    elif test.avg_ns is not None:
        yield timed(record, phase, seconds_of(test.avg_ns, "ns"))
    else:
        yield UnusableError("neither samples_ns nor avg_ns is told")


def _of_statements(text: str) -> Iterator[Finding]:
    """Yield the rows that SQL statements insert."""
    base = sqlite3.connect(":memory:", isolation_level=None)
    base.row_factory = sqlite3.Row
    base.set_authorizer(lambda action, *_: _allowed(action))
    try:
        for where, statement in _statements(text):
            try:
                base.execute(statement)
            except sqlite3.Error as error:
                yield SetAside(where, f"expected an INSERT into {TABLE}, got: {error}")
        base.set_authorizer(None)
        rows = [dict(row) for row in base.execute(f"SELECT * FROM {TABLE}")]
    except sqlite3.Error as error:
        yield SetAside("statements", f"expected a table {TABLE}, got: {error}")
        return
    finally:
        base.close()
    yield from each(((f"row {n}", row) for n, row in enumerate(rows, start=1)), rows_of)


def _allowed(action: int) -> int:
    """Say whether SQLite may do something."""
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield whole statements with the line on which each begins."""
    pending, started = "", 1
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not pending.strip():
            started = number
        pending += line
        if sqlite3.complete_statement(pending):
            yield f"line {started}", pending
            pending = ""
    if pending.strip():
        yield f"line {started}", pending


READER = LlamaBench()
