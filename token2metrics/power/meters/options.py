"""What every meter may be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from token2metrics.power.sampler import DEFAULT_PERIOD_S, REAL_TIME, Timing
from token2metrics.power.thermal import SYSFS


@dataclass(frozen=True, slots=True)
class MeterOptions:
    """What every meter may be told.

    Attributes:
        argument: What follows the meter's name and a colon, such as the watts of a constant.
        rail: Rails to take instead of the board's total, joined by ``+``.
        period_s: Seconds between readings; a sensor that is slower sets its own.
        sysfs_root: Where sysfs is mounted.
        timing: Clock and waiting.
        clock_offset_s: What to add to the meter's clock to get a log's; None takes the clock of
            the machine for a log with dates.
    """

    argument: str = ""
    rail: str | None = None
    period_s: float = DEFAULT_PERIOD_S
    sysfs_root: Path = SYSFS
    timing: Timing = REAL_TIME
    clock_offset_s: float | None = None
