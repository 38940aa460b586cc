"""Every answer is recorded, failures too: told by kind and place, never by what was asked."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from token2metrics.service.http.asgi import BODY, START, Message, Receive, Scope, Send
from token2metrics.service.layers.log import MOST_LINES, JsonLines, RequestLog
from token2metrics.service.layers.metrics import Metrics
from token2metrics.service.layers.recorded import OTHER, Recorded
from token2metrics.service.worker import write_lines

SECRET = "what-was-asked"
PATH = "/v1/predict"


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail before an answer began."""
    raise ValueError(SECRET)


async def failing_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail once an answer began."""
    await send({"type": START, "status": 200, "headers": []})
    raise ValueError(SECRET)


async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer nothing, as where the client left."""


async def ending(scope: Scope, receive: Receive, send: Send) -> None:
    """Be told to end."""
    raise asyncio.CancelledError


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a page with a policy of its own."""
    headers = [(b"content-type", b"text/html"), (b"content-security-policy", b"own")]
    await send({"type": START, "status": 200, "headers": headers})
    await send({"type": BODY, "body": b""})


class Recording:
    """One application, and what came of asking it."""

    def __init__(self, app: object) -> None:
        self.sent: list[Message] = []
        self.lines: list[bytes] = []
        self.metrics = Metrics(CollectorRegistry())
        self._log = RequestLog(self.lines.append)
        self._app = Recorded(app, {PATH}, self.metrics, self._log)  # type: ignore[arg-type]

    def ask(self, path: str = PATH, method: str = "GET") -> None:
        """Ask once."""
        asyncio.run(self._asked({"type": "http", "path": path, "method": method, "headers": []}))

    async def _asked(self, scope: Scope) -> None:
        """Ask on an event loop."""

        async def receive() -> Message:
            return {}

        async def send(message: Message) -> None:
            self.sent.append(message)

        await self._app(scope, receive, send)
        self._log.flush()

    def logged(self) -> list[dict[str, object]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in b"".join(self.lines).splitlines()]


def test_a_failure_is_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asked learns the name of the request; the log tells where it failed, not on what."""
    recording = Recording(failing)
    recording.ask()
    start, body = recording.sent
    assert start["status"] == 500
    headers = dict(start["headers"])
    problem = json.loads(body["body"])
    assert headers[b"x-request-id"].decode() in problem["detail"]
    assert SECRET not in body["body"].decode()
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert (line["event"], line["error"]) == ("a request failed", "ValueError")
    assert line["where"][-1].startswith(f"{Path(__file__).name}:")
    assert line["request"] == headers[b"x-request-id"].decode()
    assert SECRET not in json.dumps(line)
    assert recording.logged()[0]["status"] == 500


def test_an_answer_that_began_is_not_begun_again() -> None:
    """What fails then is cut off by the server."""
    recording = Recording(failing_late)
    recording.ask()
    assert [one["type"] for one in recording.sent] == [START]
    assert recording.logged()[0]["status"] == 200


def test_clients_that_leave_are_counted() -> None:
    """Under a status that no answer has."""
    recording = Recording(leaving)
    recording.ask("/of no interest", "BREW")
    assert recording.sent == []
    (line,) = recording.logged()
    assert (line["path"], line["method"], line["status"]) == (OTHER, OTHER, 499)
    assert b'method="other",path="other",status="499"' in recording.metrics.exposition()


def test_being_told_to_end_is_no_failure() -> None:
    """It goes on to whoever told."""
    with pytest.raises(asyncio.CancelledError):
        Recording(ending).ask()


def test_pages_keep_their_own_policy() -> None:
    """And get what else browsers heed."""
    recording = Recording(page)
    recording.ask()
    headers = recording.sent[0]["headers"]
    assert [value for name, value in headers if name == b"content-security-policy"] == [b"own"]
    assert (b"x-frame-options", b"DENY") in headers


def test_lines_are_written_together() -> None:
    """After a while, or when there are many."""
    written: list[bytes] = []

    async def answer_many() -> None:
        """Log more lines than are kept."""
        log = RequestLog(written.append)
        for _ in range(MOST_LINES):
            log.answered(PATH, "GET", 200, 0.001, "1-1")
        assert len(written) == 1
        log.answered(PATH, "GET", 200, 0.001, "1-2")
        await asyncio.sleep(0.3)

    asyncio.run(answer_many())
    counts = [part.count(b"\n") for part in written]
    assert counts == [MOST_LINES, 1]


def test_a_log_that_nobody_takes_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read standard error may have left."""

    def refusing(file: int, lines: bytes) -> int:
        """Take nothing."""
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", refusing)
    write_lines(b"{}\n")


def test_levels_of_the_log_are_words() -> None:
    """A record without fields has those of every line."""
    record = logging.LogRecord("name", logging.WARNING, "", 1, "said %d", (1,), None)
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["event"], line["logger"]) == ("warning", "said 1", "name")
