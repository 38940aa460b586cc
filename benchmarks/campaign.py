"""Server curves of the shipped shapes: ``python benchmarks/campaign.py --minutes M --output DIR``.

Measures ``transformers`` models of random weights, prefill and decode apart, on CUDA where there
is a device and on the CPU otherwise, with energy where the hardware has a counter. The points that
say most come first; the same command goes on where an earlier one stopped.
"""

from __future__ import annotations

import logging
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
import torch
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from token2metrics.cli.app import reporting_errors
from token2metrics.config import ExperimentConfig
from token2metrics.experiments import experiments_directory, find_experiment, load_catalog
from token2metrics.measure.ending import Stop
from token2metrics.measure.engines import EngineKind, EngineOptions, build_engine
from token2metrics.measure.engines.engine import Engine
from token2metrics.measure.journal import Campaign
from token2metrics.measure.plan import Point
from token2metrics.measure.run import run_campaign
from token2metrics.measure.schedule import StopRule
from token2metrics.measure.session import Effort, Instruments
from token2metrics.power.meter import PowerMeter
from token2metrics.power.meters import AUTO, build_meter
from token2metrics.power.thermal import hottest_c
from token2metrics.processors.rules import MIN_WINDOW_SHARE
from token2metrics.report.measuring import MeasuringDisplay

logger = logging.getLogger(__name__)

PRECISION = "bf16"
CUDA, CPU = "cuda", "cpu"
SMALLEST_SHAPE = "1.5B"
LONGEST = {CUDA: (8_192, 512), CPU: (256, 32)}
"""Most prompt and output tokens by default."""

EVERY_REPEAT = StopRule(most_repeats=3, target_share=0.0, confidence=0.9)
SECONDS_PER_MINUTE = 60.0
MEMORY_SHARE = 0.8
"""The rest is for the input embeddings, the KV cache and activations."""

WARM_UP = 2
SEED = 20_261_122
TILE_EDGES = (64, 128, 256, 512)
CPU_INFO = Path("/proc/cpuinfo")
CPU_NAME = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
POWER_MODE = "default"
TABLE = "server_{device}.csv"
SETTING = (
    "device",
    "power_mode",
    "runtime",
    "precision",
    "model",
    "phase",
    "input_tokens",
    "output_tokens",
    "parallel",
    "power_rail",
    "source",
)
DECIMALS = 6
"""Microseconds and microjoules are as fine as clocks and counters are."""

ENERGIES = ("energy_j", "energy_window_s", "energy_samples")
MEASURED = ("latency_s", *ENERGIES)


@dataclass(frozen=True, slots=True)
class Stage:
    """Points that are measured together, before those of later stages.

    Attributes:
        name: Part of the file name.
        points: Token settings.
    """

    name: str
    points: tuple[Point, ...]


