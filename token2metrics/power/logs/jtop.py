"""CSV of jetson-stats' ``jtop`` logger."""

from __future__ import annotations

from pathlib import Path

from token2metrics.power.logs.log import ClockKind, PowerLog, PowerLogFormat, ReadOptions
from token2metrics.power.logs.rows import Sample, Samples
from token2metrics.power.logs.table import parse_moment, parse_number, parse_table
from token2metrics.power.thermal import is_plausible_c
from token2metrics.power.units import MW_PER_W

TIME = "time"
POWER = "Power "
TEMPERATURE = "Temp "
OWN_TOTAL = "TOT"
"""Jtop's own sum, which on some boards counts a rail twice: taken only when asked for."""


class Jtop(PowerLogFormat):
    """Columns ``Power <rail>`` in milliwatts and a local ``time``."""

    name = "jtop CSV"
    looks_for = "columns 'time' and 'Power <rail>'"

    def recognises(self, head: str) -> bool:
        """Return whether the header has a time and a power."""
        columns = parse_table(head).columns
        return TIME in columns and any(name.startswith(POWER) for name in columns)

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all lines."""
        samples, clock = Samples(), ClockKind.LOCAL
        for row in parse_table(text).rows(samples.set_aside):
            moment = parse_moment(row[TIME], options)
            watts = _watts(row)
            if moment is None:
                samples.set_aside["no date and time"] += 1
            elif not watts:
                samples.set_aside["no power of a rail"] += 1
            else:
                time_s, clock = moment
                samples.found.append(Sample(time_s, watts, _hottest_c(row)))
        return samples.log(path, self.name, clock, options)


def _watts(row: dict[str, str]) -> dict[str, float]:
    """Return the power of each rail that is a number."""
    return {
        name.removeprefix(POWER): milliwatts / MW_PER_W
        for name, cell in row.items()
        if name.startswith(POWER) and (milliwatts := parse_number(cell)) is not None
    }


def _hottest_c(row: dict[str, str]) -> float | None:
    """Return the highest temperature of a line."""
    degrees = [parse_number(cell) for name, cell in row.items() if name.startswith(TEMPERATURE)]
    return max((one for one in degrees if one is not None and is_plausible_c(one)), default=None)
