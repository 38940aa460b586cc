"""All that a worker is told when it starts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from token2metrics.monitoring.options import MonitorOptions
from token2metrics.service.layers.limits import Limits
from token2metrics.service.options import ServiceOptions


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and how.

    Attributes:
        directory: The artifact.
        options: How much one request may ask for.
        limits: What clients may take.
        state: The state of the monitor, which all workers share; None for no monitor.
        monitoring: What the monitor looks for.
        token: What has to be shown; None where nothing has.
        kept: Where workers keep the last good artifact; None where there is one process.
        logs_requests: Whether there is a line in the log per request.
    """

    directory: Path
    options: ServiceOptions = ServiceOptions()
    limits: Limits = Limits()
    state: Path | None = None
    monitoring: MonitorOptions = MonitorOptions()
    token: str | None = None
    kept: Path | None = None
    logs_requests: bool = True
