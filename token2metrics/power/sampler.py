"""Meters that read in a thread of their own, at a steady rate."""

from __future__ import annotations

import logging
import math
import threading
import time
from abc import abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import ClassVar, Self

from token2metrics.errors import ConfigurationError
from token2metrics.power.meter import PowerMeter, Window
from token2metrics.power.trace import PowerTrace, Trace
from token2metrics.records import PowerScope

logger = logging.getLogger(__name__)

DEFAULT_PERIOD_S = 0.1
PERIODS_WAITED = 2.0
"""Periods for which a window waits until a reading after its end has come."""

NEIGHBOURS = 32
"""Readings taken along on each side of a window, to know how far apart they usually are."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock of a meter and how it waits.

    Attributes:
        clock: Seconds, never falling.
        wait: Waits on an event for at most some seconds; true if the event is set.
    """

    clock: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


REAL_TIME = Timing()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why readings are missing.

    Attributes:
        until_s: When it was last seen on the meter's clock; infinity if no reading comes any more.
        what: What went wrong.
    """

    until_s: float
    what: str


class ThreadedMeter(PowerMeter):
    """A meter whose readings come in a thread, and are kept.

    Args:
        rail: What is metered.
        scope: What the reading includes.
        period_s: Seconds between readings.
        timing: Clock and waiting.
    """

    trace_type: ClassVar[type[Trace]] = PowerTrace

    def __init__(
        self, rail: str, scope: PowerScope, period_s: float, timing: Timing = REAL_TIME
    ) -> None:
        self.rail = rail
        self.scope = scope
        self.period_s: float = period_s
        self.timing = timing
        self._stop = threading.Event()
        self._arrived = threading.Event()
        self._thread: threading.Thread | None = None
        self._times_s = array("d")
        self._values = array("d")
        self._problem: Problem | None = None

    def __enter__(self) -> Self:
        """Start reading; the first reading is there when this returns."""
        self._stop.clear()
        self._problem = None
        self._start()
        self._thread = threading.Thread(target=self._collect_or_tell, name=f"meter {self.rail}")
        self._thread.daemon = True
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop reading; what was read stays."""
        self._stop.set()
        self._finish()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def window(self, start_s: float, end_s: float) -> Window:
        """Return the energy between two instants of the meter's clock."""
        self._wait_for(end_s)
        window = self._trace_around(start_s, end_s).window(start_s, end_s)
        problem = self._problem
        if window.energy_j is not None or problem is None or problem.until_s < start_s:
            return window
        return replace(window, why_not=f"{window.why_not} ({problem.what})")

    def keep(self, time_s: float, value: float) -> None:
        """Keep a reading.

        Args:
            time_s: When it was taken, later than the ones before.
            value: Watts, or joules of a counter.
        """
        self._values.append(value)
        self._times_s.append(time_s)
        self._arrived.set()

    def _wait_for(self, end_s: float) -> None:
        """Wait until a reading at or after an instant has come, at most two periods."""
        deadline_s = self.timing.clock() + PERIODS_WAITED * self.period_s
        while self._thread is not None and self._thread.is_alive():
            self._arrived.clear()
            left_s = deadline_s - self.timing.clock()
            if left_s <= 0 or (self._times_s and self._times_s[-1] >= end_s):
                return
            self.timing.wait(self._arrived, left_s)

    def _trace_around(self, start_s: float, end_s: float) -> Trace:
        """Return the readings in a span, and some before and after it."""
        first = max(bisect_left(self._times_s, start_s) - NEIGHBOURS, 0)
        near = slice(first, bisect_right(self._times_s, end_s) + NEIGHBOURS)
        return self.trace_type(zip(self._times_s[near], self._values[near], strict=False))

    def _start(self) -> None:
        """Open what readings come from and keep the first one.

        Raises:
            ConfigurationError: If it cannot be read.
        """

    def _finish(self) -> None:
        """End what the thread waits for."""

    def _collect_or_tell(self) -> None:
        """Keep readings; whatever ends that too early is kept as the reason for what is missing."""
        try:
            self._collect()
        except Exception as error:
            logger.debug("where reading %s ended", self.rail, exc_info=True)
            self._end_for(_told(error))
        else:
            if not self._stop.is_set():
                self._end_for("what it is read from has ended")

    def _end_for(self, reason: str) -> None:
        """Keep why no reading comes any more, and log it."""
        self._problem = Problem(math.inf, f"it is read no more: {reason}")
        logger.warning("%s is read no more: %s", self.rail, reason)

    @abstractmethod
    def _collect(self) -> None:
        """Keep readings until the meter is stopped; runs in the thread."""


class PolledMeter(ThreadedMeter):
    """A meter that is asked at a steady rate."""

    failures: int = 0

    @abstractmethod
    def read(self) -> float:
        """Return watts, or joules of a counter.

        Raises:
            OSError: If the sensor did not answer this time.
            ValueError: If it answered something else than a number.
        """

    def _start(self) -> None:
        """Take the first reading, so that a broken sensor is known before anything is measured."""
        try:
            self._read_once()
        except Exception as error:
            raise ConfigurationError(f"cannot read the power of {self.rail}: {error}") from error

    def _collect(self) -> None:
        """Read at each multiple of the period; one that is missed is not made up for."""
        next_s = self.timing.clock() + self.period_s
        while not self.timing.wait(self._stop, max(next_s - self.timing.clock(), 0.0)):
            try:
                self._read_once()
            except (OSError, ValueError) as error:
                self._tell(error)
            next_s = max(next_s + self.period_s, self.timing.clock())

    def _read_once(self) -> None:
        """Keep one reading, stamped with the middle of the time it took."""
        before_s = self.timing.clock()
        value = self.read()
        self.keep((before_s + self.timing.clock()) / 2, value)

    def _tell(self, error: Exception) -> None:
        """Count a reading that failed, and log the first."""
        if not self.failures:
            logger.warning("a reading of %s failed and is left out: %s", self.rail, error)
        self.failures += 1
        self._problem = Problem(self.timing.clock(), f"a reading failed: {_told(error)}")


def _told(error: Exception) -> str:
    """Return what an error says, or its kind where it says nothing."""
    return str(error) or type(error).__name__
