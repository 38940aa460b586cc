"""Axes beyond tokens: ``python benchmarks/axes.py --data FOLDER [--json FILE] [--quick]``.

A power mode from a few of its requests and the rows of another mode; samples in parallel with one
number of samples left out at a time; a device from its sibling.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import polars as pl
import torch
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.other_devices import Subject, context_sweeps, maxperf
from benchmarks.protocol import (
    Row,
    mean,
    summarised,
)
from benchmarks.several_samples import CARRIED, SAMPLES, SINGLE_REQUESTS, sample_figures
from benchmarks.tables import print_rows, write_tables
from benchmarks.transfers import Transfer, over_draws

DRAWS, QUICK_DRAWS = 20, 3
KNOWN_MODE, NEW_MODE = "Q4_K_M, MAXN", "Q4_K_M, 30W"
KNOWN_DEVICE, NEW_DEVICE = "nvidia-gb10-dgx-spark", "jetson-agx-thor"
MODES = (
    "jetson_llm_maxperf, Llama-3.1-8B Q4_K_M under llama.cpp: ten requests in MAXN and K of the "
    "ten in 30 W known, tested on the others in 30 W; median MAPE over {draws} draws"
)
SIBLINGS = (
    "ds4_context_sweep, DeepSeek-V4-Flash: every context on the GB10 and K contexts on the Thor "
    "known, tested on the Thor's others; median MAPE over {draws} draws"
)


def by_name(subjects: tuple[Subject, ...], end: str) -> Subject:
    """Return the subject whose name ends so."""
    (found,) = (one for one in subjects if one.name.endswith(end))
    return found


def by_length(rows: pl.DataFrame) -> pl.DataFrame:
    """Number requests of each length apart, which share the numbers of their repeats."""
    number = pl.struct("input_tokens", "request").rank("dense")
    return rows.with_columns(request=number.cast(pl.Int64))


def modes(folder: Path, draws: int) -> list[Row]:
    """Judge power modes."""
    known, new = (by_name(maxperf(folder), name) for name in (KNOWN_MODE, NEW_MODE))
    transfer = Transfer(
        "power mode", known.rows, by_length(new.rows), new.experiment, new.experiment, MODES
    )
    return over_draws(transfer, draws)


def siblings(folder: Path, draws: int) -> list[Row]:
    """Judge a new device with a sibling."""
    sweeps = context_sweeps(folder)
    known, new = (
        next(one for one in sweeps if one.experiment.edge.name == device)
        for device in (KNOWN_DEVICE, NEW_DEVICE)
    )
    beside = new.experiment.model_copy(update={"server": known.experiment.edge})
    transfer = Transfer("sibling device", known.rows, new.rows, beside, known.experiment, SIBLINGS)
    return over_draws(transfer, draws)


def samples(folder: Path, _: int) -> list[Row]:
    """Judge samples in parallel; nothing is drawn."""
    rows: list[Row] = []
    found = list(sample_figures(folder))
    for protocol in (SAMPLES, CARRIED):
        figures = [figure for words, figure in found if words == protocol]
        words = protocol.format(singles=SINGLE_REQUESTS)
        rows += summarised(figures, mean, words)
    return rows


TASKS: Mapping[str, Callable[[Path, int], list[Row]]] = {
    "modes": modes,
    "siblings": siblings,
    "samples": samples,
}


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
    task: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable.")] = None,
) -> None:
    """Judge power modes, samples in parallel and sibling devices."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    wanted = task or list(TASKS)
    if set(wanted) - set(TASKS):
        raise typer.BadParameter(f"expected --task among {', '.join(TASKS)}")
    rows = [row for name in wanted for row in TASKS[name](data, QUICK_DRAWS if quick else DRAWS)]
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, (), json)


if __name__ == "__main__":
    typer.run(main)
