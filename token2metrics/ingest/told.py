"""What a file tells, checked: fields by name, numbers finite and not negative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from token2metrics.ingest.reader import UnusableError
from token2metrics.vocabulary import MAX_TOKENS

LARGEST = 1e24
"""More than nanoseconds since 1970, and finite whatever it is multiplied by."""

Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
"""Tokens, requests or repeats."""

Amount = Annotated[float, Meta(ge=0, le=LARGEST)]
"""A finite quantity of time, energy or tokens."""

Told = TypeVar("Told")


class Fields(msgspec.Struct, frozen=True):
    """Fields that a reader takes from an object by name; all others are passed over."""


def named(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return the cells of a CSV line by the names of their columns; blank ones are left out.

    Raises:
        UnusableError: If the line has more or fewer cells than the header, so that a cell may
            belong to another column than the one above it.
    """
    if len(cells) != len(header):
        raise UnusableError(
            f"expected {len(header)} cells as the header has, got {len(cells)}, so no cell can be "
            "told to belong to its column"
        )
    return {name: cell for name, cell in zip(header, cells, strict=True) if cell.strip()}


def told(value: object, kind: type[Told]) -> Told:
    """Return a value as what it should be; a number may be written as text.

    Args:
        value: What the file holds.
        kind: What it should be.

    Raises:
        UnusableError: If it is something else.
    """
    result: Any = value
    try:
        return msgspec.convert(result, kind, strict=False)
    except msgspec.ValidationError as error:
        words = str(error)
        raise UnusableError(words[:1].lower() + words[1:]) from error
