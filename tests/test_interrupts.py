"""Ctrl-C ends a stream between two of its items."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

from token2metrics.cli.interrupts import Interrupts


def interrupt() -> None:
    """Send this process the signal of Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_an_item_being_worked_on_is_finished() -> None:
    """The signal is kept until the next item is asked for."""
    done = []
    with Interrupts() as interrupts:
        for item in interrupts.until_interrupted(range(10)):
            if item == 3:
                interrupt()
            done.append(item)
    assert done == [0, 1, 2, 3]


def test_waiting_is_broken_off() -> None:
    """A stream that nothing comes from ends at once."""

    def stream() -> Iterator[int]:
        yield 1
        interrupt()
        yield 2

    with Interrupts() as interrupts:
        assert list(interrupts.until_interrupted(stream())) == [1]


def test_the_signal_is_given_back() -> None:
    """A stream that ends by itself leaves everything as it was."""
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert list(interrupts.until_interrupted("ab")) == ["a", "b"]
    assert signal.getsignal(signal.SIGINT) is before
