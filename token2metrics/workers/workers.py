"""The seam between a piece of work and who does it, and the simplest who: this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from token2metrics.errors import Token2MetricsError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class WorkersError(Token2MetricsError):
    """Workers cannot be reached, or died too often."""


class Workers(Protocol):
    """Does one task on many items."""

    def run(self, task: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
        """Do a task on every item, and yield each outcome once, as it comes.

        Args:
            task: What to do; it may be sent to another process and, if that one dies, be done
                again, so that it has to replace what it wrote rather than add to it.
            items: What to do it on; they and the outcomes may be sent too.

        Returns:
            One outcome per item, in any order. Giving up the iterator gives up what is left.

        Raises:
            WorkersError: If workers cannot be reached, or die again and again on one item.
        """


class LocalWorkers:
    """Does one item after another in this process."""

    def run(self, task: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
        """Do a task on every item, in order.

        Args:
            task: What to do.
            items: What to do it on.
        """
        return map(task, items)
