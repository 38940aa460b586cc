"""Power logs, and what the user tells of them because they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from token2metrics.errors import ConfigurationError
from token2metrics.power.logs import ClockKind, PowerLog, ReadOptions, read_power_log
from token2metrics.power.logs.table import clock_of, parse_moment, parse_number


@dataclass(frozen=True, slots=True)
class LogWords:
    """What the user tells of power logs, as it was typed.

    Attributes:
        zone: Zone of local times.
        start: When the first line of a log with relative times was written.
        interval_s: Seconds between lines without times.
        rail: Rails to take.
    """

    zone: str | None = None
    start: str | None = None
    interval_s: float | None = None
    rail: str | None = None

    def read(self) -> ReadOptions:
        """Return what the words mean.

        Raises:
            ConfigurationError: If a word means nothing.
        """
        if self.interval_s is not None and not 0 < self.interval_s < math.inf:
            raise ConfigurationError(
                f"expected --log-interval to be positive seconds, got {self.interval_s:g}"
            )
        zone = None if self.zone is None else zone_of(self.zone)
        start_s = None if self.start is None else seconds_of(self.start, zone)
        return ReadOptions(self.rail, self.interval_s, zone, start_s)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of a name.

    Raises:
        ConfigurationError: If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ConfigurationError(
            f"expected --log-zone to be a zone such as Europe/Berlin, got {name!r}"
        ) from error


def seconds_of(start: str, zone: ZoneInfo | None) -> float:
    """Return the seconds since 1970 of an instant.

    Args:
        start: ISO 8601, or seconds since 1970.
        zone: Zone of a time that names none.

    Raises:
        ConfigurationError: If it is no instant.
    """
    number = parse_number(start)
    if number is None:
        moment = parse_moment(start, ReadOptions(zone=zone))
    else:
        moment = number, clock_of(number)
    if moment is None or moment[1] is not ClockKind.EPOCH:
        raise ConfigurationError(
            f"expected --log-start to be a time with its zone, such as 2026-09-21T14:13:10+02:00, "
            f"or seconds since 1970, got {start!r}"
        )
    return moment[0]


def read_logs(paths: Sequence[Path], words: LogWords) -> list[PowerLog]:
    """Read power logs.

    Args:
        paths: The logs.
        words: What the user tells of them.

    Raises:
        ConfigurationError: If an option is wrong, or there is no log that it could be told of.
        DataError: If a log cannot be read.
    """
    if not paths and words != LogWords():
        raise ConfigurationError("expected --power-log beside the options that start with --log-")
    if len(paths) > 1 and words.start is not None:
        raise ConfigurationError(
            f"expected one --power-log beside --log-start, got {len(paths)}; logs without times "
            f"of day begin at their own times: ingest them one by one"
        )
    options = words.read()
    return [read_power_log(path, options) for path in paths]
