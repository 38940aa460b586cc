"""How long ``compare`` takes: ``python benchmarks/compare_speed.py --data FOLDER [--quick]``.

Trains every shipped model on the bundled measurements, saves each under 20 conditions (5 power
modes of 4 runtimes), 100 configurations in one artifact, and runs ``compare`` over both Azure
traces (28,185 requests) as a user does: the wall time of the whole process, from start to exit.
The weights of each copy are scaled by a factor of its own, so that no two configurations share
their prices. FOLDER holds the public traces in ``traces``.
"""

from __future__ import annotations

import json as json_format
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.tables import print_rows, write_tables
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.curves import CurveWeights

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "main.py"
TRACES = ("AzureLLMInferenceTrace_code.csv", "AzureLLMInferenceTrace_conv.csv")
REQUESTS = 28_185
POWER_MODES = ("maxn", "50w", "30w", "15w", "10w")
RUNTIMES = ("vllm", "llama.cpp", "tensorrt-llm", "mlc")
CONDITIONS = tuple(product(POWER_MODES, RUNTIMES))
CONFIGURATIONS = 100
SCALE_STEP = 0.01
TARGET_S = 5.0
RUNS = 5
TASK, MODELS = "compare", "5 models"
QUICK_RUNS = 1
WALL, CPU = "wall time, median s", "CPU time, median s"


def run(*arguments: object) -> str:
    """Run the program and return its standard output."""
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def scaled(model: FittedModel, place: int) -> FittedModel:
    """Return a model under other conditions, with weights scaled by a factor of its own.

    Args:
        model: A trained model.
        place: Which of the conditions.
    """
    mode, runtime = CONDITIONS[place]
    factor = 1.0 + SCALE_STEP * place
    weights = {}
    for phase, own in model.weights.items():
        shape = {one.name for one in model.formulas[phase].curve.shape_parameters()}
        values = _times(own.curve.values, factor, kept=shape)
        weights[phase] = msgspec.structs.replace(own, curve=CurveWeights(values, own.curve.steps))
    record = msgspec.structs.replace(model.record, power_mode=mode, runtime=runtime)
    return FittedModel(record, model.formulas, weights)


def _times(values: Mapping[str, float], factor: float, kept: set[str]) -> dict[str, float]:
    """Scale all values but some."""
    return {name: value * (1.0 if name in kept else factor) for name, value in values.items()}


def build_artifact(folder: Path) -> Path:
    """Train the shipped models and save each under all conditions."""
    trained, several = folder / "trained", folder / "several"
    run("train", "--all-models", "--output", trained)
    models = load_artifact(trained).models
    copies = [scaled(model, place) for model in models for place in range(len(CONDITIONS))]
    if len(copies) != CONFIGURATIONS:
        raise ValueError(f"expected {CONFIGURATIONS} configurations, got {len(copies)}")
    save_artifact(several, copies)
    return several


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run of the program took, from start to exit.

    Attributes:
        wall_s: Seconds on the clock.
        cpu_s: Seconds of all cores together.
    """

    wall_s: float
    cpu_s: float


def timed(*arguments: object) -> Taken:
    """Run the program and say what it took."""
    before, started_s = _cpu_of_children_s(), time.perf_counter()
    run(*arguments)
    return Taken(time.perf_counter() - started_s, _cpu_of_children_s() - before)


def _cpu_of_children_s() -> float:
    """Return the CPU time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(output: str) -> None:
    """Make sure that everything was priced.

    Raises:
        ValueError: If it was not.
    """
    found = json_format.loads(output)
    counted = found["workload"]["requests"], len(found["configurations"])
    if counted != (REQUESTS, CONFIGURATIONS):
        raise ValueError(f"expected {REQUESTS}, {CONFIGURATIONS}, got {counted}")
    if any(one["latency"]["p95_s"] is None for one in found["configurations"]):
        raise ValueError("expected a latency of every configuration")


def measured(folder: Path, traces: Sequence[Path], runs: int) -> list[Row]:
    """Build the artifact and time the command on it."""
    workload = [part for trace in traces for part in ("--workload", trace)]
    command = ("compare", "--artifact", build_artifact(folder), *workload)
    check(run(*command, "--json"))
    taken = [timed(*command) for _ in range(runs)]
    protocol = (
        f"{CONFIGURATIONS} configurations x {REQUESTS:,} requests of two Azure traces, as one "
        f"process from start to exit, median of {runs}"
    )
    wall_s, cpu_s = median(one.wall_s for one in taken), median(one.cpu_s for one in taken)
    rows = judged_rows(TASK, MODELS, WALL, wall_s, (Target(TARGET_S),), protocol)
    return rows + judged_rows(TASK, MODELS, CPU, cpu_s, (), protocol)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
    quick: Annotated[bool, typer.Option(help="Time a single run.")] = False,
) -> None:
    """Time compare over the Azure traces; leave with 1 where the target is missed."""
    traces = [data.resolve() / "traces" / name for name in TRACES]
    missing = [str(trace) for trace in traces if not trace.is_file()]
    if missing:
        raise typer.BadParameter(f"expected the trace {missing[0]}")
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder), traces, QUICK_RUNS if quick else RUNS)
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
