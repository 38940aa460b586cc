"""The shapes of ASGI, which middlewares and servers speak."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

HTTP = "http"
START, BODY, REQUEST, DISCONNECT = (
    "http.response.start",
    "http.response.body",
    "http.request",
    "http.disconnect",
)


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of a name, which is in lower case; None without one."""
    for found, value in scope["headers"]:
        if found == name:
            result: bytes = value
            return result
    return None