def stages(longest_input: int, longest_output: int) -> tuple[Stage, ...]:
    """Return what to measure, the most telling first: slopes, ends, steps, then what lies between.

    No point comes twice, and a stage without any is left out.

    Args:
        longest_input: Most prompt tokens.
        longest_output: Most output tokens.
    """
    middle, short_answer = max(2, longest_input // 4), max(2, longest_output // 4)
    slopes = [
        (max(1, middle // 4), longest_output),
        (middle, short_answer),
        (longest_input, short_answer),
    ]
    ends = [(1, 1), (1, longest_output), (longest_input, longest_output), (16, 1), (middle * 2, 1)]
    steps = [(edge + step, 1) for edge in TILE_EDGES for step in (-1, 0, 1)]
    doublings = [2**power for power in range(1, longest_input.bit_length())]
    between = [(length, 1) for length in doublings] + [
        (length, longest_output) for length in doublings[:: len(doublings) // 3]
    ]
    named = {"1-slopes": slopes, "2-ends": ends, "3-steps": steps, "4-between": between}
    first_in = {
        pair: name
        for name, pairs in reversed(named.items())
        for pair in pairs
        if pair[0] <= longest_input
    }
    points = {
        name: tuple(Point(*pair) for pair in dict.fromkeys(pairs) if first_in.get(pair) == name)
        for name, pairs in named.items()
    }
    return tuple(Stage(name, found) for name, found in points.items() if found)


def machine(torch_device: str) -> str:
    """Return the slug of what computes."""
    if torch_device.startswith(CUDA):
        name = torch.cuda.get_device_name(torch.device(torch_device))
    else:
        found = CPU_NAME.search(CPU_INFO.read_text()) if CPU_INFO.exists() else None
        name = f"{found[1] if found else platform.processor()} {torch.get_num_threads()} threads"
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


def meter_spec(power: str, torch_device: str) -> str:
    """Return the meter to build: for ``auto`` beside another CUDA device than the first, its own.

    Args:
        power: Meter that is asked for.
        torch_device: Where torch runs, such as ``cuda:1``.
    """
    kind, _, index = torch_device.partition(":")
    if power != AUTO or kind != CUDA or not index.isdigit() or int(index) == 0:
        return power
    return f"nvml:{index}"


def fits(experiment: ExperimentConfig, torch_device: str) -> bool:
    """Return whether the weights fit into the memory of an accelerator."""
    if not torch_device.startswith(CUDA):
        return True
    free_bytes, _ = torch.cuda.mem_get_info(torch.device(torch_device))
    return bool(experiment.model.architecture.weight_bytes(PRECISION) < MEMORY_SHARE * free_bytes)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and for how long to measure.

    Attributes:
        device: Device slug.
        torch_device: Where torch runs.
        folder: Where tables and journals go.
        ends_s: When to stop, an instant of ``time.monotonic``.
    """

    device: str
    torch_device: str
    folder: Path
    ends_s: float


def measure_shape(
    experiment: ExperimentConfig,
    plan: Sequence[Stage],
    place: Place,
    budget_s: float,
    meter: PowerMeter | None,
    console: Console,
) -> None:
    """Measure one shape stage by stage until its time is over."""
    stop_s = min(place.ends_s, time.monotonic() + budget_s)
    options = EngineOptions(
        kind=EngineKind.LOCAL,
        target=None,
        served_model=None,
        shape=experiment.model.architecture,
        precision=PRECISION,
        torch_device=place.torch_device,
        context_tokens=max(point.tokens for stage in plan for point in stage.points),
    )
    with build_engine(options) as engine:
        for stage in plan:
            left_s = stop_s - time.monotonic()
            if left_s <= 0:
                return
            with MeasuringDisplay(console) as display:
                campaign = _campaign(experiment, stage, place, engine)
                output = place.folder / f"{place.device}_{experiment.model.id}_{stage.name}.parquet"
                instruments = Instruments(engine, meter, hottest_c)
                effort = Effort(EVERY_REPEAT, left_s, SEED, WARM_UP)
                report = run_campaign(campaign, instruments, effort, output, display)
            console.print(f"{experiment.model.id} {stage.name}: {report.rows} rows")
            if report.stopped is Stop.INTERRUPTED:
                raise KeyboardInterrupt


def _campaign(experiment: ExperimentConfig, stage: Stage, place: Place, engine: Engine) -> Campaign:
    """Say what a stage measures."""
    return Campaign(
        model=experiment.model.id,
        device=place.device,
        power_mode=POWER_MODE,
        precision=PRECISION,
        runtime=engine.name,
        points=stage.points,
    )


def joined(folder: Path, device: str) -> Path | None:
    """Write the medians of all repeats into one table, as the package can carry it.

    Times and windows are medians of different repeats, so that a window can end up shorter than the
    work where repeats scatter; the energy of such a setting is left out.

    Returns:
        The table; None where nothing was measured yet.
    """
    parts = sorted(folder.glob(f"{device}_*.parquet"))
    if not parts:
        return None
    rows = pl.concat([pl.read_parquet(part) for part in parts]).filter(
        pl.col("quality_flags").is_null()
    )
    told = pl.format(
        "measured {}: benchmarks/campaign.py, transformers {}, torch {}",
        pl.from_epoch(pl.col("started_at_s").cast(pl.Int64)).dt.strftime("%Y-%m-%d"),
        pl.col("runtime_version"),
        pl.lit(torch.__version__),
    )
    path = folder / TABLE.format(device=device.replace("-", "_"))
    medians = (
        rows.with_columns(source=told)
        .group_by(SETTING)
        .agg(pl.col(MEASURED).median().round(DECIMALS), pl.col("repeats").sum())
    )
    whole = pl.col("energy_window_s") >= MIN_WINDOW_SHARE * pl.col("latency_s")
    usable = medians.with_columns(pl.when(whole).then(pl.col(ENERGIES)))
    usable.sort("model", "phase", "input_tokens", "output_tokens").write_csv(path)
    return path


def shapes(names: Iterator[str] | Sequence[str]) -> list[ExperimentConfig]:
    """Return the experiments of shapes."""
    catalog = load_catalog(experiments_directory(None))
    return [find_experiment(catalog, name) for name in names]


def main(
    output: Annotated[Path, typer.Option(help="Folder of tables and journals.")],
    minutes: Annotated[float, typer.Option(min=0.0, help="Time for everything.")] = 10.0,
    shape: Annotated[
        list[str] | None, typer.Option(help="Model; repeatable.  [default: all; 1.5B on a CPU]")
    ] = None,
    torch_device: Annotated[
        str | None, typer.Option(help="cpu or cuda.  [default: cuda where there is one]")
    ] = None,
    longest_input: Annotated[int | None, typer.Option(min=8, help="Most prompt tokens.")] = None,
    longest_output: Annotated[int | None, typer.Option(min=8, help="Most output tokens.")] = None,
    power: Annotated[str, typer.Option(help="Meter, as measure --power.")] = "auto",
) -> None:
    """Measure server curves within a given time, and join them into one table."""
    console = Console(stderr=True)
    where = torch_device or (CUDA if torch.cuda.is_available() else CPU)
    kind = CUDA if where.startswith(CUDA) else CPU
    place = Place(machine(where), where, output, time.monotonic() + minutes * SECONDS_PER_MINUTE)
    plan = stages(longest_input or LONGEST[kind][0], longest_output or LONGEST[kind][1])
    catalog = [one.model.name for one in load_catalog(experiments_directory(None))]
    names = shape or (catalog if kind == CUDA else [SMALLEST_SHAPE])
    wanted = sorted(shapes(names), key=lambda one: one.model.architecture.flop_per_token)
    meter = build_meter(meter_spec(power, where))
    for rank, experiment in enumerate(wanted):
        if not fits(experiment, where):
            console.print(f"{experiment.model.name} is left out: its weights do not fit")
            continue
        share_s = (place.ends_s - time.monotonic()) / (len(wanted) - rank)
        measure_shape(experiment, plan, place, share_s, meter, console)
    table = joined(output, place.device)
    console.print(f"rows: {table}" if table else "nothing was measured in this time")


if __name__ == "__main__":
    with reporting_errors(Console(stderr=True)):
        typer.run(main)
