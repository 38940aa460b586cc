"""Errors of the library in the words of the command line: options in place of arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from token2metrics.errors import RequestError

SEPARATOR = ","


def option_of(argument: str) -> str:
    """Return the option that is called as an argument is."""
    return f"--{argument.replace('_', '-')}"


def names_in(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return names that are given one by one, or several with commas between."""
    return tuple(name.strip() for part in given or () for name in part.split(SEPARATOR))


MONEY_OPTIONS = {
    name: option_of(name) for name in ("price_per_kwh", "device_price", "lifetime_years")
}
"""Options that prices are made of."""


@contextmanager
def naming_options(options: Mapping[str, str]) -> Iterator[None]:
    """Name the options of the command where an error of the library names its arguments.

    Args:
        options: Options by what the library calls them, whole words.

    Raises:
        RequestError: The same one, in other words.
    """
    try:
        yield
    except RequestError as error:
        named = "|".join(re.escape(name) for name in sorted(options, key=len, reverse=True))
        words = re.sub(rf"(?<![\w-])({named})(?![\w-])", lambda m: options[m[1]], str(error))
        raise RequestError(words) from error
