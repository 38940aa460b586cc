"""What an observation costs a service: ``python benchmarks/service_observe.py [--workers 2]``.

Starts ``serve`` on loopback and sends it finished requests under keys, from one client and from
several, one at a time and many at once. Says how many it takes in a second, how long a batch takes
until it is on the disk, and the processor time of the service; what came in is counted at the end.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.process_tree import processor_s
from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.served import CLIENT_CORE, Served, on_core, serving
from benchmarks.tables import print_rows, write_tables
from benchmarks.trained import trained_artifact
from token2metrics.client import Client
from token2metrics.monitoring.observation import Observation

TASK = "service, observe"
MODEL = "1.5B"
WAYS = ((1, 1, 100), (16, 1, 50), (1, 1_000, 5), (4, 1_000, 3))
"""Clients, finished requests in a batch, and batches of each client."""

MILLI, MICRO = 1e3, 1e6
NONE_LOST = Target(0.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one way of sending.

    Attributes:
        observations: That were taken.
        seconds: From the first to the last.
        batch_s: Median of a batch, until it is acknowledged.
        processor_s: Processor time of the service.
    """

    observations: int
    seconds: float
    batch_s: float
    processor_s: float


def main(
    artifact: Annotated[Path | None, typer.Option(help="A trained one; none trains.")] = None,
    model: Annotated[str, typer.Option(help="Whose requests finished.")] = MODEL,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the service.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
) -> None:
    """Send finished requests in every way; leave with 1 where one is lost or counted twice."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = trained_artifact(place) if artifact is None else artifact.resolve()
        options = ("--workers", workers, "--state", place / "state")
        with serving(given, place / "log", *options) as served, on_core(CLIENT_CORE):
            rows = observed_rows(served, model, f"{workers} workers, one core, a new state")
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


def observed_rows(served: Served, model: str, where: str) -> list[Row]:
    """Send in every way, and judge what was counted."""
    rows: list[Row] = []
    total = 0
    for clients, size, batches in WAYS:
        found = sent(served, model, clients, size, batches)
        total += found.observations
        figures = {
            "taken in a second": found.observations / found.seconds,
            "batch on the disk (ms)": found.batch_s * MILLI,
            "processor per request (us)": found.processor_s / found.observations * MICRO,
        }
        name = f"{clients} clients, {size:,} at once"
        for statistic, value in figures.items():
            rows += judged_rows(TASK, name, statistic, value, [], where)
    with Client(served.address) as client:
        last = client.observe([finished(model)])
    lost = abs(last.requests - total - 1)
    return rows + judged_rows(TASK, "all", "lost or counted twice", lost, [NONE_LOST], where)


def sent(served: Served, model: str, clients: int, size: int, batches: int) -> Sent:
    """Send from several clients at once."""

    def send(number: int) -> Sequence[float]:
        """Return the seconds of each batch of a client."""
        with Client(served.address) as client:
            return [timed(client, [finished(model)] * size) for _ in range(batches)]

    before_s, started_s = processor_s(served.process.pid), time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        times = [one for found in threads.map(send, range(clients)) for one in found]
    seconds = time.perf_counter() - started_s
    used_s = processor_s(served.process.pid) - before_s
    return Sent(clients * size * batches, seconds, median(times), used_s)


def timed(client: Client, batch: Sequence[Observation]) -> float:
    """Send a batch, and return the seconds until it was acknowledged."""
    started_s = time.perf_counter()
    client.observe(batch)
    return time.perf_counter() - started_s


def finished(model: str) -> Observation:
    """Return a finished request."""
    return Observation(model=model, input_tokens=512, output_tokens=128, latency_s=3.2)


if __name__ == "__main__":
    typer.run(main)
