"""What runs beside the answers of a process: the watch over the artifact, and the monitor."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from token2metrics.errors import Token2MetricsError
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.service.following import follow_parent, is_orphan
from token2metrics.service.layers.metrics import metrics
from token2metrics.service.observing.committing import Observing
from token2metrics.service.observing.ledger import Ledger
from token2metrics.service.observing.recorder import Recorder
from token2metrics.service.serving import Serving

LOOK_EVERY_S = 1.0
"""How often the artifact on the disk is looked at."""

LEVEL_EVERY_S = 10.0
"""How often levels that the requests moved are written into the artifact."""

LOG = logging.getLogger(__name__)


class Runtime:
    """Everything a process holds; made anew in each worker.

    Args:
        directory: The artifact.
        state: The state of the monitor, which all workers share; None for no monitor.
        options: What the monitor looks for.
        kept: Where workers keep the last good artifact; None where there is one process.

    Attributes:
        serving: The artifact that answers requests.
        observing: Takes finished requests; None for no monitor.

    Raises:
        ArtifactError: If the artifact cannot be trusted.
        ConfigurationError: If the state cannot be used.
    """

    def __init__(
        self,
        directory: Path,
        state: Path | None = None,
        options: MonitorOptions | None = None,
        kept: Path | None = None,
    ) -> None:
        wanted = MonitorOptions() if options is None else options
        self._directory = directory
        self._shared = None if kept is None else kept.parent
        self._levels = wanted.updates and state is not None
        self.serving = Serving(directory, kept, metrics().artifact)
        self.observing: Observing | None = None
        self._ledger: Ledger | None = None
        if state is not None:
            self._ledger = Ledger(state, wanted)
            recorder = Recorder(self.serving, self._ledger, wanted)
            self.observing = Observing(recorder, metrics().observed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the artifact within a block; at its end what waits is committed."""
        follow_parent()
        tasks = [asyncio.create_task(self._watch())]
        if self._levels:
            tasks.append(asyncio.create_task(self._level_now_and_then()))
        try:
            yield
        finally:
            await _stopped(tasks)
            await self._finish()
            await self._tidy()

    async def _watch(self) -> None:
        """Look at the artifact now and then, aside from the answers."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await asyncio.to_thread(self.serving.refresh)
            except Exception:
                LOG.exception("the artifact could not be looked at, and is looked at again")

    async def _level_now_and_then(self) -> None:
        """Write levels into the artifact."""
        while True:
            await asyncio.sleep(LEVEL_EVERY_S)
            await self._level()

    async def _level(self) -> None:
        """Write levels into the artifact, if any moved."""
        assert self.observing is not None
        try:
            if await self.observing.level(self._directory):
                LOG.info("levels written into the artifact")
        except Token2MetricsError as error:
            LOG.warning("levels were not written: %s", error)

    async def _finish(self) -> None:
        """Commit what waits, write levels, and close the state."""
        if self.observing is None or self._ledger is None:
            return
        if self._levels:
            await self._level()
        await self.observing.close()
        self._ledger.close()

    async def _tidy(self) -> None:
        """Remove what workers share, where their parent did not live to do it."""
        if self._shared is None or not is_orphan():
            return
        await asyncio.get_running_loop().shutdown_default_executor()
        shutil.rmtree(self._shared, ignore_errors=True)


async def _stopped(tasks: list[asyncio.Task[None]]) -> None:
    """Stop tasks, and wait until they have."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
