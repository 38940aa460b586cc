"""Connections of clients that are too slow, too many or too wordy are cut."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from token2metrics.service.http.problems import SLOW_BODY, TOO_SLOW, Kind, ProblemError
from token2metrics.service.http.refusing import BUSY, LONG_HEAD, NOT_HTTP, SLOW_HEAD, refusal_bytes
from token2metrics.service.layers.limits import Limits
from token2metrics.service.layers.metrics import metrics

LOOK_EVERY_S = 0.5
"""How often a connection is looked at; nothing is done for a single request."""


class GuardedConfig(Config):
    """Settings of the server, with limits of connections.

    Args:
        limits: What a client may take.
        settings: Those of the server.
    """

    def __init__(self, *, limits: Limits, **settings: Any) -> None:
        super().__init__(http=GuardedConnection, **settings)
        self.limits = limits


class GuardedConnection(HttpToolsProtocol):
    """A connection that is looked at now and then.

    Args:
        config: Settings of the server.
        server_state: What its connections share.
        app_state: What its requests share.
    """

    def __init__(
        self,
        config: GuardedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._waits_since_s: float | None = self.loop.time()
        self._stalls_since_s: float | None = None
        self._asks_since_s = self.loop.time()
        self._is_in_head = True
        self._head_bytes = 0
        self._look: asyncio.TimerHandle | None = None
        self._answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._look = self.loop.call_later(LOOK_EVERY_S, self._look_again)
        if len(self.connections) > self._limits.max_connections:
            detail = f"expected at most {self._limits.max_connections:,} connections; try again"
            self._cut("too many", BUSY, detail)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more, and tell the request that is answered; uvicorn tells the last that came."""
        if self._look is not None:
            self._look.cancel()
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless its headers are too long."""
        if self.transport.is_closing():
            return
        self._head_bytes += len(data) if self._is_in_head else 0
        super().data_received(data)
        if self._is_in_head and self._head_bytes > self._limits.max_head_bytes:
            self._cut_long_head()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a request."""
        super().on_message_begin()
        self._is_in_head = True
        if self._waits_since_s is None:
            self._waits_since_s = self.loop.time()

    def on_headers_complete(self) -> None:
        """Begin to wait for its body, unless its headers are too long."""
        if self._head_bytes > self._limits.max_head_bytes:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > self._limits.max_head_bytes:
                self._cut_long_head()
                return
        self._is_in_head = False
        self._head_bytes = 0
        self._waits_since_s = self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the answer now."""
        self._waits_since_s = None
        self._asks_since_s = self.loop.time()
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Begin to answer a request."""
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        self._stalls_since_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on as the client reads."""
        self._stalls_since_s = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        detail = "expected a request of HTTP/1.1, got something else"
        self._cut("no http", NOT_HTTP, detail)

    def _look_again(self) -> None:
        """Cut the connection if anything takes too long."""
        self._look = self.loop.call_later(LOOK_EVERY_S, self._look_again)
        now_s, most_s = self.loop.time(), self._limits.max_time_s
        if self.transport.is_closing() and self._stalls_since_s is None:
            self._stalls_since_s = now_s
        if self._stalls_since_s is not None:
            if now_s - self._stalls_since_s > most_s:
                metrics().cut("slow reader")
                self.transport.abort()
        elif self._waits_since_s is not None:
            if now_s - self._waits_since_s > most_s:
                self._cut_slow_sender()
        elif self._is_asking and now_s - self._asks_since_s > most_s:
            self._cut("slow answer", TOO_SLOW, f"the answer takes more than {most_s:g} s")

    @property
    def _is_asking(self) -> bool:
        """Whether an answer has not begun."""
        return self.cycle is not None and not self.cycle.response_started

    def _cut_slow_sender(self) -> None:
        """Refuse a request that does not arrive."""
        most_s = self._limits.max_time_s
        if self._is_in_head:
            detail = f"expected the headers within {most_s:g} s; send them at once"
            self._cut("slow headers", SLOW_HEAD, detail)
        elif self._is_asking:
            detail = f"expected the whole body within {most_s:g} s; send it at once"
            self._cut("slow body", SLOW_BODY, detail)
        else:
            metrics().cut("slow body")
            self.transport.abort()

    def _cut_long_head(self) -> None:
        """Refuse headers that are too long."""
        detail = f"expected headers of at most {self._limits.max_head_bytes:,} bytes, got more"
        self._cut("long headers", LONG_HEAD, detail)

    def _cut(self, reason: str, kind: Kind, detail: str) -> None:
        """Say why, and close the connection, once."""
        if self.transport.is_closing():
            return
        metrics().cut(reason)
        self.transport.write(refusal_bytes(ProblemError(kind, detail)))
        self.transport.close()
