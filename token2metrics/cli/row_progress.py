"""Rows per second and the time that is left, on standard error."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

WHOLE_RUN_S = 600.0
"""The speed is the mean over so many seconds: partitions finish in bursts."""


class RowProgress:
    """Shows how many rows are priced; vanishes at the end."""

    def __init__(self, console: Console) -> None:
        """Describe the bar.

        Args:
            console: Standard error.
        """
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,.0f} rows/s, left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=WHOLE_RUN_S,
        )
        self._task = self._progress.add_task("reading", total=None, rows=0, speed=0.0)
        self._rows = 0
        self._by_rows = True
        self._started_s = time.perf_counter()

    def __enter__(self) -> RowProgress:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._progress.stop()

    def expect(self, rows: int | None, partitions: int, finished: int) -> None:
        """Learn how much is left, and say how much an earlier run had finished.

        Args:
            rows: Rows that are left; None where only reading tells.
            partitions: Partitions that are left.
            finished: Partitions that are finished.
        """
        if finished:
            whole = finished + partitions
            words = f"{finished:,} of {whole:,} partitions were finished before"
            self._console.print(words, highlight=False)
        self._by_rows = rows is not None
        self._started_s = time.perf_counter()
        total = partitions if rows is None else rows
        self._progress.update(self._task, total=total, description="scoring")

    def step(self, rows: int) -> None:
        """Learn that a partition of so many rows is done."""
        self._rows += rows
        passed_s = max(time.perf_counter() - self._started_s, 1e-9)
        self._progress.update(
            self._task,
            advance=rows if self._by_rows else 1,
            rows=self._rows,
            speed=self._rows / passed_s,
        )
