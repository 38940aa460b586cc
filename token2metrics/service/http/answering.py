"""Send answers over ASGI."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from token2metrics.service.http.asgi import BODY, START, Header, Send
from token2metrics.service.http.problems import CONTENT_TYPE, ProblemError

JSON = b"application/json"
OK = 200
ENCODE = msgspec.json.Encoder().encode


async def send_json(send: Send, answer: object) -> None:
    """Send an answer as JSON.

    Args:
        send: Takes messages to the client.
        answer: Structs, or what is made of them.
    """
    await send_content(send, OK, JSON, ENCODE(answer))


async def send_problem(send: Send, error: ProblemError) -> None:
    """Send why a request is not answered."""
    content = ENCODE(error.problem)
    await send_content(send, error.problem.status, CONTENT_TYPE, content, error.headers)


async def send_content(
    send: Send, status: int, kind: bytes, content: bytes, headers: Sequence[Header] = ()
) -> None:
    """Send an answer.

    Args:
        send: Takes messages to the client.
        status: HTTP status.
        kind: Content type.
        content: The body.
        headers: Further headers.
    """
    length = str(len(content)).encode()
    every = [(b"content-type", kind), (b"content-length", length), *headers]
    await send({"type": START, "status": status, "headers": every})
    await send({"type": BODY, "body": content})
