"""A power log that something else writes, such as a smart plug's, read beside the measuring."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from token2metrics.errors import ConfigurationError, DataError
from token2metrics.power.logs import ClockKind, PowerLog, ReadOptions, read_power_log
from token2metrics.power.meter import PowerMeter, Window
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.sampler import PERIODS_WAITED
from token2metrics.power.trace import PowerTrace


class ReplayMeter(PowerMeter):
    """Looks windows up in a log, and reads it again as it grows.

    Args:
        path: The log.
        options: Rail, clock, waiting and the log's offset.

    Raises:
        DataError: If the log cannot be read, or has no power over time.
        ConfigurationError: If its clock is not known.
    """

    def __init__(self, path: Path, options: MeterOptions) -> None:
        self._path = path
        self._options = options
        self._never = threading.Event()
        self._version: int | None = None
        self._trace = PowerTrace(())
        log = self._read()
        self.rail = log.rail
        self.scope = log.scope
        self.period_s = self._trace.period_s
        self._offset_s = _offset_s(log, options)

    def __enter__(self) -> Self:
        """Start nothing: the log is written by another program."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop nothing."""

    def window(self, start_s: float, end_s: float) -> Window:
        """Return the energy of a span, once the log has got that far."""
        start_s, end_s = start_s + self._offset_s, end_s + self._offset_s
        self._wait_for(end_s)
        return self._trace.window(start_s, end_s)

    def _wait_for(self, end_s: float) -> None:
        """Read the log again until it reaches an instant, at most for two periods."""
        timing, period_s = self._options.timing, self._trace.period_s or 0.0
        deadline_s = timing.clock() + PERIODS_WAITED * period_s
        self._read_if_changed()
        while self._is_before(end_s) and timing.clock() < deadline_s:
            timing.wait(self._never, period_s / 2)
            self._read_if_changed()

    def _is_before(self, end_s: float) -> bool:
        """Return whether the log does not reach an instant yet."""
        return not self._trace.times_s or self._trace.times_s[-1] < end_s

    def _read_if_changed(self) -> None:
        """Read the log again if it was written to; one that is in pieces now is left for later."""
        with suppress(OSError, DataError):
            if self._path.stat().st_mtime_ns != self._version:
                self._read()

    def _read(self) -> PowerLog:
        """Read the log."""
        zone = datetime.now().astimezone().tzinfo
        version = self._path.stat().st_mtime_ns if self._path.exists() else None
        options = ReadOptions(self._options.rail, zone=zone)
        log = read_power_log(self._path, options, is_growing=True)
        if log.total is None:
            raise DataError(
                f"expected power over time in {self._path}, got windows ({log.format}); "
                f"log the power itself"
            )
        self._trace, self._version = log.total, version
        return log


def build(options: MeterOptions) -> ReplayMeter:
    """Build the meter of the log that the argument names, ``FILE`` or ``FILE:RAIL``.

    Raises:
        DataError: If the log cannot be read.
        ConfigurationError: If none is named, or it cannot be placed in time.
    """
    if not options.argument:
        raise ConfigurationError("expected a power log after 'replay:', as in 'replay:plug.csv'")
    whole = Path(options.argument)
    path, _, rail = options.argument.rpartition(":")
    if whole.exists() or not Path(path).is_file():
        return ReplayMeter(whole, options)
    return ReplayMeter(Path(path), replace(options, rail=rail))


def _offset_s(log: PowerLog, options: MeterOptions) -> float:
    """Return what to add to the meter's clock to get the log's."""
    if options.clock_offset_s is not None:
        return options.clock_offset_s
    if log.clock is ClockKind.RELATIVE:
        raise ConfigurationError(
            f"expected dates or seconds since 1970 in {log.source}, got times that count from "
            f"an unknown instant; log with dates"
        )
    return time.time() - options.timing.clock()
