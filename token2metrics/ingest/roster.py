"""Every known format, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from token2metrics.errors import DataError
from token2metrics.ingest import readers
from token2metrics.ingest.reader import Reader
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.power.logs import recognise as recognise_power_log

READER = "READER"
NO_KNOWN_FORMAT = "of no known format"


@cache
def known_readers() -> Sequence[Reader]:
    """Return the ``READER`` of every module in ``ingest.readers``, by name."""
    names = (found.name for found in iter_modules(readers.__path__))
    modules = [import_module(f"{readers.__name__}.{name}") for name in names]
    found = [reader for module in modules if isinstance(reader := getattr(module, READER), Reader)]
    return sorted(found, key=lambda reader: reader.name.casefold())


def recognise(file: Sniffed) -> Reader:
    """Return the reader of a file.

    Raises:
        DataError: If no tool is known to write such a file, or only a meter.
    """
    for reader in known_readers():
        if reader.recognises(file):
            return reader
    if (log := recognise_power_log(file.text)) is not None:
        raise DataError(
            f"{file.path} is a power log ({log.name}): it tells power over time and no tokens; "
            "give it by --power-log beside the files of a benchmark"
        )
    if file.damage and not file.documents:
        damage = file.damage[0]
        raise DataError(
            f"{file.path} begins like JSON and is damaged, {damage.where}: {damage.reason}; "
            "export it again"
        )
    raise DataError(f"{file.path} is {NO_KNOWN_FORMAT}")


def looked_for() -> tuple[str, ...]:
    """Return what each known format is recognised by, for a file that is none of them."""
    return tuple(f"{reader.name}: {reader.looks_for}" for reader in known_readers())
