"""The seam between a piece of work and who does it, and the simplest who: this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
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


AT_ONCE = 2
"""Items done at once by threads: the steps of one that leave a core idle, and its waits for the
disk, are filled by the other; a third would add memory and little else."""


class ThreadWorkers:
    """Does items in threads of this process, for tasks that let go of the interpreter."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """Describe the workers.

        Args:
            at_once: How many items are done at once.
        """
        self._at_once = at_once

    def run(
        self, task: Callable[[Item], Outcome], items: Sequence[Item]
    ) -> Generator[Outcome, None, None]:
        """Do a task on every item; where one fails, those begun are finished and no more begun.

        Args:
            task: What to do; it is called from several threads.
            items: What to do it on.
        """
        waiting = iter(items)
        with ThreadPoolExecutor(self._at_once) as threads:
            running = {threads.submit(task, item) for item in islice(waiting, self._at_once)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                outcomes = [one.result() for one in done]
                running |= {threads.submit(task, item) for item in islice(waiting, len(done))}
                yield from outcomes
