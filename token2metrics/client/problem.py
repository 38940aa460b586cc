"""What a client reads of an error, from this version of the service or another."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from token2metrics.service.http.problems import Wrong

NO_DETAIL = "it does not say why"


class Problem(msgspec.Struct, frozen=True):
    """What a client reads of an error (RFC 9457).

    Attributes:
        detail: What is wrong with this request.
        title: What kind of problem it is.
        errors: What is wrong, one by one.
    """

    detail: str | None = None
    title: str | None = None
    errors: tuple[Wrong, ...] = ()

    @property
    def words(self) -> str:
        """All of it but the further errors."""
        told = ": ".join(filter(None, (self.title, self.detail))) or NO_DETAIL
        first = next((one for one in self.errors if one.index is not None), None)
        return told if first is None else f"{told}; request {first.index}: {first.detail}"

    def among(self, first: int) -> Problem:
        """Return it with the places of requests among all that are asked.

        Args:
            first: Place of the body's first request.
        """
        moved = (
            one if one.index is None else replace(one, index=first + one.index)
            for one in self.errors
        )
        return replace(self, errors=tuple(moved))


def read_problem(content: bytes) -> Problem | None:
    """Read an error; None where it is of no known form."""
    try:
        return msgspec.json.decode(content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
