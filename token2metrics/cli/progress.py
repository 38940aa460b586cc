"""A progress bar on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

RECENT_S = 30.0
"""The speed of a training is that of so many seconds."""


class Bar:
    """Is drawn within a ``with`` block, where standard error is a terminal; vanishes at its end."""

    def __init__(self, console: Console, count: ProgressColumn, speed_over_s: float) -> None:
        """Describe the bar.

        Args:
            console: Standard error.
            count: What is said of how much is done.
            speed_over_s: Seconds over which the speed is a mean, to tell the time that is left.
        """
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            count,
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=speed_over_s,
        )

    def __enter__(self) -> Self:
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


class ProgressBar(Bar):
    """Shows how far a training has come and how long it will take."""

    def __init__(self, console: Console) -> None:
        """Describe the bar.

        Args:
            console: Standard error.
        """
        super().__init__(console, MofNCompleteColumn(), RECENT_S)
        self._task = self._progress.add_task("reading measurements", total=None)

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be, and draw from now on."""
        self._progress.start()
        self._progress.update(self._task, total=steps, description="fitting")

    def step(self, what: str) -> None:
        """Learn that a step is done."""
        self._progress.update(self._task, advance=1, description=what)
