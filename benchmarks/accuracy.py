"""Accuracy on public measurements: ``python benchmarks/accuracy.py --data FOLDER [--json FILE]``.

Prints every figure with its target and whether it holds. Default settings throughout: nothing
is tuned per task, and test rows take no part in any choice.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import torch
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.datasets import (
    SHORT_NAMES,
    as_phase_rows,
    mmlu_requests,
    server_grid,
)
from benchmarks.protocol import (
    Apes,
    Row,
    experiment_of,
    phase_apes,
    prepared,
    row,
    train,
    write_rows,
)
from token2metrics.config import CalibrationConfig, CalibrationMethod
from token2metrics.processors.pipeline import PreparedData

SEEDS = 10
QUICK_SEEDS = 2
PAIR_DRAWS = 20
QUICK_PAIR_DRAWS = 2
PAIR_REQUESTS = 5
PAIR_MODEL = "dsr1-llama-8b"
ROWS_PER_SUBJECT = 5
ROWS_OF_14B = 75
BANDWIDTH_RATIO = 1555 / 204.8
"""Nominal memory bandwidth of an A100 40 GB over that of the Orin, for the manual method."""

MMLU_TARGETS = {
    "dsr1-qwen-1.5b": {"decode": 0.20, "prefill": 1.6},
    "dsr1-llama-8b": {"decode": 0.12, "prefill": 1.4},
    "dsr1-qwen-14b": {"decode": 0.10, "prefill": 1.5},
}
MMLU_PROTOCOL = (
    "MMLU requests on the Orin; 5 calibration requests per subject, 75 in all for 14B, drawn per "
    "seed; tested on the rest; mean MAPE over {seeds} seeds"
)
PAIR_PROTOCOL = (
    "A100 Llama-3-8B grid (37 requests) to DSR1-Llama-8B on the Orin; 5 random MMLU requests, "
    "tested on the other 1,084; median MAPE over {draws} draws; family auto"
)


def calibration_requests(requests: pl.DataFrame, seed: int) -> pl.Series:
    """Draw the calibration requests of every model, as a mask over the requests."""
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(requests), dtype=bool)
    models = requests["model"].to_numpy()
    subjects = requests["subject"].to_numpy()
    for model in SHORT_NAMES:
        own = np.flatnonzero(models == model)
        if model == "dsr1-qwen-14b":
            chosen[generator.choice(own, ROWS_OF_14B, replace=False)] = True
            continue
        for subject in np.unique(subjects[own]):
            rows = own[subjects[own] == subject]
            count = min(ROWS_PER_SUBJECT, len(rows))
            chosen[generator.choice(rows, count, replace=False)] = True
    return pl.Series(chosen)


def mmlu(folder: Path, seeds: int, progress: Progress) -> list[Row]:
    """Judge the default settings on real requests, a handful of them for calibration."""
    requests = mmlu_requests(folder)
    bar = progress.add_task("MMLU requests", total=seeds * len(SHORT_NAMES))
    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(seeds):
        mask = calibration_requests(requests, seed)
        data = prepared(as_phase_rows(requests.filter(mask)))
        for model in SHORT_NAMES:
            fitted = train(data, experiment_of(model))
            test = requests.filter(~mask & (pl.col("model") == model))
            for statistic, apes in phase_apes(fitted, test).items():
                found.setdefault((model, statistic), []).append(float(apes.mean()))
            progress.advance(bar)
    protocol = MMLU_PROTOCOL.format(seeds=seeds)
    return [
        row(
            "mmlu",
            SHORT_NAMES[model],
            f"{statistic} MAPE",
            float(np.mean(values)),
            protocol,
            MMLU_TARGETS[model].get(statistic),
        )
        for (model, statistic), values in found.items()
    ]


def pair(folder: Path, draws: int, progress: Progress) -> list[Row]:
    """Carry a server curve to the edge by every calibration method."""
    requests = mmlu_requests(folder).filter(pl.col("model") == PAIR_MODEL)
    grid = server_grid(folder)
    methods = list(CalibrationMethod)
    bar = progress.add_task("server to edge", total=draws * len(methods))
    found: dict[tuple[str, str], list[float]] = {}
    for draw in range(draws):
        chosen = np.zeros(len(requests), dtype=bool)
        generator = np.random.default_rng(draw)
        chosen[generator.choice(len(requests), PAIR_REQUESTS, replace=False)] = True
        mask = pl.Series(chosen)
        data = prepared(pl.concat([as_phase_rows(requests.filter(mask)), grid]))
        test = requests.filter(~mask)
        for method in methods:
            for statistic, apes in _carried(data, method, test).items():
                found.setdefault((method, statistic), []).append(float(apes.mean()))
            progress.advance(bar)
    protocol = PAIR_PROTOCOL.format(draws=draws)
    return [
        row("pair", f"8B, {method}", f"{statistic} MAPE", float(np.median(values)), protocol)
        for (method, statistic), values in found.items()
    ]


def _carried(data: PreparedData, method: CalibrationMethod, test: pl.DataFrame) -> dict[str, Apes]:
    """Train the pair's edge model with one calibration method and judge it."""
    calibration = CalibrationConfig(method=method, scale_factor=BANDWIDTH_RATIO)
    experiment = experiment_of(PAIR_MODEL).model_copy(update={"calibration": calibration})
    return phase_apes(train(data, experiment), test)


def print_rows(rows: list[Row], console: Console) -> None:
    """Print the table, a line per figure."""
    table = Table("task", "model", "statistic", "value %", "target %", "holds")
    for item in rows:
        target = "" if item.target is None else f"{item.target:g}"
        holds = "" if item.holds is None else ("yes" if item.holds else "NO")
        table.add_row(item.task, item.model, item.statistic, f"{item.value:.3f}", target, holds)
    console.print(table)
    for protocol in dict.fromkeys(f"{item.task}: {item.protocol}" for item in rows):
        console.print(protocol)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
) -> None:
    """Run every accuracy protocol and print target, value and whether it holds."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    torch.set_num_threads(1)
    console = Console()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        rows = mmlu(data, QUICK_SEEDS if quick else SEEDS, progress)
        rows += pair(data, QUICK_PAIR_DRAWS if quick else PAIR_DRAWS, progress)
    print_rows(rows, console)
    if json is not None:
        write_rows(rows, json)
    if any(item.holds is False for item in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
