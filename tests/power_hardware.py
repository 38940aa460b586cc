"""Hardware of the power tests: boards as sysfs shows them, and a clock that moves when told."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from token2metrics.power.sampler import Timing
from token2metrics.records import PowerScope

MV_OF_RAIL = 5_000
THREAD_CHECK_S = 0.01
"""How often a meter's thread that waits for the clock looks whether it shall stop."""


@dataclass(frozen=True)
class Board:
    """A board by its power monitors.

    Attributes:
        hwmon: Rails with their milliamperes at 5 V, per INA3221, since JetPack 5.
        iio: Rails with their milliwatts, per INA3221, up to JetPack 4.
        input_uw: Microwatts of an INA238; None where there is none.
        rail: The rails that make up the total.
        watts: Their sum.
        scope: What it includes.
    """

    rail: str
    watts: float
    scope: PowerScope
    hwmon: tuple[Mapping[str, int], ...] = ()
    iio: tuple[Mapping[str, int], ...] = ()
    input_uw: int | None = None


BOARDS = {
    "nano-jp4": Board(
        "POM_5V_IN",
        1.022,
        PowerScope.MODULE,
        iio=({"POM_5V_IN": 1022, "POM_5V_GPU": 0, "POM_5V_CPU": 204},),
    ),
    "agx-xavier-jp4": Board(
        "GPU+CPU+SOC+CV+VDDRQ+SYS5V",
        3.346,
        PowerScope.MODULE,
        iio=({"GPU": 0, "CPU": 311, "SOC": 932}, {"CV": 0, "VDDRQ": 621, "SYS5V": 1482}),
    ),
    "xavier-nx": Board(
        "VDD_IN",
        4.065,
        PowerScope.MODULE,
        hwmon=({"VDD_IN": 813, "VDD_CPU_GPU_CV": 147, "VDD_SOC": 270},),
    ),
    "orin-nano": Board(
        "VDD_IN",
        4.825,
        PowerScope.MODULE,
        hwmon=({"VDD_IN": 965, "VDD_CPU_GPU_CV": 104, "VDD_SOC": 295},),
    ),
    "agx-orin": Board(
        "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0",
        13.905,
        PowerScope.MODULE,
        hwmon=(
            {"VDD_GPU_SOC": 1028, "VDD_CPU_CV": 653, "VIN_SYS_5V0": 1100},
            {"NC": 7, "VDDQ_VDD2_1V8AO": 100},
        ),
    ),
    "agx-thor": Board(
        "VIN",
        19.78,
        PowerScope.BOARD,
        hwmon=({"VDD_GPU": 392, "VDD_CPU_SOC_MSS": 1177, "VIN_SYS_5V0": 1127},),
        input_uw=19_780_000,
    ),
}
"""Boards from the Nano to the Thor; the numbers are those of published logs, rounded to 5 V."""


def write_board(root: Path, board: Board) -> Path:
    """Write a board's sysfs and return its root."""
    drivers = root / "bus/i2c/drivers"
    for place, rails in enumerate(board.hwmon):
        chip = drivers / f"ina3221/1-004{place}/hwmon/hwmon{place}"
        for number, (rail, milliamperes) in enumerate(rails.items(), start=1):
            write(chip / f"in{number}_label", rail)
            write(chip / f"in{number}_input", MV_OF_RAIL)
            write(chip / f"curr{number}_input", milliamperes)
        write(chip / "in7_label", "sum of shunt voltages")
        write(chip / "in7_input", 12)
        write(chip / "curr7_input", 9_999)
    for place, rails in enumerate(board.iio):
        chip = drivers / f"ina3221x/6-004{place}/iio:device{place}"
        for number, (rail, milliwatts) in enumerate(rails.items()):
            write(chip / f"rail_name_{number}", rail)
            write(chip / f"in_power{number}_input", milliwatts)
    if board.input_uw is not None:
        chip = drivers / "ina238/2-0044/hwmon/hwmon9"
        write(chip / "name", "ina238")
        write(chip / "power1_input", board.input_uw)
    return root


def write(file: Path, content: object) -> Path:
    """Write a line as the kernel shows it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{content}\n")
    return file


PROGRAM = """#!{python}
import sys, time
interval_s = int(sys.argv[sys.argv.index("--interval") + 1]) / 1000
for line in {lines!r} * {times}:
    print(line, flush=True)
    time.sleep(interval_s)
"""


def write_program(folder: Path, name: str, lines: list[str], times: int) -> Path:
    """Write a program that prints lines again and again, at the interval it is told."""
    program = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    program.write_text(PROGRAM.format(python=sys.executable, lines=lines, times=times))
    program.chmod(0o755)
    return program


def on_path(folder: Path) -> str:
    """Return a PATH that finds programs of a folder first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@dataclass
class SteppedTime:
    """A clock that stands still until the test moves it, and the thread of a meter with it.

    The test's own waiting moves the clock at once. The meter's thread waits until ``step`` lets it
    go on, which moves the clock by what it wanted to wait.
    """

    now_s: float = 100.0
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _waits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def timing(self) -> Timing:
        """The clock as a meter takes it."""
        return Timing(lambda: self.now_s, self.wait)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait in a meter's name."""
        if threading.current_thread() is threading.main_thread():
            self.now_s += seconds
            return event.is_set()
        self._waits.release()
        while not self._go.acquire(timeout=THREAD_CHECK_S):
            if event.is_set():
                return True
        self.now_s += seconds
        return event.is_set()

    def step(self) -> None:
        """Let the meter's thread wait once and do what follows."""
        self._waits.acquire()
        self._go.release()
        self._waits.acquire()
        self._waits.release()
