"""Designed against random points: ``python benchmarks/next_points.py --data FOLDER [--json FILE]``.

A design knows the lengths that could be measured and the data sheet of the device, and no latency.
Whatever was drawn or designed is then trained on by default settings and judged on all other rows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
from numpy.typing import NDArray
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import ONE_THREAD, WORKERS, start_worker
from benchmarks.contenders import Ours
from benchmarks.datasets import SHORT_NAMES, ordinary
from benchmarks.designed_points import (
    ALONE,
    DESIGN,
    NATURAL,
    OTHERS,
    RANDOM,
    RULES,
    Job,
    chosen_rows,
    others_of,
    rows_of,
    tokens_of,
)
from benchmarks.protocol import (
    Figure,
    Row,
    Target,
    combined,
    experiment_of,
    judged_rows,
    mean,
    prepared,
    row_apes,
    shipped_experiments,
    values_by_key,
)
from benchmarks.tables import print_rows, write_tables
from benchmarks.work import chunks
from token2metrics.bench.contender import Known
from token2metrics.modeling.knowledge import as_percent
from token2metrics.modeling.known_law import KnownLaw, known_law
from token2metrics.modeling.next_points import Requests, targets_of
from token2metrics.vocabulary import Phase

DRAWS, QUICK_DRAWS = 200, 4
SHARE_OF_OTHERS = 5
"""Draws that nothing is judged by are so many times fewer, and half as many on the grid."""

DRAWS_PER_JOB = 20
NINETY = 90.0
COUNTS = {Phase.PREFILL: (3, 5), Phase.DECODE: (2, 3, 5)}
TASK = {Phase.PREFILL: "sweep", Phase.DECODE: "grid"}
SWEEP_TARGETS = {"1.5B": 3.0, "8B": 6.0, "14B": 3.3}
STRETCHED = 3
PROTOCOL = (
    "EdgeReasoning, prefill sweep of 3 to 4,119 tokens and decode grid; K rows are measured, all "
    "other ordinary rows tested, MAPE; random: {draws} draws, half as many on the grid, a fifth "
    "where other models are known and for MMLU lengths; design: chosen before any latency; MMLU "
    "lengths: K random requests of MMLU, each at the nearest length of the sweep"
)
PROMISES = (
    "promised: 90th percentile expected of the tested rows after the same K rows; observed: of the "
    "trained model; medians over the draws"
)


def figures_of(job: Job, folder: Path) -> list[Figure]:
    """Train on what was chosen, and judge it on all other ordinary rows."""
    rows = rows_of(folder, job)
    usual = ordinary(rows) if job.phase is Phase.PREFILL else np.ones(len(rows), dtype=bool)
    found = []
    for draw in job.draws:
        measured = np.zeros(len(rows), dtype=bool)
        measured[chosen_rows(folder, job, draw)] = True
        data = prepared(rows.filter(measured))
        if job.known == OTHERS:
            data = combined(others_of(folder, job.phase, job.model), data)
        experiment = experiment_of(job.model)
        forecast = Ours().fit(Known(data, experiment, shipped_experiments()))
        tested = rows.filter(~measured & usual)
        errors = row_apes(forecast, job.phase, tested)
        law = known_law(data, shipped_experiments(), experiment)
        values = {
            "MAPE": mean(errors),
            "observed p90": float(np.percentile(errors, NINETY)),
            "promised p90": promised(law, tested, job.phase),
        }
        name = SHORT_NAMES[job.model]
        task = TASK[job.phase]
        found += [Figure(task, name, f"{key} | {job.words}", v) for key, v in values.items()]
    return found


def promised(law: KnownLaw, tested: pl.DataFrame, phase: Phase) -> float:
    """Return the 90th percentile of the errors that is expected of rows, in percent."""
    tokens = tokens_of(tested, phase)
    targets = targets_of(law.law, Requests(tokens, np.ones(len(tokens))), (phase,))
    return as_percent(targets.ninetieth(law.knowledge, phase))


def jobs_of(draws: int) -> Iterator[Job]:
    """List all trainings."""
    for phase, counts in COUNTS.items():
        for model in SHORT_NAMES:
            for count in counts:
                for known in (ALONE, OTHERS):
                    for way in RULES if phase is Phase.PREFILL else (DESIGN,):
                        yield Job(phase, model, count, way, known, (0,))
                    random_ways = (RANDOM, NATURAL) if phase is Phase.PREFILL else (RANDOM,)
                    for way in random_ways:
                        for part in chunks(
                            range(draws_of(draws, phase, way, known)), DRAWS_PER_JOB
                        ):
                            yield Job(phase, model, count, way, known, part)


def draws_of(draws: int, phase: Phase, way: str, known: str) -> int:
    """Return how many draws a random way gets."""
    if way != RANDOM or known != ALONE:
        return max(draws // SHARE_OF_OTHERS, 1)
    return draws if phase is Phase.PREFILL else max(draws // 2, 1)


def judged(figures: Sequence[Figure], draws: int) -> list[Row]:
    """Hold the designs against random points, and promises against what came of them."""
    values = {(task, model, key): v for (task, model, key), v in values_by_key(figures).items()}
    protocol = PROTOCOL.format(draws=draws)
    rows: list[Row] = []
    for (task, model, key), found in values.items():
        statistic, _, words = key.partition(" | ")
        if statistic != "MAPE":
            continue
        targets: list[Target] = []
        if f"{DESIGN}, {ALONE}" in words:
            rival = values[task, model, key.replace(DESIGN, RANDOM)]
            limit = (
                np.median(rival) if task == TASK[Phase.PREFILL] else np.percentile(rival, NINETY)
            )
            targets.append(Target(float(limit)))
            if task == TASK[Phase.PREFILL] and words.startswith(f"K = {STRETCHED},"):
                targets.append(Target(SWEEP_TARGETS[model]))
        label = f"MAPE %, {words}"
        rows += judged_rows(task, model, label, float(np.median(found)), targets, protocol)
        if len(found) > 1:
            ninetieth = float(np.percentile(found, NINETY))
            rows += judged_rows(task, model, f"p90 of {label}", ninetieth, (), protocol)
    return rows + promise_rows(values, PROMISES)


def promise_rows(
    values: Mapping[tuple[str, str, str], NDArray[np.float64]], words: str
) -> list[Row]:
    """Hold promises against what was observed, of the design and over random draws."""
    rows = []
    for (task, model, key), promises in values.items():
        statistic, _, how = key.partition(" | ")
        if statistic != "promised p90" or not any(f", {way}," in how for way in (DESIGN, RANDOM)):
            continue
        observed = values[task, model, f"observed p90 | {how}"]
        figures = {
            "promised p90 %": float(np.median(promises)),
            "observed p90 %": float(np.median(observed)),
            "draws kept %": float(100.0 * np.mean(observed <= promises)),
        }
        for name, value in figures.items():
            rows += judged_rows(f"{task} promise", model, f"{name}, {how}", value, (), words)
    return rows


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
    draws: Annotated[int, typer.Option(help="Random draws.", min=1)] = DRAWS,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = WORKERS,
) -> None:
    """Compare designed with random calibration points."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    draws = QUICK_DRAWS if quick else draws
    jobs = list(jobs_of(draws))
    os.environ.update(ONE_THREAD)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        parts = list(pool.map(figures_of, jobs, [data.resolve()] * len(jobs)))
    rows = judged([figure for part in parts for figure in part], draws)
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, (), json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
