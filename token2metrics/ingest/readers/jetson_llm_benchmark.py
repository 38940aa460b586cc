"""The envelope of NVIDIA's ``jetson-llm-benchmark`` skill: percentiles of one shape per run."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.llama_cpp_names import model_of, precision_of
from token2metrics.ingest.phases import split
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of
from token2metrics.records import Clock, Record
from token2metrics.vocabulary import Phase

SKILL = "jetson-llm-benchmark"


class Config(Fields, frozen=True):
    """The shape; llama.cpp's runs name it otherwise than vLLM's."""

    input_len: Count | None = None
    output_len: Count | None = None
    n_prompt: Count | None = None
    n_gen: Count | None = None
    num_prompts: Count = 1
    concurrency: Count = 1


class Medians(Fields, frozen=True):
    """Medians of a run, in milliseconds."""

    ttft_ms_p50: Amount | None = None
    tpot_ms_p50: Amount | None = None
    itl_ms_p50: Amount | None = None
    concurrency: Count | None = None


class Envelope(Fields, frozen=True):
    """A benchmark: one run, or one per concurrency."""

    config: Config
    runtime: str | None = None
    model: str | None = None
    metrics: Medians | None = None
    runs: tuple[Medians, ...] = ()


class JetsonLlmBenchmark(Reader):
    """Reads the median of every run."""

    name = "jetson-llm-benchmark"
    looks_for = f"a JSON object whose skill is {SKILL}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is an envelope."""
        return any(item.get("skill") == SKILL for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a prefill and a decode record per run."""
        return each(file.objects, _rows_of)


def _rows_of(entry: object) -> Iterator[Row]:
    """Yield the rows of an envelope."""
    envelope = told(entry, Envelope)
    config = envelope.config
    output_tokens = config.output_len
    if output_tokens is None and config.n_gen is not None:
        output_tokens = config.n_gen + 1
    for run in (*envelope.runs, *([envelope.metrics] if envelope.metrics else ())):
        record = Record(
            phase=Phase.REQUEST,
            input_tokens=config.n_prompt if config.input_len is None else config.input_len,
            output_tokens=output_tokens,
            runtime=envelope.runtime,
            precision=precision_of(envelope.model),
            model=model_of(envelope.model),
            parallel=max(1, config.concurrency if run.concurrency is None else run.concurrency),
            repeats=max(1, config.num_prompts),
            clock=Clock.CLIENT,
            note=f"medians of {max(1, config.num_prompts)} requests",
        )
        yield from _rows_of_run(record, run)
    if not envelope.runs and envelope.metrics is None:
        yield UnusableError("expected metrics or runs, got none")


def _rows_of_run(record: Record, run: Medians) -> Iterator[Row]:
    """Yield the rows of a run."""
    step_ms = run.itl_ms_p50 if run.tpot_ms_p50 is None else run.tpot_ms_p50
    steps = max((record.output_tokens or 0) - 1, 0)
    yield from split(
        record,
        None if run.ttft_ms_p50 is None else seconds_of(run.ttft_ms_p50, "ms"),
        None if step_ms is None else seconds_of(step_ms * steps, "ms"),
    )


READER = JetsonLlmBenchmark()
