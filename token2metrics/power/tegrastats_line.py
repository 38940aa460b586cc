"""The grammar of a line that NVIDIA's ``tegrastats`` prints, over all its generations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from token2metrics.power.thermal import is_plausible_c
from token2metrics.power.units import MW_PER_W

STAMP = re.compile(r"(\d{2}-\d{2}-\d{4} \d{2}:\d{2}:\d{2}) ")
STAMP_FORMAT = "%m-%d-%Y %H:%M:%S"

RAIL_NAME = re.compile(r"(?:VDD|VIN|POM)\w*|GPU|CPU|SOC|CV|SYS5V")
"""How the rails of all Jetson boards are called."""

_RAIL = rf"(?<!\S)({RAIL_NAME.pattern})"
WITH_UNIT = re.compile(_RAIL + r" (\d+)mW(?:/\d+mW){0,2}(?!\S)")
"""JetPack 5 and later: now, and perhaps the mean since the start and a third value."""

WITHOUT_UNIT = re.compile(_RAIL + r" (\d+)/\d+(?!\S)")
"""JetPack 4: now and the mean since the start, both in milliwatts."""

TEMPERATURE = re.compile(r"(?<!\S)(\w+)@(-?\d+(?:\.\d+)?)C(?!\S)")
PLACEHOLDERS = frozenset({"PMIC"})
"""Zones whose temperature is a constant."""


@dataclass(frozen=True, slots=True)
class TegrastatsLine:
    """What a line says.

    Attributes:
        stamp: Local time to the second, without a zone; None where lines carry none.
        watts: Power of each rail at the moment, in watts.
        hottest_c: Temperature of the hottest zone.
    """

    stamp: datetime | None
    watts: Mapping[str, float]
    hottest_c: float | None


def parse_line(line: str) -> TegrastatsLine:
    """Read a line; rails that are not told are missing from ``watts``."""
    rails = WITH_UNIT if "mW" in line else WITHOUT_UNIT
    watts = {name: float(now_mw) / MW_PER_W for name, now_mw in rails.findall(line)}
    degrees = [
        float(value) for zone, value in TEMPERATURE.findall(line) if zone not in PLACEHOLDERS
    ]
    hottest_c = max((value for value in degrees if is_plausible_c(value)), default=None)
    return TegrastatsLine(_parse_stamp(line), watts, hottest_c)


def _parse_stamp(line: str) -> datetime | None:
    """Return the time at the beginning of a line."""
    stamp = STAMP.match(line)
    try:
        return datetime.strptime(stamp[1], STAMP_FORMAT) if stamp else None
    except ValueError:
        return None
