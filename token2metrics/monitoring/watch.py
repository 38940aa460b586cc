"""Feed a monitor with lines as they come, and keep what it knows on the disk."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from token2metrics.errors import ConfigurationError, RequestError
from token2metrics.files import inert_text
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.reading import Line
from token2metrics.monitoring.result import Event

SAVE_EVERY = 100
"""Requests between two saves; what happens is saved at once."""

SET_ASIDE_COLUMNS = ("line", "reason", "text")

SetAside = Callable[[Line, str], None]
"""Takes a line that was set aside, and the reason."""


def nothing_more() -> None:
    """Do nothing more with a request."""


def watch(
    lines: Iterable[Line],
    monitor: Monitor,
    tell: Callable[[Event], None],
    set_aside: SetAside,
    save: Callable[[], None],
    seen: Callable[[], None] = nothing_more,
) -> None:
    """Take every line into account, one by one.

    Args:
        lines: Finished requests, and lines that are none.
        monitor: What is fed.
        tell: Takes what happens, as it happens.
        set_aside: Takes lines that could not be used.
        save: Keeps what is known; called at events, now and then, and at the end however it comes.
        seen: Called after every request.
    """
    try:
        for line in lines:
            events = _observe(line, monitor, set_aside)
            if events is None:
                continue
            seen()
            for event in events:
                tell(event)
            if events or monitor.state.requests % SAVE_EVERY == 0:
                save()
    finally:
        save()


def _observe(line: Line, monitor: Monitor, set_aside: SetAside) -> tuple[Event, ...] | None:
    """Take one line into account; None where it is set aside."""
    reason = line.reason
    if line.observation is not None:
        try:
            return monitor.observe(line.observation)
        except RequestError as error:
            reason = str(error)
    assert reason is not None
    monitor.set_aside(reason)
    set_aside(line, reason)
    return None


@contextmanager
def set_aside_file(path: Path | None) -> Iterator[SetAside]:
    """Yield where lines that were set aside go: a CSV that grows as they come, or nowhere.

    Args:
        path: The file, which is written anew; None for nowhere.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    if path is None:
        yield lambda line, reason: None
        return
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            yield _writer(file)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error


def _writer(file: TextIO) -> SetAside:
    """Return what writes a row per line, each at once."""
    table = csv.writer(file)
    table.writerow(SET_ASIDE_COLUMNS)

    def write(line: Line, reason: str) -> None:
        table.writerow((line.number, inert_text(reason), inert_text(line.text)))
        file.flush()

    return write
