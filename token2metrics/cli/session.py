"""What every command is given: where to write, and how the program runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.logging import RichHandler

from token2metrics.files import Jsonable, legible_json

if TYPE_CHECKING:
    from token2metrics.settings import Settings

PACKAGE_LOGGER = "token2metrics"


@dataclass
class Session:
    """One run of the program.

    Attributes:
        console: Results, on standard output.
        errors: Messages and progress, on standard error.
        verbose: Whether every message is wanted.
    """

    console: Console
    errors: Console
    verbose: bool

    @cached_property
    def settings(self) -> Settings:
        """The runtime settings, read when first needed; they set the level of the log."""
        from token2metrics.settings import load_settings

        settings = load_settings()
        if not self.verbose:
            logging.getLogger(PACKAGE_LOGGER).setLevel(settings.log_level.upper())
        return settings

    def directory(self, given: Path | None) -> Path:
        """Return the artifact directory: as given, else that of the settings."""
        return self.settings.output if given is None else given

    def show_json(self, result: Jsonable) -> None:
        """Write a result as JSON, and nothing else, to standard output."""
        self.console.out(legible_json(result).decode(), highlight=False)


def open_session(verbose: bool) -> Session:
    """Set up consoles and logging.

    Args:
        verbose: Whether every message is logged.
    """
    session = Session(Console(), Console(stderr=True), verbose)
    logger = logging.getLogger(PACKAGE_LOGGER)
    handler = RichHandler(console=session.errors, show_path=False, show_time=False)
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
    return session


def session_of(context: typer.Context) -> Session:
    """Return the session of a command."""
    session: Session = context.obj
    return session
