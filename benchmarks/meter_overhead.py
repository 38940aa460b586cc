"""Cost of metering: ``python benchmarks/meter_overhead.py [--seconds 10]``.

Meters an AGX Orin's sysfs, written into a temporary folder, at 10 Hz and prints the share of one
core that this process used meanwhile; the exit code is 1 if it is 1 % or more.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from token2metrics.power.meters import MeterOptions, build_meter

LIMIT = 0.01
DEFAULT_SECONDS = 10.0
RAILS = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")
MILLIVOLTS = 5_000
MILLIAMPERES = 900


def write_sysfs(root: Path) -> None:
    """Write the power monitor of an AGX Orin."""
    chip = root / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4"
    chip.mkdir(parents=True)
    for number, rail in enumerate(RAILS, start=1):
        (chip / f"in{number}_label").write_text(f"{rail}\n")
        (chip / f"in{number}_input").write_text(f"{MILLIVOLTS}\n")
        (chip / f"curr{number}_input").write_text(f"{MILLIAMPERES}\n")


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long to meter.")] = DEFAULT_SECONDS,
) -> None:
    """Meter for a while and tell the cost."""
    console = Console()
    with TemporaryDirectory() as folder:
        write_sysfs(Path(folder))
        meter = build_meter("ina3221", MeterOptions(sysfs_root=Path(folder)))
        if meter is None or meter.period_s is None:
            raise typer.Exit(1)
        with meter:
            start_s, busy_s = time.monotonic(), time.process_time()
            time.sleep(seconds)
            end_s, busy_end_s = time.monotonic(), time.process_time()
            window = meter.window(start_s, end_s)
    share = (busy_end_s - busy_s) / (end_s - start_s)
    console.print(
        f"{window.samples} readings in {end_s - start_s:.2f} s, one per {meter.period_s:g} s; "
        f"{window.energy_j} J"
    )
    console.print(f"share of one core: {share:.3%} (limit {LIMIT:.0%})")
    raise typer.Exit(0 if share < LIMIT else 1)


if __name__ == "__main__":
    typer.run(main)
