"""Ask an application without a server: what goes in and comes out over ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from token2metrics.service.http.asgi import Application, Header, Message, Scope

JSON: tuple[Header, ...] = ((b"content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Heard:
    """What an application answered.

    Attributes:
        status: HTTP status; 0 where it did not answer.
        headers: By name.
        content: Body.
    """

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.content)


def asked(
    app: Application,
    path: str,
    body: object = None,
    headers: Sequence[Header] = JSON,
    method: str | None = None,
    chunks: int = 1,
) -> Heard:
    """Ask once; a body is sent as JSON unless it is bytes.

    Args:
        app: Answers.
        path: Where.
        body: What is sent; None asks with GET.
        headers: Of the request.
        method: How; by default as the body says.
        chunks: In how many parts the body arrives.
    """
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    size = max(1, -(-len(content) // chunks))
    parts = [content[start : start + size] for start in range(0, len(content), size)] or [b""]
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": place < len(parts) - 1}
        for place, part in enumerate(parts)
    ]
    how = method or ("GET" if body is None else "POST")
    return exchanged(app, scope_of(how, path, headers), messages)


def scope_of(method: str, path: str, headers: Sequence[Header] = ()) -> Scope:
    """Return what a server tells of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), *headers],
        "server": ("localhost", 80),
        "client": ("localhost", 1),
        "state": {},
    }


def exchanged(app: Application, scope: Scope, messages: Iterable[Message]) -> Heard:
    """Send messages to an application, and return what it answers."""
    waiting = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return _heard(sent)


def _heard(sent: Sequence[Message]) -> Heard:
    """Put an answer together, and check that it keeps to ASGI."""
    if not sent:
        return Heard(0, {}, b"")
    start, *rest = sent
    assert start["type"] == "http.response.start"
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    content = b"".join(part["body"] for part in rest)
    assert int(headers["content-length"]) == len(content)
    return Heard(start["status"], headers, content)
