"""Rows per second and the time that is left, on standard error."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import TextColumn

from token2metrics.cli.progress import Bar

ROWS = "{task.fields[rows]:,} rows, {task.fields[speed]:,.0f} rows/s, left:"
"""What is said beside the bar."""

WHOLE_RUN_S = 600.0
"""The speed is the mean over so many seconds: partitions finish in bursts."""


class RowProgress(Bar):
    """Shows how many rows are priced, and how fast."""

    def __init__(self, console: Console) -> None:
        """Describe the bar.

        Args:
            console: Standard error.
        """
        self._console = console
        super().__init__(console, TextColumn(ROWS), WHOLE_RUN_S)
        self._task = self._progress.add_task("reading", total=None, rows=0, speed=0.0)
        self._rows = 0
        self._by_rows = True
        self._started_s = time.perf_counter()

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
