"""What a comparison is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from token2metrics.errors import ConfigurationError

MAX_SHOTS = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and on how many rows every contender is fitted.

    Attributes:
        shots: Rows of each kind that a fit may see, rising.
        draws: Random draws of each number of rows.
        seed: Of the draws.
        contenders: Names in the roster.
    """

    shots: tuple[int, ...]
    draws: int
    seed: int
    contenders: tuple[str, ...]


def parse_shots(text: str) -> tuple[int, ...]:
    """Read a list such as ``1,3,5,10``.

    Returns:
        The distinct numbers, rising.

    Raises:
        ConfigurationError: If a part is not a whole number of at least one.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= MAX_SHOTS for part in parts):
        raise ConfigurationError(
            f"expected --shots to be whole numbers 1..{MAX_SHOTS} separated by commas, "
            f"such as 1,3,5,10, got {text!r}"
        )
    return tuple(sorted({int(part) for part in parts}))
