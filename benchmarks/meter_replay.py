"""Phase energies rebuilt from a power log: ``python benchmarks/meter_replay.py --data FOLDER``.

Reads ``samples/ina3221`` below FOLDER: runs that were logged with a rail log at 10 Hz, markers of
their phases and the energies that their authors computed. Prints the stated and the rebuilt energy
of each phase; the exit code is 1 if one is more than 1 % off.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from token2metrics.power.logs import PowerLog, read_power_log
from token2metrics.power.meter import Window
from token2metrics.power.trace import PowerTrace, idle_power_w

RUNS = "samples/ina3221"
LARGEST_ERROR = 0.01
SPEED = re.compile(r"(encoded|decoded)\s+\d+ tokens in\s+([\d.]+) seconds")
"""How llama.cpp tells the seconds of prefill and decode."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One figure of a run.

    Attributes:
        name: What is compared, with its unit.
        stated: What the authors computed; None where they did not.
        rebuilt: What this package computes from the log; None where it refuses.
        why_not: Why it refuses.
    """

    name: str
    stated: float | None
    rebuilt: float | None
    why_not: str | None = None

    @property
    def error(self) -> float | None:
        """Relative error of the rebuilt figure."""
        if self.stated is None or self.rebuilt is None:
            return None
        return self.rebuilt / self.stated - 1

    @property
    def holds(self) -> bool:
        """Whether the figure is near what was stated, or was not stated."""
        return self.stated is None or (self.error is not None and abs(self.error) <= LARGEST_ERROR)


def read_markers(path: Path) -> dict[str, float]:
    """Return the seconds since 1970 of each marker, a name and a time per line."""
    pairs = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {name: float(time_s) for name, time_s in pairs}


def read_seconds(path: Path) -> dict[str, float]:
    """Return the seconds that the engine says it ``encoded`` and ``decoded``."""
    return {name: float(seconds) for name, seconds in SPEED.findall(path.read_text())}


def phases_of(run: Path) -> Iterator[Phase]:
    """Yield the figures of a run."""
    log: PowerLog = read_power_log(run / "power.csv")
    trace = log.total or PowerTrace(())
    stated: Mapping[str, float] = json.loads((run / "energy.json").read_text())
    marks, seconds = read_markers(run / "markers.txt"), read_seconds(run / "stderr.log")
    start_s, end_s = marks["cmd_start"], marks["cmd_end"]
    decode_end_s = end_s - stated["tail_s"]
    decode_start_s = decode_end_s - seconds["decoded"]
    prefill_start_s = decode_start_s - seconds["encoded"]
    decode = trace.window(decode_start_s, decode_end_s)
    before = idle_within(trace, marks["idle_pre_start"], start_s)
    yield energy("whole command [J]", stated["energy_cmd_total_j"], trace.window(start_s, end_s))
    yield energy("decode [J]", stated["energy_decode_j"], decode)
    yield energy("prefill [J]", None, trace.window(prefill_start_s, decode_start_s))
    yield Phase("idle before [W]", stated["idle_pre_w"], before)
    after = idle_within(trace, end_s, marks["idle_post_end"])
    yield Phase("idle after [W]", stated["idle_post_w"], after)
    if decode.energy_j is not None and before is not None:
        yield Phase(
            "decode above idle [J]",
            stated["j_per_token_marginal"] * stated["decoded_tokens"],
            decode.energy_j - before * seconds["decoded"],
        )


def energy(name: str, stated: float | None, window: Window) -> Phase:
    """Return the energy of a span as a figure."""
    return Phase(name, stated, window.energy_j, window.why_not)


def idle_within(trace: PowerTrace, start_s: float, end_s: float) -> float | None:
    """Return the idle power of a span."""
    return idle_power_w(trace, ((trace.times_s[0], start_s), (end_s, trace.times_s[-1])))


def show(run: str, phases: list[Phase], console: Console) -> None:
    """Print the figures of a run."""
    table = Table("phase", "stated", "rebuilt", "error", "holds", title=run)
    for phase in phases:
        table.add_row(
            phase.name,
            "-" if phase.stated is None else f"{phase.stated:.2f}",
            f"refused: {phase.why_not}" if phase.rebuilt is None else f"{phase.rebuilt:.2f}",
            "-" if phase.error is None else f"{phase.error:+.2%}",
            "yes" if phase.holds else "NO",
        )
    console.print(table)


def main(
    data: Annotated[Path, typer.Option(help="Folder with the public measurements.")],
) -> None:
    """Compare every run."""
    console = Console()
    runs = sorted(path.parent for path in (data / RUNS).glob("*/energy.json"))
    if not runs:
        raise typer.BadParameter(f"expected runs below {data / RUNS}, got none")
    every = []
    for run in runs:
        phases = list(phases_of(run))
        show(run.name, phases, console)
        every += phases
    raise typer.Exit(0 if all(phase.holds for phase in every) else 1)


if __name__ == "__main__":
    typer.run(main)
