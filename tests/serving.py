"""A real service in a process of its own, and what is asked of it over real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from logging import FileHandler, getLogger
from pathlib import Path
from threading import Thread
from typing import Any

from msgspec.structs import replace
from uvicorn import Server

from token2metrics.given_settings import ENVIRONMENT_PREFIX
from token2metrics.service.layers.log import JsonLines
from token2metrics.service.listening import listen, url_of
from token2metrics.service.running import config_of
from token2metrics.service.setup import Setup

ROOT = Path(__file__).parent.parent
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02
JSON = {"Content-Type": "application/json"}
REQUEST = {"model": "1.5B", "input_tokens": 512, "output_tokens": 128}


@dataclass(frozen=True)
class Answer:
    """What the service answered.

    Attributes:
        status: HTTP status.
        headers: Headers, by name in lower case.
        content: Body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.content)


@dataclass(frozen=True)
class Listening:
    """A service that listens.

    Attributes:
        url: Where it said that it is.
        log: File of its log.
    """

    url: str
    log: Path

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self.url.rpartition(":")[2])

    def ask(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Ask on a connection of its own; a body is sent as JSON unless it is bytes."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        how = method or ("GET" if body is None else "POST")
        kind = {} if body is None else JSON
        try:
            connection.request(how, path, content, {**kind, **(headers or {})})
            found = connection.getresponse()
            named = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, named, found.read())
        finally:
            connection.close()

    def raw(self, content: bytes, wait_s: float = PATIENCE_S) -> bytes:
        """Send bytes, and return what comes until the service closes the connection."""
        with self.connected(wait_s) as stream:
            stream.sendall(content)
            return read_to_end(stream)

    def connected(self, wait_s: float = PATIENCE_S) -> socket.socket:
        """Return a connection."""
        return socket.create_connection(("127.0.0.1", self.port), wait_s)

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@dataclass(frozen=True)
class Service(Listening):
    """A service in a process of its own.

    Attributes:
        process: The process that was started.
    """

    process: subprocess.Popen[str]

    def workers(self) -> list[int]:
        """Return the processes that answer and live."""
        started = [
            line for line in self.logged() if "Application startup complete" in line["event"]
        ]
        return [line["worker"] for line in started if is_alive(line["worker"])]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell the service to end, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def is_alive(process: int) -> bool:
    """Return whether a process runs."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def read_to_end(stream: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    found = b""
    try:
        while part := stream.recv(65_536):
            found += part
    except ConnectionResetError:
        return found
    return found


def wait_until(condition: Any, what: str) -> None:
    """Wait until something holds, or fail."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(LOOK_EVERY_S)


def started(artifact: Path, log: Path, *options: object) -> Service:
    """Start a service on a free port, and return it once it answers."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
    arguments = ["serve", "-a", artifact, "--port", 0, "--json", *options]
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=log.parent,
            env=environment,
        )
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        line = process.stdout.readline()
        assert line, log.read_text()
        told += line
    process.stdout.close()
    service = Service(json.loads(told)["url"], log, process)
    wait_until(lambda: _answers(service), "the service answers")
    return service


@contextmanager
def serving(artifact: Path, log: Path, *options: object) -> Iterator[Service]:
    """Yield a service that runs, and end it."""
    service = started(artifact, log, *options)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()


def _answers(service: Listening) -> bool:
    """Return whether a service answers; fail where its process has ended."""
    if isinstance(service, Service):
        assert service.process.poll() is None, service.log.read_text()
    try:
        return service.ask("/readyz").status == 200
    except OSError:
        return False


@contextmanager
def listening(setup: Setup, log: Path) -> Iterator[Listening]:
    """Yield a service that answers in a thread of this process, which coverage sees."""
    handler = FileHandler(log)
    handler.setFormatter(JsonLines())
    loggers = [getLogger(name) for name in ("token2metrics.service", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(handler)
    with listen("127.0.0.1", 0) as bound:
        server = Server(config_of(replace(setup, logs_requests=False), 1, None))
        service = Listening(url_of(bound), log)
        thread = Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            wait_until(lambda: _answers(service), "the service answers")
            yield service
        finally:
            server.should_exit = True
            thread.join()
    for logger in loggers:
        logger.removeHandler(handler)
    handler.close()
