"""Fuzz everything that reads a file: no traceback, no crash, no hang, no memory above 1 GiB.

``nox -s fuzz -- --minutes 10`` installs Atheris, which there is for Linux alone, and runs this.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fuzzing.targets import TARGETS
from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.tables import print_rows

SECONDS_PER_MINUTE = 60.0
KIBIBYTES_PER_MEBIBYTE = 1_024
MOST_MEMORY_MIB = 1_024
LONGEST_CASE_S = 120
"""Seconds after which libFuzzer calls a case a hang, on a core that others use too."""

SLOWEST_CPU_S = 10.0

LOWEST_PRIORITY = 19
FEWEST_SECONDS = 1.0
MOST_STARTS = 20
"""A process that crashes is started again so often, for the rest of its time."""

WORKER = Path(__file__).parent / "fuzzing" / "worker.py"
SAID_BY_CRASHES = ("crash-", "oom-", "timeout-", "leak-")
"""How libFuzzer names the cases that ended a process."""

PROTOCOL = "every reader, spoilt files from sound ones of each format, Atheris and own changes"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one kind of file.

    Attributes:
        name: Kind of file.
        cases: Files read.
        cpu_s: CPU seconds used.
        slowest_s: CPU seconds of the slowest case.
        memory_mib: Most memory of a process, code and libraries included.
        tracebacks: Distinct errors that are no refusal.
        crashes: Cases that ended a process: crashed, hung or took too much memory.
    """

    name: str
    cases: int
    cpu_s: float
    slowest_s: float
    memory_mib: float
    tracebacks: int
    crashes: int


def fuzz(name: str, folder: Path, cpu_s: float, niceness: int) -> Outcome:
    """Fuzz one kind of file, in processes of its own.

    Args:
        name: Kind of file.
        folder: Where findings go.
        cpu_s: CPU seconds to use.
        niceness: How much others come first, up to 19.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases, used_s, slowest_s, memory_mib = 0, 0.0, 0.0, 0.0
    for start in range(MOST_STARTS):
        memory_mib = max(memory_mib, _run(name, folder, cpu_s - used_s, start, niceness))
        told = _noted(folder)
        cases += int(told.get("cases", 0))
        used_s += max(told.get("cpu_s", 0.0), FEWEST_SECONDS)
        slowest_s = max(slowest_s, told.get("slowest_s", 0.0))
        if used_s >= cpu_s:
            break
    crashes = sum(file.name.startswith(SAID_BY_CRASHES) for file in folder.iterdir())
    tracebacks = len(list(folder.glob("*.case")))
    return Outcome(name, cases, used_s, slowest_s, memory_mib, tracebacks, crashes)


def _run(name: str, folder: Path, cpu_s: float, seed: int, niceness: int) -> float:
    """Run one process to its end, and return the most memory it had, in MiB."""
    (folder / "state.json").unlink(missing_ok=True)
    command = [sys.executable, str(WORKER), name, str(folder), str(cpu_s)]
    options = {
        "timeout": LONGEST_CASE_S,
        "report_slow_units": LONGEST_CASE_S,
        "rss_limit_mb": MOST_MEMORY_MIB,
        "seed": seed + 1,
        "artifact_prefix": f"{folder}{os.sep}",
    }
    command += [f"-{key}={value}" for key, value in options.items()]
    with (folder / f"log-{seed}.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_maxrss / KIBIBYTES_PER_MEBIBYTE


def _noted(folder: Path) -> Mapping[str, float]:
    """Return how far a process has come."""
    try:
        told: dict[str, float] = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):
        return {}
    return told


def _rows(outcomes: list[Outcome]) -> list[Row]:
    """Judge what became of all kinds."""
    figures = {
        "tracebacks": sum(one.tracebacks for one in outcomes),
        "crashes and hangs": sum(one.crashes for one in outcomes),
    }
    nothing = (Target(0.0),)
    rows = [
        row
        for statistic, value in figures.items()
        for row in judged_rows("fuzz", "all readers", statistic, value, nothing, PROTOCOL)
    ]
    worst = {
        ("slowest case, CPU s", SLOWEST_CPU_S): max(one.slowest_s for one in outcomes),
        ("memory, MiB", float(MOST_MEMORY_MIB)): max(one.memory_mib for one in outcomes),
    }
    for (statistic, most), value in worst.items():
        rows += judged_rows("fuzz", "all readers", statistic, value, (Target(most),), PROTOCOL)
    return rows


def _show(console: Console, outcomes: list[Outcome]) -> None:
    """Print a line per kind of file."""
    table = Table("file", "cases", "CPU s", "slowest CPU s", "MiB", "tracebacks", "crashes")
    for one in outcomes:
        table.add_row(
            one.name,
            f"{one.cases:,}",
            f"{one.cpu_s:.0f}",
            f"{one.slowest_s:.2f}",
            f"{one.memory_mib:.0f}",
            str(one.tracebacks),
            str(one.crashes),
        )
    console.print(table)


def main(
    minutes: Annotated[float, typer.Option(help="CPU minutes, over all kinds of files.")] = 10.0,
    only: Annotated[list[str] | None, typer.Option(help="Kinds whose names hold this.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder that keeps what is found.")] = None,
    at_once: Annotated[int, typer.Option(help="Processes side by side.")] = 1,
    nice: Annotated[int, typer.Option(help="How much others come first.")] = LOWEST_PRIORITY,
) -> None:
    """Fuzz, print what became of each kind of file, and leave with 1 if anything was found."""
    names = [name for name in TARGETS if any(part in name for part in only or [""])]
    folder = output or Path(tempfile.mkdtemp(prefix="token2metrics-fuzz-"))
    each_s = minutes * SECONDS_PER_MINUTE / len(names)
    console = Console()
    places = {name: folder / name.replace(" ", "_").replace(",", "") for name in names}
    with ThreadPoolExecutor(at_once) as threads:
        begun = threads.map(lambda name: fuzz(name, places[name], each_s, nice), names)
        shown = track(begun, "fuzzing", total=len(names), console=Console(stderr=True))
        outcomes = list(shown)
    _show(console, outcomes)
    rows = _rows(outcomes)
    print_rows(rows, console)
    console.print(f"{sum(one.cpu_s for one in outcomes):.0f} CPU seconds; findings in {folder}")
    sys.exit(0 if all(row.holds for row in rows) else 1)


if __name__ == "__main__":
    typer.run(main)
