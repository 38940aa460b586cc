"""``train --all-models`` against the same fits by scikit-learn and SciPy, and by LightGBM.

Each runs as a process, from start to exit, in turns. Ours reads and checks the files, fits every
candidate on every split, power heads too, and writes the artifact. The rivals (``train_rivals``)
are handed the same rows and splits as arrays, and do as many fits: candidates x splits of each
phase. Errors are those of the rows that each outer fold holds out, predicted by what the inner
folds chose: the same rows for all.

The limit is a process that only imports the libraries that training uses; not part of a quick run.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from benchmarks.datasets import as_phase_rows, mmlu_requests
from benchmarks.paired import Work, median_ratio, rounds_s
from benchmarks.protocol import PERCENT, Bound, Floats, Row, Target, judged_rows
from benchmarks.train_fits import Task, library_calls, training_tasks
from benchmarks.trained import PROGRAM, ROOT
from token2metrics.artifact.load import load_artifact
from token2metrics.modeling.describe import NESTED_PROTOCOL

TASK = "train --all-models"
RIVALS_PROGRAM = Path(__file__).with_name("train_rivals.py")
OURS, LIMIT = "ours", "imports alone"
RIVALS = {"libraries": "scikit-learn + SciPy", "lightgbm": "LightGBM monotone"}
IMPORTS = "import torch, polars, scipy.optimize"
ROUNDS, QUICK_ROUNDS, LARGE_ROUNDS = 5, 1, 3
REQUESTS_PER_MODEL = 300
BUNDLED, LARGE = "bundled rows", f"{REQUESTS_PER_MODEL} MMLU requests per model"

Errors = dict[tuple[str, str], float]
"""Mean error in percent by model and phase."""


@dataclass(slots=True)
class Found:
    """What the runs of one contender said.

    Attributes:
        fits_s: Seconds of the fits alone, once everything was imported and read, by run.
        cpu_s: CPU seconds of the process, by run; another job on the machine adds little to it.
        errors: Of held-out rows.
    """

    fits_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    errors: Errors = field(default_factory=dict)


def train_rows(quick: bool, data: Path | None = None) -> list[Row]:
    """Time trainings and judge them.

    Args:
        quick: The bundled rows alone, once.
        data: Folder of the public measurements, for a larger table; None leaves it out.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = compared(BUNDLED, (), folder, QUICK_ROUNDS if quick else ROUNDS)
        if data is not None and not quick:
            rows += compared(LARGE, (large_table(data, folder),), folder, LARGE_ROUNDS)
    return rows


def large_table(data: Path, folder: Path) -> Path:
    """Write the first MMLU requests of each model as a table of measurements."""
    models = mmlu_requests(data).partition_by("model", maintain_order=True)
    first = pl.concat([requests.head(REQUESTS_PER_MODEL) for requests in models])
    file = folder / "mmlu.csv"
    as_phase_rows(first).write_csv(file)
    return file


def compared(setting: str, files: Sequence[Path], folder: Path, rounds: int) -> list[Row]:
    """Time everyone on the same measurements."""
    tasks = training_tasks(files)
    handed = folder / "fits.json"
    handed.write_bytes(msgspec.json.encode(tasks))
    beside = (LIMIT,) if rounds > QUICK_ROUNDS else ()
    found = {name: Found() for name in (OURS, *RIVALS, *beside)}
    work: dict[str, Work] = {
        OURS: partial(train, files, folder / "artifact", tasks, found[OURS]),
        **{name: partial(fit_rival, name, handed, found[name]) for name in RIVALS},
        **{name: partial(run, found[name], "-c", IMPORTS) for name in beside},
    }
    taken_s = rounds_s(work, rounds)
    protocol = (
        f"{setting}: {library_calls(tasks)} fits of {len(tasks)} phases of models (candidates x "
        f"splits), processes from start to exit, median of {rounds} interleaved rounds; errors are "
        "means over the phases of models"
    )
    return judged(setting, taken_s, found, protocol)


def run(found: Found, *arguments: object) -> str:
    """Run Python, count its CPU time and return its standard output."""
    command = [sys.executable, *map(str, arguments)]
    before_s = _cpu_of_children_s()
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found.cpu_s.append(_cpu_of_children_s() - before_s)
    return told


def _cpu_of_children_s() -> float:
    """Return the CPU time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def train(files: Sequence[Path], artifact: Path, tasks: Sequence[Task], found: Found) -> None:
    """Train as a user does."""
    given = [part for file in files for part in ("--data", file)]
    run(found, PROGRAM, "train", "--all-models", "--output", artifact, *given)
    record = json.loads((artifact / "training.json").read_bytes())
    found.fits_s.append(sum(model["seconds"] for model in record["models"]))
    wanted = {(task.model, task.phase) for task in tasks}
    found.errors = {
        (model.record.name, str(phase)): error.mape_percent
        for model in load_artifact(artifact).models
        for phase, about in model.record.phases.items()
        for error in about.errors
        if error.protocol == NESTED_PROTOCOL and (model.record.name, str(phase)) in wanted
    }


def fit_rival(name: str, handed: Path, found: Found) -> None:
    """Run a rival's program."""
    answer = json.loads(run(found, RIVALS_PROGRAM, name, handed))
    found.fits_s.append(answer["seconds"])
    found.errors = {
        (one["model"], one["phase"]): PERCENT * float(np.mean(one["errors"]))
        for one in answer["found"]
        if one["errors"]
    }


def judged(
    setting: str, taken_s: Mapping[str, Floats], found: Mapping[str, Found], protocol: str
) -> list[Row]:
    """Judge times and errors: both have to be no worse than those of each rival."""
    rows: list[Row] = []

    def add(name: str, statistic: str, value: float, *targets: Target) -> None:
        rows.extend(judged_rows(TASK, f"{name}, {setting}", statistic, value, targets, protocol))

    for name, one in found.items():
        add(RIVALS.get(name, name), "process s", float(np.median(taken_s[name])))
        add(RIVALS.get(name, name), "process, CPU s", float(np.median(one.cpu_s)))
        if one.fits_s:
            add(RIVALS.get(name, name), "fits alone s", float(np.median(one.fits_s)))
            add(RIVALS.get(name, name), "mean error %", mean_error(one, found))
    for name, rival in RIVALS.items():
        faster = Target(1.0, Bound.AT_LEAST)
        whole = median_ratio(taken_s[name], taken_s[OURS])
        add(f"ours over {rival}", "times faster, process", whole, faster)
        used = median_ratio(np.array(found[name].cpu_s), np.array(found[OURS].cpu_s))
        add(f"ours over {rival}", "times faster, CPU", used)
        fits = median_ratio(np.array(found[name].fits_s), np.array(found[OURS].fits_s))
        add(f"ours over {rival}", "times faster, fits alone", fits)
        ratio = mean_error(found[OURS], found) / mean_error(found[name], found)
        add(f"ours over {rival}", "error, ratio", ratio, Target(1.0))
    return rows


def mean_error(one: Found, found: Mapping[str, Found]) -> float:
    """Return the mean error over the phases of models for which everyone has one."""
    shared = set.intersection(*(set(other.errors) for other in found.values() if other.fits_s))
    return float(np.mean([one.errors[key] for key in shared]))
