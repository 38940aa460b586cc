"""The values of options, read in plain Python.

Typer reads them by pydantic, whose import takes longer than all that ``predict`` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin

import typer

NUMBERS: dict[type, str] = {int: "a whole number", float: "a number"}
"""The numbers that options take, and what errors call them."""


class Option(Protocol):
    """What has to be known of an option or argument to read it."""

    min: float | None
    max: float | None


class PlainValue:
    """Reads strings, numbers, paths and choices, or lists of one of them."""

    def __init__(self, annotation: Any) -> None:
        """Take the type of an option, in the annotations of its command.

        Args:
            annotation: A type, or a list of one; never a union.
        """
        self.several = get_origin(annotation) is list
        self.kind: Any = get_args(annotation)[0] if self.several else annotation

    @property
    def is_known(self) -> bool:
        """Whether values of the type are read here."""
        return isinstance(self.kind, type) and issubclass(
            self.kind, str | int | float | Path | Enum
        )

    def coerce(self, value: Any, param: Option, ctx: typer.Context) -> Any:
        """Return the value of an option; Typer asks for it by this name.

        Args:
            value: What was given, or the default; None for neither.
            param: The option.
            ctx: The run of the command.

        Raises:
            BadParameter: If it is none of the type.
        """
        try:
            if self.several:
                given: Sequence[Any] = () if value is None else value
                return tuple(self._read(one, param) for one in given)
            return None if value is None else self._read(value, param)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from error  # type: ignore

    def _read(self, value: Any, option: Option) -> Any:
        """Return one value."""
        if self.kind in NUMBERS:
            return self._number(value, option)
        if issubclass(self.kind, Enum):
            return self._choice(value)
        return _readable(Path(value)) if issubclass(self.kind, Path) else self.kind(value)

    def _number(self, value: Any, option: Option) -> float:
        """Return a number in the range of its option."""
        try:
            number: float = self.kind(value)
        except ValueError:
            raise ValueError(f"expected {NUMBERS[self.kind]}, got {value!r}") from None
        if option.min is not None and not number >= option.min:
            raise ValueError(f"expected at least {option.min:,}, got {value}")
        if option.max is not None and not number <= option.max:
            raise ValueError(f"expected at most {option.max:,}, got {value}")
        return number

    def _choice(self, value: Any) -> Any:
        """Return the choice that is written so."""
        try:
            return self.kind(value)
        except ValueError:
            known = ", ".join(str(one.value) for one in self.kind)
            raise ValueError(f"expected one of {known}, got {value!r}") from None


def _readable(path: Path) -> Path:
    """Refuse a path that no file can have, or to something that may not be read."""
    try:
        there = path.exists()
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"expected a path to a file, got {str(path)!r}: {reason}") from error
    if there and not os.access(path, os.R_OK):
        raise ValueError(f"expected a path that may be read, got {str(path)!r}")
    return path


def read_plainly(options: Iterable[Any]) -> None:
    """Have options of Typer's read in plain Python, where their type is known here.

    Typer keeps the reader of an option in ``_runtime_param``; where it finds none it makes its own.

    Args:
        options: Options and arguments of a command.
    """
    for option in options:
        reader = PlainValue(option.type_descriptor.annotation)
        if reader.is_known:
            option._runtime_param = reader
