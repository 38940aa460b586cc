"""Processes are killed at any moment; what was acknowledged is neither lost nor counted twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from random import Random

from tests.serving import ROOT, Answer, Service, is_alive, serving, started, wait_until
from tests.test_service_reload import relevel, spoil
from token2metrics.artifact.load import load_artifact
from token2metrics.service.layers.metrics_folder import FOLDER_VARIABLE

KILLS = 2
SENDERS = 3
IN_A_BATCH = 5
LONGEST_BETWEEN_S = 0.5
RETRY_S = 0.02
FINISHED = {"model": "1.5B", "input_tokens": 512, "output_tokens": 128, "latency_s": 3.2}
WRITER = """
import sys
from pathlib import Path
from tests.test_service_reload import relevel
while True:
    for level in (0.5, 2.0):
        relevel(Path(sys.argv[1]), level)
"""


@dataclass
class Sender:
    """Sends batches, each under a key of its own, until it is told to stop.

    Attributes:
        name: Begins its keys.
        service: Whom it asks at present.
        acknowledged: Batches that were acknowledged.
        is_over: Whether it is told to stop.
        has_ended: Whether it did; nothing of it is under way then.
    """

    name: str
    service: Service
    acknowledged: int = 0
    is_over: bool = False
    has_ended: bool = False

    def run(self) -> None:
        """Send; a batch whose answer does not come is sent again, to whoever answers then."""
        try:
            while not self.is_over:
                answer = self._sent(f"{self.name}-{self.acknowledged}")
                assert answer.status == 200, answer
                assert answer.json["accepted"] == IN_A_BATCH
                self.acknowledged += 1
        finally:
            self.has_ended = True

    def _sent(self, key: str) -> Answer:
        """Return the answer to a batch, in the end."""
        batch, named = [FINISHED] * IN_A_BATCH, {"Idempotency-Key": key}
        while True:
            try:
                return self.service.ask("/v1/observe", batch, named)
            except (OSError, HTTPException):
                time.sleep(RETRY_S)


@contextmanager
def sending(service: Service) -> Iterator[list[Sender]]:
    """Yield senders at work; they finish what they began when the block ends."""
    senders = [Sender(str(number), service) for number in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as threads:
        work = [threads.submit(sender.run) for sender in senders]
        try:
            yield senders
        finally:
            for sender in senders:
                sender.is_over = True
    for one in work:
        one.result()


@contextmanager
def rewriting(directory: Path) -> Iterator[None]:
    """Replace an artifact again and again within a block; the writer is killed at its end."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], cwd=ROOT)
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


def kill_a_worker(service: Service, chance: Random) -> None:
    """Kill one of two workers, and wait until another has taken its place."""
    wait_until(lambda: len(service.workers()) == 2, "two workers answer")
    time.sleep(chance.uniform(0.0, LONGEST_BETWEEN_S))
    victim = chance.choice(service.workers())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not is_alive(victim), "the worker is gone")


def test_kills_lose_nothing(trained_artifact: Path, tmp_path: Path) -> None:
    """Workers, the server and who writes the artifact are killed while batches come in.

    Every batch that was acknowledged is counted exactly once, the artifact is whole, workers end
    with their server, and a worker that starts while the artifact is spoilt serves the last one.
    """
    chance = Random(7)
    directory = Path(shutil.copytree(trained_artifact, tmp_path / "artifact"))
    options = ("--workers", 2, "--state", tmp_path / "state")
    service = started(directory, tmp_path / "first log", *options)
    own = folders_of(service)
    with sending(service) as senders:
        with rewriting(directory):
            for _ in range(KILLS):
                kill_a_worker(service, chance)
            time.sleep(chance.uniform(0.0, LONGEST_BETWEEN_S))
            orphans = service.workers()
            service.process.kill()
            service.process.wait()
        wait_until(lambda: not any(map(is_alive, orphans)), "workers end with their server")
        assert not any(one.exists() for one in own)
        with serving(directory, tmp_path / "second log", *options) as next_service:
            for sender in senders:
                sender.service = next_service
            wait_until(lambda: len(next_service.workers()) == 2, "two workers answer")
            look_at_a_late_worker(next_service, directory)
            for sender in senders:
                sender.is_over = True
            sent = finished(senders)
            assert next_service.ask("/v1/monitor").json["requests"] == sent
    assert sent > KILLS * IN_A_BATCH


def folders_of(service: Service) -> list[Path]:
    """Return the folders that its workers share, as the system tells their environment."""
    wait_until(service.workers, "a worker answers")
    told = Path(f"/proc/{service.workers()[0]}/environ").read_bytes().decode().split("\0")
    values = dict(one.partition("=")[::2] for one in told)
    return [Path(values[FOLDER_VARIABLE]).parent]


def finished(senders: list[Sender]) -> int:
    """Return how many finished requests were acknowledged, once no batch is under way."""
    wait_until(lambda: all(sender.has_ended for sender in senders), "every sender has ended")
    return sum(sender.acknowledged for sender in senders) * IN_A_BATCH


def look_at_a_late_worker(service: Service, directory: Path) -> None:
    """Spoil the artifact, kill a worker, and see that the next one serves what was served."""
    load_artifact(directory)
    digest = relevel(directory, 1.0)
    wait_until(lambda: all_serve(service, digest), "every worker serves the artifact")
    spoil(directory, "truncated weights")
    kill_a_worker(service, Random(1))
    wait_until(lambda: len(service.workers()) == 2, "two workers answer")
    assert all_serve(service, digest)


def all_serve(service: Service, digest: str) -> bool:
    """Return whether whoever answers serves an artifact, asked some times."""
    return all(service.ask("/readyz").json["artifact"] == digest for _ in range(20))
