"""The outermost layer: every answer gets safe headers, a name, a count and a line in the log."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from itertools import count
from time import perf_counter
from types import TracebackType
from typing import Self

from token2metrics.service.http.answering import send_problem
from token2metrics.service.http.asgi import (
    HTTP,
    START,
    Application,
    Header,
    Message,
    Receive,
    Scope,
    Send,
)
from token2metrics.service.http.problems import CONTENT_TYPE, FAILED, ProblemError
from token2metrics.service.layers.log import RequestLog
from token2metrics.service.layers.metrics import Metrics

SAFE_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What every answer says to a browser, unless it says otherwise itself."""

PAGE_HEADERS: tuple[Header, ...] = (
    *SAFE_HEADERS,
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""What pages say besides."""

DATA_TYPES = frozenset({b"application/json", CONTENT_TYPE})
"""Kinds of answer that no handler gives headers of its own, other than of the exchange."""

REQUEST_NAME = b"x-request-id"
OTHER = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_STATUS = 499
"""What is counted where the client left before an answer began."""

LOG = logging.getLogger(__name__)


class Recorded:
    """Records how every request was answered.

    Args:
        app: Answers requests.
        paths: Those that are told apart; all others are one.
        metrics: Counts answers.
        log: Takes a line per answer; None for no lines.
    """

    def __init__(
        self, app: Application, paths: Collection[str], metrics: Metrics, log: RequestLog | None
    ) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._metrics = metrics
        self._log = log
        self._names = count(1)
        self._worker = f"{os.getpid():x}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens."""
        if scope["type"] != HTTP:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        answer = Named(send, f"{self._worker}-{next(self._names):x}")
        with answer:
            await self._app(scope, receive, answer.send)
        if answer.has_failed and answer.status is None:
            detail = f"something is wrong with the service; its log tells of request {answer.name}"
            await send_problem(answer.send, ProblemError(FAILED, detail))
        self._record(scope, answer, perf_counter() - started)

    def _record(self, scope: Scope, answer: Named, seconds: float) -> None:
        """Count an answer and log it."""
        path = scope["path"] if scope["path"] in self._paths else OTHER
        method = scope["method"] if scope["method"] in METHODS else OTHER
        status = answer.status or NO_STATUS
        self._metrics.answered(path, method, status, seconds)
        if self._log is not None:
            self._log.answered(path, method, status, seconds, answer.name)


class Named:
    """One answer, with its name and headers; catches what fails while it is made.

    Args:
        send: Takes the answer.
        name: What it is called.

    Attributes:
        name: What it is called.
        status: Its status; None before it began.
        has_failed: Whether something went wrong.
    """

    __slots__ = ("_send", "has_failed", "name", "status")

    def __init__(self, send: Send, name: str) -> None:
        self._send = send
        self.name = name
        self.status: int | None = None
        self.has_failed = False

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Log what failed; what is no failure of the application goes on."""
        if kind is None or error is None or not issubclass(kind, Exception):
            return False
        LOG.error("a request failed", exc_info=(kind, error, trace), extra=_named(self.name))
        self.has_failed = True
        return True

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, with headers where it begins."""
        if message["type"] == START:
            self.status = message["status"]
            given = message.get("headers", ())
            name = (REQUEST_NAME, self.name.encode())
            message["headers"] = [*given, *_headers_beside(given), name]
        await self._send(message)


def _headers_beside(given: Sequence[Header]) -> Sequence[Header]:
    """Return the headers that an answer lacks."""
    if given and given[0][1] in DATA_TYPES:
        return SAFE_HEADERS
    said = {name for name, _ in given}
    return [one for one in PAGE_HEADERS if one[0] not in said]


def _named(name: str) -> dict[str, dict[str, str]]:
    """Say in the log which request is meant."""
    return {"fields": {"request": name}}
