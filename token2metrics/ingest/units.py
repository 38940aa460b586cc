"""Units of other tools, brought to seconds, joules and watts at the door."""

from __future__ import annotations

from collections.abc import Mapping

from token2metrics.ingest.reader import UnusableError

SECONDS: Mapping[str, float] = {
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "milliseconds": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "microseconds": 1e-6,
    "ns": 1e-9,
    "nanoseconds": 1e-9,
}
JOULES: Mapping[str, float] = {
    "mJ": 1e-3,
    "J": 1.0,
    "kJ": 1e3,
    "MJ": 1e6,
    "Wh": 3600.0,
    "kWh": 3.6e6,
}
WATTS: Mapping[str, float] = {"mW": 1e-3, "W": 1.0, "kW": 1e3}

EARLIEST_EPOCH_S = 946_684_800.0
"""The year 2000: a smaller number counts from somewhere else, such as the machine's start."""

LATEST_EPOCH_S = 4_102_444_800.0
"""The year 2100."""


def seconds_of(value: float, unit: str) -> float:
    """Return a time in seconds.

    Raises:
        UnusableError: If the unit is none of time.
    """
    return value * _factor(SECONDS, unit, "time")


def joules_of(value: float, unit: str) -> float:
    """Return an energy in joules.

    Raises:
        UnusableError: If the unit is none of energy.
    """
    return value * _factor(JOULES, unit, "energy")


def watts_of(value: float, unit: str) -> float:
    """Return a power in watts.

    Raises:
        UnusableError: If the unit is none of power.
    """
    return value * _factor(WATTS, unit, "power")


def _factor(units: Mapping[str, float], unit: str, quantity: str) -> float:
    """Return the size of a unit; case matters, since mJ and MJ differ by nine decades."""
    if unit not in units:
        raise UnusableError(f"expected a unit of {quantity} ({', '.join(units)}), got {unit!r}")
    return units[unit]


def epoch_s(value: float | None, unit: str) -> float | None:
    """Return a time of day in seconds since 1970; None where the number cannot be one."""
    if value is None:
        return None
    seconds = seconds_of(value, unit)
    return seconds if EARLIEST_EPOCH_S <= seconds <= LATEST_EPOCH_S else None
