"""Load by ``wrk``: as many requests as a server answers, or a modest rate of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

SCRIPT = Path(__file__).with_name("wrk_requests.lua")
MICROSECONDS = 1e6
MILLISECONDS = 1e3
NO_WAIT_MS = 0
OBJECT = "{"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What ``wrk`` saw, as its script writes it.

    Attributes:
        requests: Answered requests, refused ones included.
        duration_us: Microseconds it took.
        p50_us: Median of the latencies, in microseconds.
        p99_us: 99th percentile of the latencies.
        max_us: Longest latency.
        refused: Answers that were not of status 2xx or 3xx.
        broken: Connections that failed at connecting, reading or writing.
        late: Answers that took longer than wrk waits.
    """

    requests: int
    duration_us: int
    p50_us: float
    p99_us: float
    max_us: float
    refused: int
    broken: int
    late: int

    @property
    def requests_per_s(self) -> float:
        """Answered requests in a second."""
        return self.requests / self.duration_us * MICROSECONDS

    @property
    def p50_ms(self) -> float:
        """Median of the latencies, in milliseconds."""
        return self.p50_us / MILLISECONDS

    @property
    def p99_ms(self) -> float:
        """99th percentile of the latencies, in milliseconds."""
        return self.p99_us / MILLISECONDS

    @property
    def errors(self) -> int:
        """Whatever went wrong."""
        return self.refused + self.broken + self.late


@dataclass(frozen=True, slots=True)
class Shooter:
    """How a server is loaded.

    Attributes:
        connections: Kept open, each with one request at a time.
        seconds: How long.
        rate_per_s: Requests in a second over all connections, about; None for as many as go.
    """

    connections: int
    seconds: int
    rate_per_s: float | None = None

    @property
    def wait_ms(self) -> int:
        """Milliseconds that each connection waits before a request."""
        if self.rate_per_s is None:
            return NO_WAIT_MS
        return max(round(self.connections / self.rate_per_s * MILLISECONDS), 1)

    def command(self, address: str, bodies: Path) -> list[str]:
        """Return the command line.

        Args:
            address: Where requests go.
            bodies: A JSON body per line, sent in turn.

        Raises:
            FileNotFoundError: If ``wrk`` is not installed.
        """
        program = shutil.which("wrk")
        if program is None:
            raise FileNotFoundError("expected the program wrk, got none; apt install wrk")
        options = ["-t", "1", "-c", str(self.connections), "-d", f"{self.seconds}s"]
        script = ["-s", str(SCRIPT), address, "--", str(bodies), str(self.wait_ms)]
        return [program, *options, *script]


def read_load(told: str) -> Load:
    """Read what ``wrk`` wrote.

    Raises:
        ValueError: If it did not come to its end.
    """
    lines = [line for line in told.splitlines() if line.startswith(OBJECT)]
    if not lines:
        raise ValueError(f"expected the summary of wrk, got {told!r}")
    return msgspec.json.decode(lines[-1], type=Load)


def shoot(shooter: Shooter, address: str, bodies: Path) -> Load:
    """Load a server and return what came of it.

    Raises:
        CalledProcessError: If ``wrk`` fails, as where nothing answers.
    """
    command = shooter.command(address, bodies)
    return read_load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def write_bodies(path: Path, bodies: Sequence[object]) -> Path:
    """Write a JSON body per line, and return the file."""
    path.write_bytes(b"\n".join(map(msgspec.json.encode, bodies)) + b"\n")
    return path
