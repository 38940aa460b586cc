"""CSV of ``nvidia-smi --query-gpu=timestamp,index,power.draw --format=csv``."""

from __future__ import annotations

import re
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.power.logs.log import ClockKind, PowerLog, PowerLogFormat, ReadOptions
from token2metrics.power.logs.rows import Sample, Samples
from token2metrics.power.logs.table import parse_moment, parse_number, parse_table
from token2metrics.power.thermal import is_plausible_c

TIME = "timestamp"
INDEX = "index"
TEMPERATURE = "temperature.gpu"
POWER = re.compile(r"(power\.draw(?:\.instant|\.average)?)(?: \[W\])?")
PREFERENCE = ("power.draw.instant", "power.draw", "power.draw.average")
"""The moment before a mean of the last second."""

UNIT = " W"
ONLY_GPU = "0"


class NvidiaSmi(PowerLogFormat):
    """A line per graphics card and instant; the unit stands in the header or in the cells."""

    name = "nvidia-smi CSV"
    looks_for = "columns 'timestamp' and 'power.draw [W]'"

    def recognises(self, head: str) -> bool:
        """Return whether the header has a time and a power."""
        columns = parse_table(head).columns
        return TIME in columns and _power_column(columns) is not None

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all lines."""
        table = parse_table(text)
        power = _power_column(table.columns)
        if power is None:
            raise DataError(f"expected a column 'power.draw [W]' in {path}; log it as well")
        samples, clock = Samples(), ClockKind.LOCAL
        has_unit = power.endswith("[W]")
        for row in table.rows(samples.set_aside):
            moment = parse_moment(row[TIME], options)
            watts = _parse_watts(row[power], has_unit)
            card = row.get(INDEX, ONLY_GPU)
            if moment is None:
                samples.set_aside["no date and time"] += 1
            elif watts is None:
                samples.set_aside["no power in watts, such as [N/A]"] += 1
            elif not card.isdecimal():
                samples.set_aside["no index of a graphics card"] += 1
            else:
                time_s, clock = moment
                samples.found.append(Sample(time_s, {f"gpu{card}": watts}, _degrees(row)))
        return _merged(samples).log(path, self.name, clock, options)


def _power_column(columns: tuple[str, ...]) -> str | None:
    """Return the best power column."""
    found = {match[1]: match[0] for name in columns if (match := POWER.fullmatch(name))}
    return next((found[name] for name in PREFERENCE if name in found), None)


def _parse_watts(cell: str, header_has_unit: bool) -> float | None:
    """Return watts where the header or the cell says that they are."""
    if cell.endswith(UNIT):
        return parse_number(cell.removesuffix(UNIT))
    return parse_number(cell) if header_has_unit else None


def _degrees(row: dict[str, str]) -> float | None:
    """Return the temperature of a card."""
    degrees = parse_number(row.get(TEMPERATURE, ""))
    return degrees if degrees is not None and is_plausible_c(degrees) else None


def _merged(samples: Samples) -> Samples:
    """Bring the cards of one instant together."""
    by_time: dict[float, Sample] = {}
    for sample in samples.found:
        known = by_time.get(sample.time_s, Sample(sample.time_s, {}))
        degrees = [one for one in (known.hottest_c, sample.hottest_c) if one is not None]
        by_time[sample.time_s] = Sample(
            sample.time_s, {**known.watts, **sample.watts}, max(degrees, default=None)
        )
    return Samples(list(by_time.values()), samples.set_aside)
