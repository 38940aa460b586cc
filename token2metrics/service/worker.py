"""Build the service of one process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from token2metrics.service.app import build_app
from token2metrics.service.http.asgi import Application
from token2metrics.service.layers.auth import Authorised
from token2metrics.service.layers.direct import Direct
from token2metrics.service.layers.limits import Limited
from token2metrics.service.layers.log import RequestLog
from token2metrics.service.layers.metrics import metrics
from token2metrics.service.layers.recorded import Recorded
from token2metrics.service.observing.observe import observe_operations
from token2metrics.service.operations.health import health_operations
from token2metrics.service.runtime import Runtime
from token2metrics.service.setup import Setup

SWITCH_EVERY_S = 0.001
"""Threads beside the answers, such as that of the monitor, yield as often."""

STANDARD_ERROR = 2


def build_service(setup: Setup) -> Application:
    """Build what answers the requests of this process.

    Args:
        setup: What is served, and how.

    Raises:
        ArtifactError: If the artifact cannot be trusted.
        ConfigurationError: If the state cannot be used.
    """
    runtime = Runtime(setup.directory, setup.state, setup.monitoring, setup.kept)
    further = health_operations(runtime.serving, metrics())
    if runtime.observing is not None:
        further += observe_operations(runtime.observing, setup.options.max_requests)

    log = RequestLog(write_lines) if setup.logs_requests else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Run what runs beside the answers."""
        async with runtime.running():
            yield
        if log is not None:
            log.flush()

    app = build_app(setup.options, runtime.serving, further, lifespan)
    paths = {str(getattr(route, "path", "")) for route in app.routes}
    guarded = Authorised(Limited(Direct(app), setup.limits), setup.token)
    _settle()
    return Recorded(guarded, paths, metrics(), log)


def write_lines(lines: bytes) -> None:
    """Write lines to standard error, in one piece; a log that nobody takes fails no request.

    Args:
        lines: Whole lines.
    """
    with suppress(OSError):
        os.write(STANDARD_ERROR, lines)


def _settle() -> None:
    """Let the collector of garbage look no more at what stays for good."""
    sys.setswitchinterval(SWITCH_EVERY_S)
    gc.collect()
    gc.freeze()
