"""What every command is given: where to write, and how the program runs."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from token2metrics.files import Jsonable, legible_json
from token2metrics.given_settings import DEFAULT_OUTPUT, settings_are_given

if TYPE_CHECKING:
    from rich.console import Console

    from token2metrics.settings import Settings

EVERY_MESSAGE = "debug"
BEFORE_SETTINGS = "warning"
"""Levels of the log: of ``--verbose``, and until the settings say how much is wanted."""


class Session:
    """One run of the program; what it needs is made when first asked for."""

    def __init__(self, verbose: bool) -> None:
        """Start without consoles, settings and log.

        Args:
            verbose: Whether every message is wanted.
        """
        self._verbose = verbose
        self._logs = False

    @cached_property
    def console(self) -> Console:
        """Results, on standard output."""
        from rich.console import Console

        return Console(emoji=False)

    @cached_property
    def errors(self) -> Console:
        """Messages and progress, on standard error."""
        from rich.console import Console

        return Console(stderr=True, emoji=False)

    @cached_property
    def settings(self) -> Settings:
        """The runtime settings; they set the level of the log."""
        from token2metrics.settings import load_settings

        settings = load_settings()
        if self._logs and not self._verbose:
            from token2metrics.cli.log import set_level

            set_level(settings.log_level)
        return settings

    def open_log(self) -> None:
        """Show messages from now on."""
        from token2metrics.cli.log import open_log

        self._logs = True
        open_log(lambda: self.errors, EVERY_MESSAGE if self._verbose else BEFORE_SETTINGS)

    def directory(self, given: Path | None) -> Path:
        """Return the artifact directory: as given, else that of the settings."""
        if given is not None:
            return given
        return self.settings.output if settings_are_given() else DEFAULT_OUTPUT

    def show_json(self, result: Jsonable) -> None:
        """Write a result as JSON, and nothing else, to standard output."""
        sys.stdout.write(f"{legible_json(result).decode()}\n")
        sys.stdout.flush()


def open_session(verbose: bool) -> Session:
    """Start a run that logs.

    Args:
        verbose: Whether every message is logged.
    """
    session = Session(verbose)
    session.open_log()
    return session


def session_of(context: typer.Context) -> Session:
    """Return the session of a command."""
    session: Session = context.obj
    return session
