"""Whether the process lives, whether it can answer, and what it counted."""

from __future__ import annotations

import asyncio

from token2metrics.prediction.result import Result
from token2metrics.service.http.answering import send_content, send_json
from token2metrics.service.http.asgi import Receive, Scope, Send
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.layers.log import timestamp
from token2metrics.service.layers.metrics import CONTENT_TYPE, Metrics
from token2metrics.service.serving import Serving

OK = 200


class Alive(Result, frozen=True):
    """A process that lives.

    Attributes:
        status: Always ``ok``.
    """

    status: str = "ok"


class Ready(Result, frozen=True):
    """A process that can answer.

    Attributes:
        artifact: SHA-256 of what is served.
        loaded_at: When it was loaded, in UTC.
        models: Models that are served.
        is_latest: Whether the artifact on the disk is the one that is served; one that cannot be
            trusted is refused.
        status: Always ``ok``.
    """

    artifact: str
    loaded_at: str
    models: int
    is_latest: bool
    status: str = "ok"


class HealthEndpoint:
    """Tells that the process answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await send_json(send, Alive())


class ReadyEndpoint:
    """Tells what is served.

    Args:
        serving: The artifact.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        served = self._serving.current
        ready = Ready(
            artifact=served.digest,
            loaded_at=timestamp(served.loaded_at_s),
            models=len(served.predictor.models),
            is_latest=self._serving.refusal is None,
        )
        await send_json(send, ready)


class MetricsEndpoint:
    """Tells what was counted, by all workers.

    Args:
        metrics: Counts.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        content = await asyncio.to_thread(self._metrics.exposition)
        await send_content(send, OK, CONTENT_TYPE.encode(), content)


def health_operations(serving: Serving, metrics: Metrics) -> tuple[Operation, ...]:
    """Return the operations for whoever looks after the service.

    Args:
        serving: The artifact.
        metrics: Counts.
    """
    alive = Documented(
        name="healthz",
        summary="Tell that the process lives",
        description="Needs no token.",
        answered=(Alive,),
    )
    ready = Documented(
        name="readyz",
        summary="Tell that the process can answer, and what it serves",
        description="Needs no token.",
        answered=(Ready,),
    )
    counts = Documented(
        name="metrics",
        summary="Tell what was counted, for Prometheus",
        description="Requests, times, artifacts and observations of all workers.",
        answered=(str,),
        kind="text/plain",
    )
    return (
        Operation(path="/healthz", method="GET", endpoint=HealthEndpoint(), documented=alive),
        Operation(path="/readyz", method="GET", endpoint=ReadyEndpoint(serving), documented=ready),
        Operation(
            path="/metrics", method="GET", endpoint=MetricsEndpoint(metrics), documented=counts
        ),
    )
