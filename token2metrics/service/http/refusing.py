"""Kinds of problem beside those of the application, and problems of what never gets that far."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from token2metrics.service.http.asgi import Header
from token2metrics.service.http.problems import CONTENT_TYPE, Kind, ProblemError

NOT_HTTP = Kind("not-http", 400, "This is not HTTP", "Send requests of HTTP/1.1.")
SLOW_HEAD = Kind("slow-headers", 408, "The headers did not come in time", "Send them at once.")
MISDIRECTED = Kind(
    "misdirected",
    421,
    "The service is asked for by another name",
    "Ask for it as localhost or 127.0.0.1; a service for other computers needs a token.",
)
LONG_HEAD = Kind("long-headers", 431, "The headers are too long", "Send fewer, or shorter ones.")
BUSY = Kind("busy", 503, "The service has too much to do", "Wait a second, then ask again.")
UNSAVED = Kind(
    "unsaved", 503, "What was observed cannot be kept", "Send the batch again, under its key."
)

CLOSING: tuple[Header, ...] = ((b"connection", b"close"),)
"""Closes the connection where the rest of a request is not read."""

SOON: tuple[Header, ...] = ((b"retry-after", b"1"),)
"""Says that asking again makes sense."""


def refusal_bytes(error: ProblemError) -> bytes:
    """Return a whole answer as it goes over the wire, for what never becomes a request."""
    body = msgspec.json.encode(error.problem)
    status = HTTPStatus(error.problem.status)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"content-type: {CONTENT_TYPE.decode()}\r\n"
        f"content-length: {len(body)}\r\n"
        "cache-control: no-store\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body
