"""Real servers on loopback for timings: the service as a user starts it, and bare ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.start import environment
from benchmarks.trained import PROGRAM, ROOT

LOOPBACK = "127.0.0.1"
START_S, STOP_S, LOOK_S = 30.0, 20.0, 0.05
SERVER_CORE, CLIENT_CORE = 1, 0
"""The server has a core to itself, and who loads it another one."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        process: Its process.
        port: Where it listens on loopback.
        log: What it writes.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def address(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Start processes of the block on one core, if there are several."""
    before = os.sched_getaffinity(0)
    if core in before and len(before) > 1:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(artifact: Path, log: Path, *options: object) -> Iterator[Served]:
    """Serve an artifact by the command while the block runs.

    Args:
        artifact: A trained artifact.
        log: Where what it writes goes.
        options: Further options of ``serve``.
    """
    arguments = ("serve", "--artifact", artifact, *options)
    with running([str(PROGRAM), *map(str, arguments)], log) as served:
        yield served


@contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[Served]:
    """Run a server on a core of its own while the block runs, and end it as an operator does.

    Args:
        arguments: Of Python; the port is added.
        log: Where what it writes goes.

    Raises:
        RuntimeError: If it does not listen in time.
    """
    port = free_port()
    command = [sys.executable, *arguments, "--port", str(port)]
    with log.open("wb") as file, on_core(SERVER_CORE):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=file, stderr=subprocess.STDOUT
        )
    try:
        await_listening(process, port, log)
        yield Served(process, port, log)
    finally:
        stop(process)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server takes connections.

    Raises:
        RuntimeError: If it ends before, or takes too long.
    """
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(LOOK_S)
    raise RuntimeError(f"expected a server on port {port}, got: {log.read_text().strip()}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and end it where it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
