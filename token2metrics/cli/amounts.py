"""Amounts that options take: those that mean nothing are refused by the name of their option."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from token2metrics.cli.option_names import option_of
from token2metrics.errors import RequestError

LARGEST_AMOUNT = 1e12
"""Far above any seconds, joules, watts or money of edge devices; results stay legible below."""

SMALLEST_AMOUNT = 1e-12
"""Far below them; amounts that mean something at 0 may be 0."""


def check_amounts(given: Mapping[str, object], names: Collection[str]) -> None:
    """Refuse amounts whose results nobody can read.

    Args:
        given: Values of the command's parameters by name. Whether one may be 0 or negative is for
            the library to say.
        names: Which of them are amounts.

    Raises:
        RequestError: If one is absurdly large or small.
    """
    for name in names:
        amount = given[name]
        if not isinstance(amount, float):
            continue
        if amount > LARGEST_AMOUNT or 0.0 < amount < SMALLEST_AMOUNT:
            raise RequestError(
                f"expected {option_of(name)} to be between {SMALLEST_AMOUNT:g} and "
                f"{LARGEST_AMOUNT:g}, got {amount:g}"
            )
