"""What no request can ask for."""

from __future__ import annotations

from collections.abc import Collection

from token2metrics.errors import RequestError
from token2metrics.parallel import SINGLE
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS


def check_tokens(name: str, count: int) -> None:
    """Refuse token counts no request can have.

    Raises:
        RequestError: If the count is not a whole number between 0 and ten million.
    """
    if type(count) is not int or not 0 <= count <= MAX_TOKENS:
        raise RequestError(f"expected {name} to be a whole number 0..{MAX_TOKENS}, got {count!r}")


def check_parallel(parallel: int) -> None:
    """Refuse numbers of answers that no request can have.

    Raises:
        RequestError: If it is not a whole number between 1 and ten thousand.
    """
    if type(parallel) is not int or not SINGLE <= parallel <= MAX_PARALLEL:
        raise RequestError(
            f"expected parallel to be a whole number {SINGLE}..{MAX_PARALLEL}, got {parallel!r}"
        )


def check_quantities(names: Collection[str]) -> None:
    """Refuse names that nothing predicted has.

    Raises:
        RequestError: If there is one, or there are none at all.
    """
    unknown = [name for name in names if name not in QUANTITIES]
    if unknown or not names:
        got = repr(unknown[0]) if unknown else "nothing"
        raise RequestError(f"expected quantities among {', '.join(QUANTITIES)}; got {got}")
