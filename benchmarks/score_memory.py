"""How much memory ``score`` takes, as a process of its own, over traces of growing size."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.score_traces import AS_TRAINED, MODEL, TASK, write_traces
from benchmarks.trained import PROGRAM, ROOT

MEMORY_ROWS = (1_000_000, 10_000_000, 100_000_000)
QUICK_MEMORY_ROWS = (250_000, 500_000)
MOST_MIB = 1024.0
MOST_GROWTH = 1.1
"""Memory is called flat where the largest trace takes at most a tenth more than the one before."""

KIB_PER_MIB = 1024.0


PROBE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process between: a new one begins with the resident set of who started it."""


def memory_rows(artifact: Path, folder: Path, quick: bool) -> list[Row]:
    """Measure the largest resident set of the command over traces of growing size.

    Args:
        artifact: The models.
        folder: Where traces and partitions go; each is removed again.
        quick: Whether to take few rows.
    """
    sizes = QUICK_MEMORY_ROWS if quick else MEMORY_ROWS
    found = []
    for rows in sizes:
        traces = write_traces(folder / f"memory-{rows}", rows)
        found.append(peak_mib(artifact, traces, folder / "memory"))
        shutil.rmtree(traces)
    protocol = "largest resident set of the command, a process of its own, one run each"
    table = [
        row
        for rows, mib in zip(sizes, found, strict=True)
        for row in judged_rows(
            TASK, AS_TRAINED, f"MiB at {rows:,} rows", mib, (Target(MOST_MIB),), protocol
        )
    ]
    growth = found[-1] / found[-2]
    return table + judged_rows(
        TASK,
        AS_TRAINED,
        "memory, largest over the one before",
        growth,
        (Target(MOST_GROWTH),),
        protocol,
    )


def peak_mib(artifact: Path, traces: Path, target: Path) -> float:
    """Return the largest resident set of scoring traces, in MiB.

    Args:
        artifact: The models.
        traces: Directory of the traces.
        target: Where the partitions go; it is removed again.

    Raises:
        CalledProcessError: If scoring fails.
    """
    arguments = ("score", traces, "--output", target, "--artifact", artifact, "--model", MODEL)
    command = [sys.executable, str(PROGRAM), *map(str, arguments), "--overwrite", "--json"]
    told = subprocess.run(
        [sys.executable, "-c", PROBE, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(target)
    return int(told.stdout.splitlines()[-1]) / KIB_PER_MIB
