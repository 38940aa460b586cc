"""Finished requests to the disk: those that wait are committed together, then answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from token2metrics.monitoring.result import MonitorReport
from token2metrics.service.observing.observed import Batch, BusyError, Observed
from token2metrics.service.observing.recorder import Outcome, Recorder

MOST_WAITING = 50_000
"""Finished requests that may wait for the disk in one process."""

MOST_AT_ONCE = 2_000
"""Finished requests that are committed together, unless a single batch has more."""

Waiting = tuple[Batch, "asyncio.Future[Observed]"]


def nothing_done(outcomes: Sequence[Outcome]) -> None:
    """Do nothing more with what was committed."""


class Observing:
    """Takes batches from an event loop to the one thread that commits.

    Args:
        recorder: This process's part in the monitor.
        done: Called in that thread with what each commit came to.
    """

    def __init__(
        self, recorder: Recorder, done: Callable[[Sequence[Outcome]], None] = nothing_done
    ) -> None:
        self._recorder = recorder
        self._done = done
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="observing")
        self._waiting: deque[Waiting] = deque()
        self._waiting_requests = 0
        self._task: asyncio.Task[None] | None = None

    async def take(self, batch: Batch) -> Observed:
        """Take a batch, and return once it is on the disk.

        Raises:
            BusyError: If too much waits.
            KeyReusedError: If another batch was taken under its key.
            StateError: If the disk refuses; nothing of the batch was taken then.
        """
        count = len(batch.observations)
        if self._waiting_requests and self._waiting_requests + count > MOST_WAITING:
            raise BusyError(f"{self._waiting_requests:,} finished requests wait; try again")
        future: asyncio.Future[Observed] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch, future))
        self._waiting_requests += count
        if self._task is None:
            self._task = asyncio.create_task(self._commit_all())
        return await future

    async def report(self) -> MonitorReport:
        """Return where everything stands.

        Raises:
            StateError: If the disk refuses.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._recorder.report)

    async def level(self, directory: Path) -> bool:
        """Write the levels that the requests moved into the artifact, and return whether any had.

        Raises:
            StateError: If the disk refuses the state.
            ArtifactError: If the artifact was trained again meanwhile, or cannot be trusted.
            ConfigurationError: If it cannot be written.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._recorder.level, directory)

    async def close(self) -> None:
        """Commit what waits, and stop."""
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        """Commit until nothing waits."""
        while self._waiting:
            await self._commit(self._next())
        self._task = None

    def _next(self) -> list[Waiting]:
        """Return what is committed next."""
        taken, count = [self._waiting.popleft()], 0
        count = len(taken[0][0].observations)
        while self._waiting and count + len(self._waiting[0][0].observations) <= MOST_AT_ONCE:
            taken.append(self._waiting.popleft())
            count += len(taken[-1][0].observations)
        self._waiting_requests -= count
        return taken

    async def _commit(self, taken: Sequence[Waiting]) -> None:
        """Commit batches, and tell those who wait for them."""
        batches = [batch for batch, _ in taken]
        commit = asyncio.get_running_loop().run_in_executor(self._thread, self._record, batches)
        await asyncio.wait([commit])
        failure = commit.exception()
        outcomes = [failure] * len(batches) if failure is not None else commit.result()
        for (_, future), outcome in zip(taken, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _record(self, batches: Sequence[Batch]) -> Sequence[Outcome]:
        """Commit in the thread of its own."""
        outcomes = self._recorder.commit(batches)
        self._done(outcomes)
        return outcomes
