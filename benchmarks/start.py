"""How long a command takes from a cold start: ``python benchmarks/speed.py --only start``.

Whole processes, from start to exit, in a directory with a trained artifact of five models, as a
user runs them: compiled to bytecode, as Python does in the first run. Three commands that answer
(``predict`` as table and as JSON, ``plan``), two that do not (the help, and a mistake in a request)
take turns with ``python -c pass`` and with the same ``predict`` after ``import torch``. Where the
time goes is told by processes that stop earlier: each does what the one before did, and one thing
more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.paired import Work, median_ratio, rounds_s
from benchmarks.protocol import Floats, Row, Target, judged_rows
from benchmarks.trained import PROGRAM, ROOT, run

TASK = "start"
MODEL = "1.5B"
MOST_TIMES_PASS = 10.0
MOST_SHARE_OF_TORCH = 0.1
ROUNDS, QUICK_ROUNDS = 25, 2
STAGE_ROUNDS = 15
WARM_UPS = 1
USAGE_ERROR = 2
MILLISECONDS = 1e3

PREDICT = ("predict", "--model", MODEL, "--input-tokens", "100", "--output-tokens", "50")
COMMANDS: Mapping[str, Sequence[str]] = {
    "predict": PREDICT,
    "predict --json": (*PREDICT, "--json"),
    "plan": ("plan", "--model", MODEL, "--input-tokens", "100", "--max-latency-s", "5"),
    "--help": ("--help",),
    "error": ("predict", "--model", MODEL, "--input-tokens", "-1", "--output-tokens", "50"),
}
"""Command lines by name; the last one is refused."""

JUDGED = ("predict", "predict --json", "plan", "error")
"""Those that are held to the target; the help is drawn by Typer, which imports Markdown for it."""

NOTHING = "python -c pass"
WITH_TORCH = "predict importing torch"
AFTER_TORCH = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import torch
from token2metrics.cli.app import main
main({list(PREDICT)!r})
"""

UNSEARCHED = "import gc; gc.disable(); {}; gc.freeze()"
"""How the program imports: without a search for garbage."""

STAGES: Mapping[str, str] = {
    "Python itself": "pass",
    "Typer": "import typer",
    "msgspec": "import typer, msgspec",
    "rich, of tables": "import typer, msgspec, rich.console, rich.table",
    "modules of predict": (
        "import token2metrics.cli.program, token2metrics.cli.predict, "
        "token2metrics.report.predictions"
    ),
    "artifact and formulas": (
        "import token2metrics.cli.program, token2metrics.report.predictions, "
        "token2metrics.cli.predict as c; c.Predictor.load('outputs').select('1.5B')(100, 50)"
    ),
}
"""What a start is made of: programs that do more and more of ``predict``."""

REST = "options and table"


def start_rows(quick: bool) -> list[Row]:
    """Time cold starts.

    Args:
        quick: Whether few runs are enough, and no word on where the time goes.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train = ("train", "--all-models", "--regression", "roofline", "--calibration", "prior")
        run(*train, "--output", place / "outputs")
        rounds = QUICK_ROUNDS if quick else ROUNDS
        rows = judged(timed(commands(), place, rounds), rounds)
        return rows if quick else rows + stage_rows(place)


def commands() -> dict[str, list[str]]:
    """Return everything that takes turns, by name."""
    ours = {name: [str(PROGRAM), *arguments] for name, arguments in COMMANDS.items()}
    return {NOTHING: ["-c", "pass"], **ours, WITH_TORCH: ["-c", AFTER_TORCH]}


def timed(programs: Mapping[str, Sequence[str]], place: Path, rounds: int) -> dict[str, Floats]:
    """Time whole processes in turns, once their bytecode is written.

    Args:
        programs: Arguments of Python by name.
        place: Working directory.
        rounds: How often each takes its turn.

    Returns:
        Seconds by name, ``(rounds,)``.
    """
    work: dict[str, Work] = {}
    for name, arguments in programs.items():
        refused = USAGE_ERROR if name == "error" else 0
        work[name] = partial(started, arguments, place, refused)
    rounds_s(work, WARM_UPS)
    return rounds_s(work, rounds)


def started(arguments: Sequence[str], place: Path, code: int) -> None:
    """Run Python to its end.

    Args:
        arguments: Its arguments.
        place: Working directory.
        code: How it has to end.

    Raises:
        RuntimeError: If it ends otherwise.
    """
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=place,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if ended.returncode != code:
        raise RuntimeError(f"expected exit code {code} of {arguments}, got {ended.returncode}")


def environment() -> dict[str, str]:
    """Return the variables of a user: none of Python, none of the program, the package found."""
    ours = ("PYTHON", "TOKEN2METRICS_")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**bare, "PYTHONPATH": str(ROOT)}


def judged(taken_s: Mapping[str, Floats], rounds: int) -> list[Row]:
    """Judge each command by how many times it takes what Python takes to do nothing."""
    protocol = (
        f"whole processes on an artifact of five models, bytecode written, median of the ratios of "
        f"{rounds} interleaved rounds"
    )
    rows: list[Row] = []
    for name, seconds in taken_s.items():
        value = float(np.median(seconds)) * MILLISECONDS
        rows += judged_rows(TASK, name, "median ms", value, [], protocol)
    for name in COMMANDS:
        targets = [Target(MOST_TIMES_PASS)] if name in JUDGED else []
        ratio = median_ratio(taken_s[name], taken_s[NOTHING])
        rows += judged_rows(TASK, name, f"times {NOTHING}", ratio, targets, protocol)
    share = median_ratio(taken_s["predict"], taken_s[WITH_TORCH])
    target = Target(MOST_SHARE_OF_TORCH)
    return rows + judged_rows(
        TASK, "predict", "of the same importing torch", share, [target], protocol
    )


def stage_rows(place: Path) -> list[Row]:
    """Say where the time of ``predict`` goes, as differences of medians."""
    programs = {name: ["-c", UNSEARCHED.format(text)] for name, text in STAGES.items()}
    taken_s = timed({**programs, REST: [str(PROGRAM), *PREDICT]}, place, STAGE_ROUNDS)
    protocol = (
        f"each process does more of predict than the one before; difference of their medians over "
        f"{STAGE_ROUNDS} interleaved rounds"
    )
    medians = {name: float(np.median(seconds)) for name, seconds in taken_s.items()}
    first = next(iter(medians))
    spent = {first: medians[first]}
    spent |= {later: medians[later] - medians[earlier] for earlier, later in pairwise(medians)}
    rows: list[Row] = []
    for name, seconds in spent.items():
        rows += judged_rows(f"{TASK}, parts", name, "ms", seconds * MILLISECONDS, [], protocol)
    return rows
