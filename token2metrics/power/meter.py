"""The seam between measuring and power: what every meter offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from token2metrics.records import PowerScope

FEWEST_BUSY_SAMPLES = 5
"""Readings inside a window below which its energy says more of chance than of load."""


@dataclass(frozen=True, slots=True)
class Window:
    """The energy of a span of time.

    Attributes:
        energy_j: Joules, by the trapezoid rule clipped to the span; None when too few readings
            fell into it, or none before or after it.
        samples: Readings inside the span; None for a counter that integrates by itself.
        why_not: Why there is no energy, in one sentence; None where there is one.
    """

    energy_j: float | None
    samples: int | None
    why_not: str | None = None


class PowerMeter(ABC):
    """Reads power in the background between ``__enter__`` and ``__exit__``.

    Attributes:
        rail: What is metered, such as ``VDD_IN`` or ``VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0``.
        scope: What the reading includes.
        period_s: Seconds between readings; None for a counter read at the ends of a window.
    """

    rail: str
    scope: PowerScope
    period_s: float | None

    @abstractmethod
    def __enter__(self) -> Self:
        """Start reading."""

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop reading."""

    @abstractmethod
    def window(self, start_s: float, end_s: float) -> Window:
        """Return the energy between two instants of ``time.monotonic``.

        Waits, at most for two periods, until a reading after ``end_s`` has come.

        Args:
            start_s: Start, after the meter was started.
            end_s: End, not before ``start_s`` and not after now.
        """
