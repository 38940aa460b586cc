"""A table with a time and a power, as a smart plug's application writes it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.power.logs.log import ClockKind, PowerLog, PowerLogFormat, ReadOptions
from token2metrics.power.logs.rows import Sample, Samples
from token2metrics.power.logs.table import Table, clock_of, parse_moment, parse_number, parse_table
from token2metrics.power.tegrastats_line import RAIL_NAME
from token2metrics.power.units import MW_PER_W
from token2metrics.records import PowerScope

TIME = re.compile(
    r"(?i:date[ _]?time|timestamp|time|date|epoch|elapsed)(?i:[ _]?utc)?"
    r"(?:[ _]?[(\[]?(s|ms)[)\]]?)?"
)
POWER = re.compile(r"(?:(.*?)[^A-Za-z]+)?(?:([Ww]|[Ww]atts)|(mW|mw|milliwatts))[)\]]?")
"""A name that ends in its unit; ``MW`` is none of them, since it could be either."""

LONGEST_NAME = 200
"""Characters of a column's name: of one much longer, the patterns would try every part."""

Moment = tuple[float, ClockKind]
UNITS_PER_SECOND = {"s": 1.0, "ms": 1_000.0}


class PlainCsv(PowerLogFormat):
    """One column of times and one of watts or milliwatts, among any others."""

    name = "plain CSV"
    looks_for = (
        "one column of times such as 'time_s' and one of power such as 'power_w' or 'P [mW]'"
    )
    is_last_resort = True

    def recognises(self, head: str) -> bool:
        """Return whether exactly one column is a time and one a power."""
        table = parse_table(head)
        return len(_matching(table, TIME)) == 1 and len(_matching(table, POWER)) == 1

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all lines."""
        table = parse_table(text)
        time_column, time_name = _the_only(path, table, TIME)
        power_column, power_name = _the_only(path, table, POWER)
        rail = re.sub(r"\W+", "_", power_name[1] or "power")
        samples = Samples()
        by_clock: dict[ClockKind, list[Sample]] = {}
        times = RelativeTimes(options)
        for row in table.rows(samples.set_aside):
            time = times.placed(_parse_time(row[time_column], time_name[1], options))
            power = parse_number(row[power_column])
            if time is None:
                samples.set_aside["no time with a date or a unit"] += 1
            elif power is None:
                samples.set_aside["no power"] += 1
            else:
                watts = power / (MW_PER_W if power_name[3] else 1.0)
                by_clock.setdefault(time[1], []).append(Sample(time[0], {rail: watts}))
        clock = max(by_clock, key=lambda kind: len(by_clock[kind]), default=ClockKind.RELATIVE)
        samples.found = by_clock.pop(clock, [])
        for others in by_clock.values():
            samples.set_aside["a time unlike the others"] += len(others)
        scope = None if RAIL_NAME.fullmatch(rail) else PowerScope.WALL
        chosen = replace(options, rail=options.rail or rail)
        return samples.log(path, self.name, clock, chosen, scope)


class RelativeTimes:
    """Places relative times on the clock of the day, where the start of their log is told.

    Args:
        options: The start.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._first_s: float | None = None

    def placed(self, time: Moment | None) -> Moment | None:
        """Return the time of the next line; other times than relative ones stay."""
        start_s = self._options.start_s
        if time is None or time[1] is not ClockKind.RELATIVE or start_s is None:
            return time
        if self._first_s is None:
            self._first_s = time[0]
        return start_s + time[0] - self._first_s, ClockKind.EPOCH


def _matching(table: Table, pattern: re.Pattern[str]) -> dict[str, re.Match[str]]:
    """Return the columns whose names fit."""
    names = (name for name in table.columns if len(name) <= LONGEST_NAME)
    return {name: match for name in names if (match := pattern.fullmatch(name))}


def _the_only(path: Path, table: Table, pattern: re.Pattern[str]) -> tuple[str, re.Match[str]]:
    """Return the column whose name fits; a file is recognised by its beginning alone.

    Raises:
        DataError: If there is none, or more than one.
    """
    found = _matching(table, pattern)
    if len(found) != 1:
        raise DataError(
            f"expected {PlainCsv.looks_for} in {path}, got {len(found)} that could be; "
            "leave out the others"
        )
    return next(iter(found.items()))


def _parse_time(cell: str, unit: str | None, options: ReadOptions) -> Moment | None:
    """Return seconds and what they count from; a number without a unit must be an epoch's."""
    number = parse_number(cell)
    if number is None:
        return parse_moment(cell, options)
    if unit is not None:
        seconds = number / UNITS_PER_SECOND[unit]
        return seconds, clock_of(seconds)
    for per_second in UNITS_PER_SECOND.values():
        if clock_of(number / per_second) is ClockKind.EPOCH:
            return number / per_second, ClockKind.EPOCH
    return None
