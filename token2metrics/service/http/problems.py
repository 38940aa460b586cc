"""Errors as a program reads them: problem details for HTTP (RFC 9457)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from token2metrics.prediction.result import Result
from token2metrics.service.http.asgi import Header

CONTENT_TYPE = b"application/problem+json"
TYPES = "/problems/"
"""Where the kinds of problem are explained."""

MOST_LETTERS = 500
"""Longer words repeat what was sent, which whoever sent it knows."""

MOST_WRONG = 100
"""So many errors of one body are told one by one."""

ELLIPSIS = "..."
OPTION = re.compile(r"--([a-z][a-z-]*)(?: (?:NAME|FILE))?")
"""An option of the command line, in the words of an error."""

FIELD_OF_OPTION = {"quality": "qualities"}
"""Fields of a body that are called differently from the option."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem.

    Attributes:
        name: Last part of its address.
        status: HTTP status.
        title: What is wrong, the same for each of the kind.
        advice: What whoever asked can do.
    """

    name: str
    status: int
    title: str
    advice: str

    @property
    def address(self) -> str:
        """Where the kind is explained, relative to the service."""
        return f"{TYPES}{self.name}"


MALFORMED = Kind("malformed-body", 400, "The body is not JSON", "Send a JSON document in UTF-8.")
UNAUTHORIZED = Kind(
    "unauthorized",
    401,
    "A token is needed",
    "Send the header 'Authorization: Bearer TOKEN' with the token the service was started with.",
)
NOT_FOUND = Kind(
    "not-found", 404, "Nothing is here", "See /openapi.json for the addresses there are."
)
METHOD = Kind(
    "method-not-allowed",
    405,
    "The address is asked with another method",
    "Use a method of the header Allow.",
)
SLOW_BODY = Kind("slow-body", 408, "The body did not come in time", "Send it at once.")
KEY_REUSED = Kind(
    "key-reused", 409, "The key belongs to another body", "Take a new key for a new body."
)
TOO_LARGE = Kind("too-large", 413, "The body is too large", "Send several smaller ones.")
MEDIA_TYPE = Kind(
    "unsupported-media-type",
    415,
    "The body is of another kind",
    "Send application/json, without a content encoding.",
)
INVALID = Kind(
    "invalid-body",
    422,
    "The body does not fit its schema",
    "See /openapi.json for the schema; 'errors' names each place that does not fit.",
)
UNANSWERABLE = Kind(
    "unanswerable",
    422,
    "Nothing trained can answer this",
    "Ask /v1/models what is known; 'errors' names each request that cannot be answered.",
)
FAILED = Kind(
    "failed", 500, "The service failed", "Ask again; whoever runs it finds why in its log."
)
TOO_SLOW = Kind("too-slow", 503, "The answer took too long", "Ask for less at once.")


class Wrong(Result, frozen=True, omit_defaults=True):
    """One thing that is wrong with a body.

    Attributes:
        pointer: Where, as a JSON pointer into the body.
        detail: What was expected, and what came.
        index: Place of the request in a body of many, from 0; left out in a body of one.
    """

    pointer: str
    detail: str
    index: int | None = None


class Problem(Result, frozen=True, omit_defaults=True):
    """Why a request was not answered (RFC 9457).

    Attributes:
        type: Address of the kind of problem, relative to the service.
        title: The kind in words.
        status: HTTP status.
        detail: What was expected, what came, and what to do.
        errors: Each thing that is wrong with the body, the first hundred of them.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Wrong, ...] = ()


class ProblemError(Exception):
    """A request is not answered; raised and caught within the service.

    Args:
        kind: The kind of problem.
        detail: What is wrong with this request; empty for the advice of the kind.
        errors: Each thing that is wrong with the body.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        errors: Sequence[Wrong] = (),
        headers: Sequence[Header] = (),
    ) -> None:
        super().__init__(detail)
        self.headers = tuple(headers)
        self.problem = Problem(
            type=kind.address,
            title=kind.title,
            status=kind.status,
            detail=shortened(detail) or kind.advice,
            errors=tuple(errors[:MOST_WRONG]),
        )


def in_fields(words: str) -> str:
    """Return the words of an error with fields of a body where they name options."""
    return OPTION.sub(lambda match: _field(match[1].replace("-", "_")), shortened(words))


def shortened(words: str) -> str:
    """Return words that do not repeat more than a little of what was sent."""
    return words if len(words) <= MOST_LETTERS else words[:MOST_LETTERS] + ELLIPSIS


def _field(name: str) -> str:
    """Return the field that an option is called in a body."""
    return FIELD_OF_OPTION.get(name, name)
