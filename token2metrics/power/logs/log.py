"""The seam between power logs and energy: what a log offers, and what a format must."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from token2metrics.power.trace import PowerTrace
from token2metrics.records import PowerScope


class ClockKind(StrEnum):
    """What the times of a log count from.

    ``epoch`` is 1970 in UTC, ``local`` is 1970 in a zone that nobody told, ``relative`` some
    instant that nobody told.
    """

    EPOCH = "epoch"
    LOCAL = "local"
    RELATIVE = "relative"


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """A span whose energy the log itself tells.

    Attributes:
        name: Name of the span.
        start_s: Start on the log's clock.
        end_s: End on the log's clock.
        energies_j: Joules of each rail.
    """

    name: str
    start_s: float
    end_s: float
    energies_j: Mapping[str, float]


@dataclass(frozen=True)
class PowerLog:
    """What a power log holds.

    Attributes:
        source: Path of the file.
        format: Name of its format.
        clock: What its times count from.
        rail: The rails of ``total``, or of the windows' energies, joined by ``+``.
        scope: What these include.
        total: Power of those rails, summed; None for a log of windows.
        traces: Power of each rail by itself.
        windows: Spans whose energy the log tells.
        temperatures: Seconds and degrees Celsius of the hottest sensor, where the log tells.
        set_aside: How many lines were left out, by reason.
    """

    source: str
    format: str
    clock: ClockKind
    rail: str
    scope: PowerScope
    total: PowerTrace | None = None
    traces: Mapping[str, PowerTrace] = field(default_factory=dict)
    windows: tuple[EnergyWindow, ...] = ()
    temperatures: tuple[tuple[float, float], ...] = ()
    set_aside: Mapping[str, int] = field(default_factory=dict)

    def hottest_c(self, start_s: float, end_s: float) -> float | None:
        """Return the highest temperature within a span of the log's clock."""
        inside = (degrees for time_s, degrees in self.temperatures if start_s <= time_s <= end_s)
        return max(inside, default=None)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a log may leave unsaid.

    Attributes:
        rail: Rails to take instead of the board's total, joined by ``+``.
        interval_s: Seconds between lines of a log without times.
        zone: Zone of local times; None leaves them local.
        start_s: Seconds since 1970 of the first line of a log with relative times; None leaves
            them relative.
    """

    rail: str | None = None
    interval_s: float | None = None
    zone: tzinfo | None = None
    start_s: float | None = None

    def seconds_of(self, moment: datetime) -> tuple[float, ClockKind]:
        """Return the seconds since 1970 of a date, and which 1970.

        Args:
            moment: With its own zone, or local.
        """
        zone = moment.tzinfo or self.zone
        kind = ClockKind.LOCAL if zone is None else ClockKind.EPOCH
        return moment.replace(tzinfo=zone or UTC).timestamp(), kind

    @property
    def relative_clock(self) -> ClockKind:
        """What the times of a relative log count from once its start is known."""
        return ClockKind.RELATIVE if self.start_s is None else ClockKind.EPOCH


class PowerLogFormat(ABC):
    """One kind of power log.

    Attributes:
        name: How messages call it.
        looks_for: What it is recognised by, to say when none is.
        is_last_resort: Whether other formats are tried first.
    """

    name: ClassVar[str]
    looks_for: ClassVar[str]
    is_last_resort: ClassVar[bool] = False

    @abstractmethod
    def recognises(self, head: str) -> bool:
        """Return whether a file that begins with this text is of the format."""

    @abstractmethod
    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read a file that was recognised.

        Args:
            path: Where the text is from.
            text: The whole file.
            options: What it may leave unsaid.

        Raises:
            DataError: If nothing in it can be used.
        """
