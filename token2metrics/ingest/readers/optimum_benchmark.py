"""Hugging Face's optimum-benchmark: ``benchmark.json``, a report with its configuration.

``decode`` is the time of a generation less the mean prefill, for ``max_new_tokens - 1`` steps. An
energy is in kWh. Of versions that share it among the passes, ``efficiency`` (tokens per kWh) says
that it is of one pass; where it does not, the energy could be that of a whole run, and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from msgspec.structs import replace

from token2metrics.ingest.phases import FEWEST_OUTPUT_TOKENS, decode_row, prefill_row
from token2metrics.ingest.reader import Finding, Reader, Row, UnusableError, each
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import joules_of, seconds_of
from token2metrics.precision import is_known, normal_precision
from token2metrics.records import Clock, PowerScope, Record
from token2metrics.vocabulary import Phase

METERED = "codecarbon cpu+gpu+ram"
TOKENS_PER = "tokens/"
PASS_TOLERANCE = 0.01
SEPARATE_ENERGY = "the energy is the mean of passes other than the timed ones"
UNSHARED_ENERGY = "the energy is not shown to be of one pass, so it is left out"
NO_CONFIGURATION = (
    "a report without its configuration tells no number of tokens; give benchmark.json, which "
    "holds both"
)
GPU = "cuda"


class Shapes(Fields, frozen=True):
    """How many sequences of how many tokens go in."""

    batch_size: Count
    sequence_length: Count


class Lengths(Fields, frozen=True):
    """How many tokens come out."""

    max_new_tokens: Count
    min_new_tokens: Count | None = None


class Scenario(Fields, frozen=True):
    """What was run."""

    input_shapes: Shapes
    generate_kwargs: Lengths


class Backend(Fields, frozen=True):
    """What ran it."""

    name: str | None = None
    version: str | None = None
    model: str | None = None
    device: str | None = None
    torch_dtype: str | None = None
    dtype: str | None = None
    quantization_scheme: str | None = None


class Environment(Fields, frozen=True):
    """Where it ran."""

    cpu: str | None = None
    gpu: list[str] | str | None = None

    def device(self, kind: str | None) -> str | None:
        """Return the processor of a kind."""
        if kind != GPU:
            return self.cpu
        return self.gpu[0] if isinstance(self.gpu, list) and self.gpu else None


class Config(Fields, frozen=True):
    """A configuration; older versions call the scenario a benchmark."""

    backend: Backend = Backend()
    environment: Environment = Environment()
    scenario: Scenario | None = None
    benchmark: Scenario | None = None


class Latency(Fields, frozen=True):
    """Seconds, or another unit, of every pass."""

    unit: str
    values: tuple[Amount, ...] = ()
    mean: Amount | None = None
    count: Count = 1


class Energy(Fields, frozen=True):
    """An energy in its unit."""

    unit: str
    total: Amount


class Efficiency(Fields, frozen=True):
    """Tokens per unit of energy."""

    unit: str
    value: Amount


class Measured(Fields, frozen=True):
    """What was measured of a phase."""

    latency: Latency | None = None
    energy: Energy | None = None
    efficiency: Efficiency | None = None


class OptimumBenchmark(Reader):
    """Reads a benchmark with its configuration."""

    name = "optimum-benchmark"
    looks_for = "a JSON object with config and report, or a report of prefill and decode"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a benchmark or a report."""
        return any(_report_of(item) is not None for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield a record per pass and phase."""
        return each(file.objects, _rows_of)


def _report_of(item: dict[str, object]) -> dict[str, object] | None:
    """Return the report in an object, or the object that is one."""
    report = item.get("report", item)
    if not isinstance(report, dict) or not {"prefill", "decode"} <= report.keys():
        return None
    return (
        report if isinstance(report["prefill"], dict) and "latency" in report["prefill"] else None
    )


def _rows_of(entry: dict[str, object]) -> Iterator[Row]:
    """Yield the rows of a benchmark."""
    report = _report_of(entry)
    if report is None:
        raise UnusableError("expected a report with the latency of prefill and decode")
    if "config" not in entry:
        raise UnusableError(NO_CONFIGURATION)
    config = told(entry["config"], Config)
    scenario = config.scenario or config.benchmark
    if scenario is None:
        raise UnusableError(NO_CONFIGURATION)
    shapes, lengths = scenario.input_shapes, scenario.generate_kwargs
    if lengths.min_new_tokens not in (None, lengths.max_new_tokens):
        raise UnusableError(
            "min_new_tokens differs from max_new_tokens, so answers may have ended early"
        )
    request = Record(
        phase=Phase.REQUEST,
        input_tokens=shapes.sequence_length,
        output_tokens=lengths.max_new_tokens,
        device=config.environment.device(config.backend.device),
        runtime=config.backend.name,
        runtime_version=config.backend.version,
        precision=_precision(config.backend),
        model=config.backend.model,
        parallel=max(1, shapes.batch_size),
        clock=Clock.SERVER,
    )
    for phase, steps in (
        (Phase.PREFILL, shapes.sequence_length),
        (Phase.DECODE, max(0, lengths.max_new_tokens - 1)),
    ):
        yield from _rows_of_phase(request, phase, report[phase], steps)


def _rows_of_phase(
    request: Record, phase: Phase, entry: object, tokens_per_sequence: int
) -> Iterator[Row]:
    """Yield the rows of a phase."""
    if phase is Phase.DECODE and (request.output_tokens or 0) < FEWEST_OUTPUT_TOKENS:
        return
    measured = told(entry, Measured)
    if measured.latency is None:
        raise UnusableError(f"{phase}: no time is told")
    request = _with_energy(request, measured, tokens_per_sequence * (request.parallel or 1))
    unit = measured.latency.unit
    for repeat, value in enumerate(measured.latency.values):
        yield _row(replace(request, repeat=repeat), phase, seconds_of(value, unit))
    if not measured.latency.values and measured.latency.mean is not None:
        mean = replace(request, repeats=max(1, measured.latency.count))
        yield _row(mean, phase, seconds_of(measured.latency.mean, unit))


def _row(request: Record, phase: Phase, latency_s: float) -> Row:
    """Return the row of one pass."""
    if phase is Phase.PREFILL:
        return prefill_row(request, latency_s)
    return decode_row(request, None, latency_s)


def _with_energy(request: Record, measured: Measured, tokens: int) -> Record:
    """Add the energy of one pass, where it is shown to be of one."""
    if measured.energy is None or not measured.energy.total:
        return request
    energy_j = joules_of(measured.energy.total, measured.energy.unit)
    efficiency = measured.efficiency
    if efficiency is None or efficiency.unit != f"{TOKENS_PER}{measured.energy.unit}":
        return replace(request, note=UNSHARED_ENERGY)
    if not math.isclose(efficiency.value * measured.energy.total, tokens, rel_tol=PASS_TOLERANCE):
        return replace(request, note=UNSHARED_ENERGY)
    return replace(
        request,
        energy_j=energy_j,
        power_rail=METERED,
        power_scope=PowerScope.RAIL,
        note=SEPARATE_ENERGY,
    )


def _precision(backend: Backend) -> str | None:
    """Return the precision of the weights: that of their quantisation, else of their type."""
    scheme = backend.quantization_scheme
    name = scheme or backend.torch_dtype or backend.dtype or ""
    return normal_precision(name) if is_known(name) else None


READER = OptimumBenchmark()
