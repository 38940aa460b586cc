"""Power logs of any known format: each module of this package is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from inspect import getmembers, isabstract, isclass
from pathlib import Path
from pkgutil import iter_modules

from token2metrics.errors import DataError
from token2metrics.power.logs.encoding import encoding_of
from token2metrics.power.logs.log import (
    ClockKind,
    EnergyWindow,
    PowerLog,
    PowerLogFormat,
    ReadOptions,
)

__all__ = [
    "ClockKind",
    "EnergyWindow",
    "PowerLog",
    "PowerLogFormat",
    "ReadOptions",
    "known_formats",
    "read_power_log",
    "recognise",
]

HEAD_CHARACTERS = 20_000
AS_IT_IS = ReadOptions()


@cache
def known_formats() -> Sequence[PowerLogFormat]:
    """Return one of each format found in this package's modules, last resorts at the end."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    kinds = {
        kind
        for module in modules
        for _, kind in getmembers(module, isclass)
        if issubclass(kind, PowerLogFormat) and not isabstract(kind)
    }
    return sorted((kind() for kind in kinds), key=lambda one: (one.is_last_resort, one.name))


def recognise(text: str) -> PowerLogFormat | None:
    """Return the format of a power log by its text; None where it is none."""
    head = text[:HEAD_CHARACTERS]
    return next((known for known in known_formats() if known.recognises(head)), None)


def read_power_log(
    path: Path, options: ReadOptions = AS_IT_IS, is_growing: bool = False
) -> PowerLog:
    """Read a power log.

    Args:
        path: The file.
        options: What the log may leave unsaid.
        is_growing: Whether a program still writes it: a last line without an end is left out.

    Raises:
        DataError: If the file is missing, of no known format, or holds nothing to use.
    """
    text = read_text(path)
    if is_growing:
        text = text[: text.rfind("\n") + 1]
    known = recognise(text)
    if known is None:
        formats = "; ".join(f"{one.name}: {one.looks_for}" for one in known_formats())
        raise DataError(f"expected {path} to be a power log of a known format: {formats}")
    return known.read(path, text, options)


def read_text(path: Path) -> str:
    """Return a text file, whatever its encoding; what is no text in it is replaced.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return content.decode(encoding_of(content), errors="replace")
