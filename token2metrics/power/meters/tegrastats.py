"""A running ``tegrastats``, for boards whose sysfs is not at hand."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from token2metrics.errors import ConfigurationError
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.rails import RailChoice, choose_rails
from token2metrics.power.sampler import ThreadedMeter
from token2metrics.power.tegrastats_line import parse_line

PROGRAM = "tegrastats"
MS_PER_S = 1_000
FIRST_LINE_S = 5.0
"""Seconds within which the program must have told a power."""


class TegrastatsMeter(ThreadedMeter):
    """Stamps each line of the program when it arrives.

    Args:
        command: The program and its options.
        choice: The rails to sum.
        options: Rate, clock and waiting.
    """

    def __init__(self, command: list[str], choice: RailChoice, options: MeterOptions) -> None:
        super().__init__(choice.name, choice.scope, options.period_s, options.timing)
        self._command = command
        self._rails = choice.rails
        self._process: subprocess.Popen[str] | None = None
        self.left_out = 0

    def _start(self) -> None:
        """Start the program and wait for its first power."""
        self._process = _popen(self._command)
        with _killed_after(self._process, FIRST_LINE_S):
            while not self._times_s and self._keep_line():
                pass
        if not self._times_s:
            with self._process as process:
                _kill(process)
            raise ConfigurationError(f"{PROGRAM} tells no power of {self.rail} any more")

    def _collect(self) -> None:
        """Read lines until the program ends."""
        if self._process is not None:
            with self._process:
                while self._keep_line():
                    pass

    def _keep_line(self) -> bool:
        """Keep the power of the next line; false at the end of the output."""
        if self._process is None or self._process.stdout is None:
            return False
        line = self._process.stdout.readline()
        arrived_s = self.timing.clock()
        watts = parse_line(line).watts
        if all(rail in watts for rail in self._rails):
            self.keep(arrived_s, sum(watts[rail] for rail in self._rails))
        elif line:
            self.left_out += 1
        return bool(line)

    def _finish(self) -> None:
        """End the program, and with it the reading."""
        if self._process is not None:
            _kill(self._process)


def build(options: MeterOptions) -> TegrastatsMeter:
    """Build the meter, asking the program once for the rails of this board.

    Raises:
        ConfigurationError: If the program is missing or tells no power.
        DataError: If the board's total is not known, or the wanted rail is missing.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigurationError(
            f"expected the program {PROGRAM!r} on the PATH, got none; it comes with JetPack"
        )
    interval_ms = max(round(options.period_s * MS_PER_S), 1)
    command = [program, "--interval", str(interval_ms)]
    return TegrastatsMeter(command, _probe(command, options.argument or options.rail), options)


def _probe(command: list[str], rail: str | None) -> RailChoice:
    """Return the rails that the program tells of."""
    with _popen(command) as process, _killed_after(process, FIRST_LINE_S):
        lines = iter(process.stdout or ())
        watts = next((told for line in lines if (told := parse_line(line).watts)), None)
        _kill(process)
    if watts is None:
        raise ConfigurationError(
            f"expected {PROGRAM} to tell the power of rails, got none within {FIRST_LINE_S:g} s; "
            f"it may need the rights of root"
        )
    return choose_rails(watts, rail)


def _popen(command: list[str]) -> subprocess.Popen[str]:
    """Start the program.

    Raises:
        ConfigurationError: If it does not start.
    """
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(f"cannot start {command[0]}: {error.strerror}") from error


@contextmanager
def _killed_after(process: subprocess.Popen[str], seconds: float) -> Iterator[None]:
    """Kill a program that is silent for too long, so that reading from it ends."""
    timer = threading.Timer(seconds, _kill, [process])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a program and what it started; one that has ended is left alone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
