"""What a request may take: size and depth of its body, time, and its neighbours."""

from __future__ import annotations

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.service.http.answering import send_problem
from token2metrics.service.http.asgi import (
    HTTP,
    REQUEST,
    Application,
    Message,
    Receive,
    Scope,
    Send,
    header_of,
)
from token2metrics.service.http.problems import INVALID, TOO_LARGE, ProblemError
from token2metrics.service.http.refusing import BUSY, CLOSING, SOON
from token2metrics.service.layers.auth import OPEN_PATHS
from token2metrics.service.layers.nesting import is_nested_deeper

MOST_ARRIVING = 32
"""So many of the largest bodies may be on their way at a time, or the more of smaller ones."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one process.

    Attributes:
        max_body_bytes: Size of a body.
        max_depth: How deeply arrays and objects of a body may be nested.
        max_head_bytes: Size of the first line and the headers of a request.
        max_time_s: Seconds within which a request has to arrive, first its headers, then its body;
            those that its answer may take; and those that a client may leave it unread.
        max_running: Requests that are answered at a time.
        max_connections: Connections at a time.

    Raises:
        ConfigurationError: If a limit is not above 0.
    """

    max_body_bytes: int = 2_000_000
    max_depth: int = 16
    max_head_bytes: int = 16_384
    max_time_s: float = 10.0
    max_running: int = 256
    max_connections: int = 1_000

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through."""
        for name, value in msgspec.structs.asdict(self).items():
            if not 0 < value < float("inf"):
                option = f"--{name.replace('_', '-')}"
                raise ConfigurationError(f"expected {option} above 0, got {value!r}")


class Limited:
    """Reads bodies within limits, and only then asks the application.

    Who sends too slowly, or waits too long, is cut off by ``connections``.

    Args:
        app: Answers requests; finds their whole body at once.
        limits: What a request may take.
    """

    def __init__(self, app: Application, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._running = 0
        self._arriving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != HTTP:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(scope, receive)
            self._check_running(scope)
        except ProblemError as error:
            await send_problem(send, error)
            return
        if body is None:
            return
        self._running += 1
        try:
            await self._app(scope, Replayed(body, receive).receive, send)
        finally:
            self._running -= 1

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body; None where the client went away.

        Raises:
            ProblemError: If it is too large or too deep, or too many others are on their way.
        """
        message = await receive()
        if message.get("more_body"):
            self._check_size(int(header_of(scope, b"content-length") or 0))
        body = await self._whole(message, receive)
        if body is not None and is_nested_deeper(body, self._limits.max_depth):
            detail = f"expected arrays and objects at most {self._limits.max_depth} deep, got more"
            raise ProblemError(INVALID, detail)
        return body

    async def _whole(self, message: Message, receive: Receive) -> bytes | None:
        """Return a body from its first part on; None where the client went away.

        Raises:
            ProblemError: If it is too large, or too many others are on their way.
        """
        parts: list[bytes] = []
        size = 0
        try:
            while message["type"] == REQUEST:
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._arriving_bytes += len(parts[-1])
                self._check_size(size)
                self._check_arriving()
                if not message.get("more_body"):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._arriving_bytes -= size
        return None

    def _check_size(self, size: int) -> None:
        """Refuse a body that is too large.

        Raises:
            ProblemError: If it is.
        """
        if size > self._limits.max_body_bytes:
            most = f"{self._limits.max_body_bytes:,} bytes"
            detail = f"expected a body of at most {most}, got more; send several"
            raise ProblemError(TOO_LARGE, detail, headers=CLOSING)

    def _check_arriving(self) -> None:
        """Refuse a body while many others are on their way.

        Raises:
            ProblemError: If so many are.
        """
        if self._arriving_bytes > MOST_ARRIVING * self._limits.max_body_bytes:
            detail = "too many large bodies are on their way; try again"
            raise ProblemError(BUSY, detail, headers=(*SOON, *CLOSING))

    def _check_running(self, scope: Scope) -> None:
        """Refuse a request while many others are answered; a busy process still tells it lives.

        Raises:
            ProblemError: If so many are.
        """
        if self._running >= self._limits.max_running and scope["path"] not in OPEN_PATHS:
            detail = f"expected at most {self._limits.max_running} requests at a time; try again"
            raise ProblemError(BUSY, detail, headers=SOON)


class Replayed:
    """A request whose body was read already.

    Args:
        body: The whole of it.
        receive: Where the request came from; tells when the client goes away.
    """

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        """Return the body, then whatever follows."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": REQUEST, "body": body, "more_body": False}
