"""The log of the program, on the console of messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PACKAGE_LOGGER = "token2metrics"


class ConsoleLog(logging.Handler):
    """Shows messages; the console is made for the first of them."""

    def __init__(self, console: Callable[[], Console]) -> None:
        """Take every level; the logger chooses.

        Args:
            console: Returns where messages go.
        """
        super().__init__()
        self._console = console

    @cached_property
    def _shown(self) -> logging.Handler:
        """The handler that writes."""
        from rich.logging import RichHandler

        return RichHandler(console=self._console(), show_path=False, show_time=False)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        self._shown.emit(record)


def open_log(console: Callable[[], Console], level: str) -> None:
    """Log the messages of the package, in place of any earlier log.

    Args:
        console: Returns where messages go.
        level: Least severe messages that are shown.
    """
    logger = logging.getLogger(PACKAGE_LOGGER)
    logger.handlers = [ConsoleLog(console)]
    set_level(level)


def set_level(level: str) -> None:
    """Choose the least severe messages that are shown."""
    logging.getLogger(PACKAGE_LOGGER).setLevel(level.upper())
