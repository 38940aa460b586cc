"""Let Ctrl-C or SIGTERM end a stream between two of its lines, not while one is worked on."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what ``kill``, service managers and containers send first."""


class Interrupts:
    """Ends the streams it passes on at the first interrupt, once what came before is done."""

    def __init__(self) -> None:
        self._wanted = False
        self._waiting = False

    def __enter__(self) -> Self:
        """Take over the signals."""
        self._before = {one: signal.signal(one, self._interrupt) for one in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def until_interrupted(self, stream: Iterable[T]) -> Iterator[T]:
        """Pass a stream on, item by item."""
        items = iter(stream)
        while True:
            self._waiting = True
            try:
                if self._wanted:
                    return
                item = next(items)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield item

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Break off waiting for the next item; otherwise let the present one be finished."""
        self._wanted = True
        if self._waiting:
            raise KeyboardInterrupt
