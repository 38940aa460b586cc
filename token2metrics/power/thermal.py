"""Temperature of a device, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys")
MILLIDEGREES_PER_DEGREE = 1_000.0
PLAUSIBLE_C = (-40.0, 150.0)
"""What silicon can survive; boards say -256 for a sensor that is absent."""


def hottest_c(sysfs_root: Path = SYSFS) -> float | None:
    """Return the temperature of the hottest thermal zone in degrees Celsius.

    Args:
        sysfs_root: Where sysfs is mounted.

    Returns:
        None where no zone can be read.
    """
    zones = sysfs_root.glob("class/thermal/thermal_zone*/temp")
    known = [degrees for zone in zones if (degrees := _read_c(zone)) is not None]
    return max((degrees for degrees in known if is_plausible_c(degrees)), default=None)


def is_plausible_c(degrees: float) -> bool:
    """Return whether a temperature can be one, and not the mark of an absent sensor."""
    lowest, highest = PLAUSIBLE_C
    return lowest < degrees < highest


def _read_c(zone: Path) -> float | None:
    """Return the temperature of a zone; None while it sleeps or is broken."""
    try:
        return int(zone.read_text()) / MILLIDEGREES_PER_DEGREE
    except (OSError, ValueError):
        return None
