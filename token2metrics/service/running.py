"""Run the service: in this process, or in several that this one looks after."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from msgspec.structs import replace
from uvicorn import Server
from uvicorn.supervisors.multiprocess import Multiprocess

from token2metrics.service.layers.connections import GuardedConfig
from token2metrics.service.layers.log import log_settings
from token2metrics.service.layers.metrics_folder import FOLDER_VARIABLE
from token2metrics.service.setup import Setup
from token2metrics.service.worker import build_service

LOOP = import_module("uvloop" if os.name == "posix" else "asyncio").__name__
"""What runs the tasks of a process; one that is missing is told before anything is started."""

KEEP_ALIVE_S = 30
FINISH_WITHIN_S = 10
"""Seconds that requests have to be answered in once the service is told to end."""

HUNG_AFTER_S = 15
"""Seconds without a sign of life after which a worker is replaced."""

OWN_FILES = 128
"""Files that a process has open besides its connections."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_service(setup: Setup, bound: socket.socket, workers: int, log_level: str) -> None:
    """Serve until the process is told to end, by SIGINT or SIGTERM; then end gracefully.

    Args:
        setup: What is served, and how.
        bound: Where connections arrive.
        workers: Processes that answer.
        log_level: Least severe messages that are logged.
    """
    _allow_files(setup.limits.max_connections + OWN_FILES)
    with _shared_by(setup, workers) as whole:
        config = config_of(whole, workers, log_settings(log_level))
        if workers > 1:
            Multiprocess(config, [bound]).run()
            return
        with _ending_quietly():
            Server(config).run([bound])


def config_of(setup: Setup, workers: int, log: dict[str, Any] | None) -> GuardedConfig:
    """Return the settings of the server.

    Args:
        setup: What is served, and how.
        workers: Processes that answer.
        log: Settings for ``logging.config``; None leaves the log as it is.
    """
    return GuardedConfig(
        limits=setup.limits,
        app=partial(build_service, setup),
        factory=True,
        interface="asgi3",
        loop=LOOP,
        ws="none",
        lifespan="on",
        log_config=log,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        workers=workers,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_WITHIN_S,
        timeout_worker_healthcheck=HUNG_AFTER_S,
    )


@contextmanager
def _shared_by(setup: Setup, workers: int) -> Iterator[Setup]:
    """Yield a setup with a folder that workers share; it goes with the block."""
    if workers == 1:
        yield setup
        return
    with TemporaryDirectory(prefix="token2metrics-serve-") as name:
        kept, counts = Path(name) / "artifact", Path(name) / "counts"
        counts.mkdir()
        os.environ[FOLDER_VARIABLE] = str(counts)
        yield replace(setup, kept=kept)


@contextmanager
def _ending_quietly() -> Iterator[None]:
    """Take signals that ended the service for what they are within a block: no failure."""

    def take(number: int, frame: FrameType | None) -> None:
        """Do nothing more."""

    before = {number: signal.signal(number, take) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _allow_files(count: int) -> None:
    """Let this process and its workers hold as many files open, as far as the system does."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < count:
            most = count if hard == resource.RLIM_INFINITY else min(count, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
