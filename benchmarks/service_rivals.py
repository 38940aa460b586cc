"""What the service is compared with, each a server of its own that ``service_speed`` starts.

- ``ready-made bytes``: the same server reads the same request and sends the bytes of one answer
  that lie ready, without a framework. No service on this server can answer more.
- ``FastAPI, pydantic``: the same predictor behind FastAPI as its documentation shows it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from token2metrics.prediction.predictor import Predictor

READY, FRAMEWORK = "ready-made bytes", "FastAPI, pydantic"
PATH = "/v1/predict"
REQUEST = (512, 128)
HTTP = "http"
HEADERS = [(b"content-type", b"application/json")]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]


class Wanted(BaseModel):
    """A request as FastAPI reads it."""

    input_tokens: int
    output_tokens: int
    model: str | None = None


class ReadyMade:
    """Answers everything with the same bytes.

    Args:
        answer: The bytes.
    """

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._headers = [*HEADERS, (b"content-length", str(len(answer)).encode())]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read a request to its end and answer."""
        if scope["type"] != HTTP:
            return
        while (await receive()).get("more_body"):
            continue
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._answer})


def framework(predictor: Predictor) -> FastAPI:
    """Return a service as FastAPI's documentation shows it."""
    app = FastAPI()

    @app.post(PATH)
    async def predict(wanted: Wanted) -> dict[str, Any]:
        """Price a request."""
        found = predictor(wanted.input_tokens, wanted.output_tokens, wanted.model)
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told

    return app


def main(
    name: Annotated[str, typer.Argument(help=f"{READY!r} or {FRAMEWORK!r}.")],
    artifact: Annotated[Path, typer.Argument(help="A trained artifact.")],
    model: Annotated[str, typer.Option(help="Whose answer lies ready.")],
    port: Annotated[int, typer.Option(help="Where to listen on loopback.")],
) -> None:
    """Serve until the process is ended."""
    predictor = Predictor.load(artifact)
    ready = ReadyMade(msgspec.json.encode(predictor(*REQUEST, model)))
    apps: dict[str, Application] = {READY: ready, FRAMEWORK: framework(predictor)}
    app = apps[name]
    uvicorn.run(
        app, port=port, access_log=False, log_level="warning", loop="uvloop", lifespan="off"
    )


if __name__ == "__main__":
    typer.run(main)
