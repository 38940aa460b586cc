"""What Prometheus is told: requests, refusals, artifacts and observations, of all workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from token2metrics.service.layers.metrics_folder import FOLDER_VARIABLE
from token2metrics.service.observing.observed import Observed
from token2metrics.service.observing.recorder import Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
GOOD, REFUSED = "loaded", "refused"


class Metrics:
    """Counts of this process.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._requests = Counter(
            "token2metrics_requests",
            "Requests that were answered",
            ("path", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "token2metrics_request_seconds",
            "Seconds from a request's headers to the end of its answer",
            ("path",),
            registry=registry,
            buckets=SECONDS,
        )
        self._cut = Counter(
            "token2metrics_connections_cut",
            "Connections that were cut",
            ("reason",),
            registry=registry,
        )
        self._artifacts = Counter(
            "token2metrics_artifacts",
            "Artifacts that were found on the disk after the start, by each worker",
            ("outcome",),
            registry=registry,
        )
        self._observations = Counter(
            "token2metrics_observations",
            "Finished requests that were observed",
            ("outcome",),
            registry=registry,
        )
        self._events = Counter(
            "token2metrics_events", "What the monitor told", ("kind",), registry=registry
        )
        self._count = lru_cache(None)(self._requests.labels)
        self._time = lru_cache(None)(self._seconds.labels)

    def answered(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            path: One of few.
            method: One of few.
            status: Of the answer.
            seconds: That it took.
        """
        self._count(path, method, status).inc()
        self._time(path).observe(seconds)

    def cut(self, reason: str) -> None:
        """Count a connection that was cut."""
        self._cut.labels(reason).inc()

    def artifact(self, is_good: bool) -> None:
        """Count an artifact that was found."""
        self._artifacts.labels(GOOD if is_good else REFUSED).inc()

    def observed(self, outcomes: Sequence[Outcome]) -> None:
        """Count what was committed."""
        for one in outcomes:
            if not isinstance(one, Observed) or one.repeated:
                continue
            self._observations.labels("accepted").inc(one.accepted)
            self._observations.labels("set_aside").inc(sum(one.set_aside.values()))
            for event in one.events:
                self._events.labels(event.kind).inc()

    def exposition(self) -> bytes:
        """Return the counts of all workers, as Prometheus reads them."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)


@lru_cache(None)
def metrics() -> Metrics:
    """Return the counts of this process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return Metrics(CollectorRegistry())
