"""Workers of a Ray cluster, one that runs already or one of this machine alone."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from itertools import islice
from types import TracebackType
from typing import Any, Self

from token2metrics.errors import Token2MetricsError
from token2metrics.extras import needing
from token2metrics.workers.workers import Item, Outcome, WorkersError

MOST_RETRIES = 3
"""A process may die of want of memory beside others; one that dies alone will die again."""

QUEUED_PER_WORKER = 2
"""Tasks handed to the cluster for each worker: the next one waits while one is done."""

OBJECT_STORE_BYTES = 128 * 1024**2
"""Shared memory of a cluster of this machine; tasks and outcomes are small."""

CLUSTER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""No report of usage; every port on the loopback interface; only who holds the token is served;
visible accelerators stay as they are. Ray reads these while it is imported, not later."""

ANY_CLUSTER = "auto"
"""The address of the cluster that runs on this machine."""

MOST_WAITING_S = 10.0
"""How long a cluster may take to answer; Ray itself waits for minutes."""

WORKER_ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Each worker has one core, and as many workers run as there are cores."""


class RayWorkers:
    """Does items at once, each as a Ray task on one core; to be used in a ``with`` block."""

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        retries: int = MOST_RETRIES,
    ) -> None:
        """Describe the workers.

        Args:
            workers: Tasks done at once; None for the cores of the cluster.
            address: Cluster to join, such as ``127.0.0.1:6379`` or ``auto``; None starts one of
                this machine alone, and ends it with the block.
            retries: How often a task is done again after the process that did it died.
        """
        self._retries = retries
        self._workers = workers
        self._address = address
        self._resources = ExitStack()
        self._own = False

    def __enter__(self) -> Self:
        """Join or start the cluster; one that this process has joined before is taken as it is.

        Ray tells on standard output when a worker died; within the block that is standard error.

        Raises:
            MissingExtraError: If Ray is not installed.
            WorkersError: If the cluster cannot be joined or started.
        """
        if self._address is not None:
            _refuse_silent(self._address)
        elif "ray" not in sys.modules:
            for name, value in CLUSTER_ENVIRONMENT.items():
                os.environ.setdefault(name, value)
        with needing("running on Ray"):
            import ray
        if not ray.is_initialized():
            self._start()
            self._own = self._address is None
            self._resources.callback(ray.shutdown)
        self._resources.enter_context(redirect_stdout(sys.stderr))
        return self

    def _start(self) -> None:
        """Join or start the cluster."""
        import ray

        options: dict[str, Any] = {"address": self._address}
        if self._address is None:
            options = {
                "address": "local",
                "num_cpus": self._workers,
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
            }
        try:
            ray.init(
                **options,
                runtime_env={"env_vars": WORKER_ENVIRONMENT},
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
            where = "start" if self._address is None else f"join {self._address}:"
            first_line = str(error).partition("\n")[0]
            raise WorkersError(f"expected a Ray cluster to {where} {first_line}") from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the cluster, and end it where it was started here."""
        self._resources.close()

    def run(self, task: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
        """Do a task on every item, as many at once as there are workers.

        A task whose process dies is done again, and its outcome comes once all the same.

        Args:
            task: What to do.
            items: What to do it on.

        Raises:
            WorkersError: If processes die again and again on one item.
        """
        import ray

        remote: Any = ray.remote(_work).options(num_cpus=1, max_retries=self._retries)
        sent = ray.put(task)
        waiting = iter(items)
        running = [remote.remote(sent, item) for item in islice(waiting, self._at_once())]
        try:
            while running:
                (done, *_), running = ray.wait(running, num_returns=1)
                running += [remote.remote(sent, item) for item in islice(waiting, 1)]
                yield _outcome(done)
        finally:
            for one in running:
                ray.cancel(one, force=True)

    def _at_once(self) -> int:
        """Return how many tasks the cluster holds at once, so that the driver keeps few."""
        import ray

        if self._workers is not None and not self._own:
            return self._workers
        cluster: Any = ray
        return QUEUED_PER_WORKER * max(1, int(cluster.cluster_resources().get("CPU", 1)))


def _refuse_silent(address: str) -> None:
    """Refuse an address where nothing answers.

    Raises:
        WorkersError: If it is no address, or nothing listens there.
    """
    if address == ANY_CLUSTER:
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise WorkersError(
            f"expected a Ray address HOST:PORT or {ANY_CLUSTER}, got {address!r}; "
            "it is what 'ray start --head' prints"
        )
    try:
        socket.create_connection((host, int(port)), MOST_WAITING_S).close()
    except (OSError, OverflowError) as error:
        raise WorkersError(
            f"expected a Ray cluster at {address}, got: {error}; start one with "
            "'ray start --head', or leave the address out"
        ) from error


def _work(task: Callable[[Item], Outcome], item: Item) -> Outcome:
    """Do a task on an item, in the process of a worker."""
    return task(item)


def _outcome(done: Any) -> Any:
    """Return the outcome of a finished task, or raise what the task raised."""
    import ray

    try:
        return ray.get(done)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, Token2MetricsError):
            raise cause from error
        raise
    except ray.exceptions.RayError as error:
        first_line = str(error).partition("\n")[0]
        raise WorkersError(
            f"expected workers to live, but they died again and again on one piece of work: "
            f"{first_line}; give each more memory, or use fewer"
        ) from error
