"""Straight to the endpoint, or to the framework: the same answers, with fewer layers between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from token2metrics.service.http.answering import send_json
from token2metrics.service.http.asgi import Message, Receive, Scope, Send
from token2metrics.service.layers.direct import Direct

NOTHING: Message = {"type": "http.request", "body": b"", "more_body": False}


class Endpoint:
    """Answers, and says whether the framework had the request in its hands before."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await send_json(send, {"framework": int("router" in scope)})


APP = FastAPI(
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    routes=[
        Route("/fixed", Endpoint(), methods=["POST"]),
        Route("/open/{name}", Endpoint(), methods=["GET"]),
    ],
)


def asked(app: Any, method: str, path: str) -> list[Message]:
    """Ask an application, and return what it sent."""
    sent: list[Message] = []
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}

    async def receive() -> Message:
        return NOTHING

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", "/fixed", 200, b'{"framework":0}'),
        ("GET", "/open/door", 200, b'{"framework":1}'),
        ("GET", "/fixed", 405, None),
        ("POST", "/fixed/", None, None),
        ("POST", "/nowhere", 404, None),
        ("GET", "/open/{name}", 200, b'{"framework":1}'),
    ],
)
def test_only_fixed_addresses_are_passed_on(
    method: str, path: str, status: int | None, body: bytes | None
) -> None:
    """Everything else is the framework's, whose answer is the one it gives alone."""
    sent = asked(Direct(APP), method, path)
    alone = asked(APP, method, path)
    assert sent[0]["status"] == alone[0]["status"]
    assert status in (None, sent[0]["status"])
    assert body in (None, sent[1]["body"])


def test_start_and_end_reach_the_framework() -> None:
    """What runs beside the answers is started by it."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    direct = Direct(APP)
    direct._app = app  # type: ignore[assignment]
    asyncio.run(direct({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
