"""Read bodies: strictly, and telling all that is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import GenericAlias
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from token2metrics.service.http.asgi import DISCONNECT, Receive, Scope
from token2metrics.service.http.problems import (
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    ProblemError,
    Wrong,
    shortened,
)

JSON = b"application/json"
CONTENT_TYPE, CONTENT_ENCODING, IDENTITY = b"content-type", b"content-encoding", b"identity"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

PLACE = re.compile(r"(?P<words>.*?) - at (?:`key` in )?`\$(?P<path>.*)`", re.DOTALL)
"""What msgspec says, and where."""

STEP = re.compile(r"\.(?P<field>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")
ROOT = "#"

One = TypeVar("One")
Anything = Any
ANNOTATED: Anything = Annotated
"""Types made at run time, which no annotation can name."""


class DisconnectedError(Exception):
    """The client left before its body was whole; nobody waits for an answer."""


def one_or_many(one: type[One], most: int) -> Anything:
    """Return the type of a body that holds a request, or an array of some.

    Args:
        one: Type of a request.
        most: Length of the longest array.
    """
    several = ANNOTATED[GenericAlias(tuple, (one, ...)), Meta(min_length=1, max_length=most)]
    return one | several


class BodyReader(Generic[One]):
    """Reads bodies of one type; the schema is made of the same type.

    Args:
        one: Type of a request.
        most: Requests in the longest body of many.
    """

    def __init__(self, one: type[One], most: int) -> None:
        self._whole = one_or_many(one, most)
        self._decode = msgspec.json.Decoder(self._whole).decode
        self._one = one
        self._most = most

    def __call__(self, body: bytes) -> One | tuple[One, ...]:
        """Read a body.

        Raises:
            ProblemError: If it is not JSON, or does not fit the schema.
        """
        try:
            decoded: One | tuple[One, ...] = self._decode(body)
        except msgspec.ValidationError:
            return self._read_slowly(body)
        except UNREADABLE as error:
            raise _malformed(error) from None
        return decoded

    def _read_slowly(self, body: bytes) -> One | tuple[One, ...]:
        """Read a body whose whole numbers may be written as 5.0, which is the same in JSON Schema.

        Raises:
            ProblemError: If it is not JSON, or does not fit the schema.
        """
        try:
            value = msgspec.json.decode(body)
            if not self._is_too_long(value):
                value = _with_whole_numbers(value)
        except UNREADABLE as error:
            raise _malformed(error) from None
        try:
            decoded: One | tuple[One, ...] = msgspec.convert(value, self._whole)
        except msgspec.ValidationError as error:
            raise self._refusal(value, error) from None
        return decoded

    def _refusal(self, value: Anything, error: msgspec.ValidationError) -> ProblemError:
        """Return what is wrong with a body: in an array of requests, with each of them."""
        is_told_each = isinstance(value, list) and not self._is_too_long(value)
        wrong = self._each_wrong(value) if is_told_each else []
        if not wrong:
            found = _wrong(error)
            return ProblemError(INVALID, f"{found.detail}, at {found.pointer}", [found])
        told = f"{len(wrong):,} of {len(value):,} requests do not fit the schema, so none was"
        return ProblemError(INVALID, f"{told} answered; see errors", wrong)

    def _is_too_long(self, value: Anything) -> bool:
        """Return whether a body is an array that is refused for its length alone.

        Its parts are not looked at: a million of them would keep everybody else waiting.
        """
        return isinstance(value, list) and len(value) > self._most

    def _each_wrong(self, values: Sequence[Anything]) -> list[Wrong]:
        """Return what is wrong with each request of an array."""
        wrong = []
        for index, value in enumerate(values):
            try:
                msgspec.convert(value, self._one)
            except msgspec.ValidationError as error:
                wrong.append(_wrong(error, index))
        return wrong


def _with_whole_numbers(value: Anything) -> Anything:
    """Return JSON with integers in place of equal numbers that are written with a point."""
    if isinstance(value, list):
        return [_with_whole_numbers(one) for one in value]
    if isinstance(value, dict):
        return {key: _with_whole_numbers(one) for key, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Take in a JSON body.

    Raises:
        ProblemError: If it is said to be of another kind.
        DisconnectedError: If the client leaves.
    """
    _check_kind(scope)
    message = await receive()
    body: bytes = message.get("body", b"")
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    if message["type"] == DISCONNECT:
        raise DisconnectedError
    return body if len(parts) == 1 else b"".join(parts)


def _check_kind(scope: Scope) -> None:
    """Refuse bodies that are said to be something other than plain JSON."""
    kind = encoding = b""
    for name, value in scope["headers"]:
        if name == CONTENT_TYPE:
            kind = value
        elif name == CONTENT_ENCODING:
            encoding = value
    if kind != JSON and kind.split(b";")[0].strip().lower() != JSON:
        got = repr(kind.decode("latin-1")) if kind else "none"
        raise ProblemError(MEDIA_TYPE, f"expected the content type application/json, got {got}")
    if encoding and encoding.strip().lower() != IDENTITY:
        got = repr(encoding.decode("latin-1"))
        raise ProblemError(MEDIA_TYPE, f"expected no content encoding, got {got}")


def _malformed(error: Exception) -> ProblemError:
    """Return that a body is no JSON."""
    return ProblemError(MALFORMED, f"expected JSON in UTF-8, got: {error}")


def _wrong(error: msgspec.ValidationError, index: int | None = None) -> Wrong:
    """Return what a decoder says, with the place as a pointer into the body."""
    told = str(error)
    match = PLACE.fullmatch(told)
    words, path = (told, "") if match is None else (match["words"], match["path"])
    steps = [step["field"] or step["index"] for step in STEP.finditer(path)]
    start = [] if index is None else [str(index)]
    return Wrong(
        pointer="/".join([ROOT, *start, *steps]),
        detail=shortened(words[:1].lower() + words[1:]),
        index=index,
    )
