"""A server on loopback that answers with given bytes, for what no sound service does."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

LOOPBACK = "127.0.0.1"
MOST_BYTES = 65_536
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"

LEAVES = b""
"""The connection is closed where an answer should come."""


@dataclass
class Script:
    """What a scripted server does, and did.

    Attributes:
        port: Where it listens.
        answers: What it still sends, one per request; with none left it stays silent.
        requests: What it was sent.
        connections: How many it took.
    """

    port: int
    answers: list[bytes]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://{LOOPBACK}:{self.port}"


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return an answer as it goes over the wire."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def scripted(*answers: bytes) -> Iterator[Script]:
    """Answer requests as scripted while the block runs."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        script = Script(listener.getsockname()[1], list(answers))
        taken: list[socket.socket] = []
        thread = Thread(target=_serve, args=(listener, script, taken), daemon=True)
        thread.start()
        yield script
        listener.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()
        thread.join()


def _serve(listener: socket.socket, script: Script, taken: list[socket.socket]) -> None:
    """Take connections, one after the other, until the listener is shut."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        taken.append(connection)
        script.connections += 1
        Thread(target=_answer, args=(connection, script), daemon=True).start()


def _answer(connection: socket.socket, script: Script) -> None:
    """Answer the requests of a connection."""
    while request := _request(connection):
        script.requests.append(request)
        if not script.answers:
            return
        content = script.answers.pop(0)
        if content == LEAVES:
            connection.close()
            return
        connection.sendall(content)


def _request(connection: socket.socket) -> bytes:
    """Read a request; nothing where the client has left."""
    content = b""
    while not _is_whole(content):
        try:
            more = connection.recv(MOST_BYTES)
        except OSError:
            return b""
        if not more:
            return b""
        content += more
    return content


def _is_whole(content: bytes) -> bool:
    """Return whether a request has come to its end."""
    head, end, body = content.partition(HEAD_END)
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(LENGTH)]
    length = int(lengths[0].removeprefix(LENGTH)) if lengths else 0
    return bool(end) and len(body) >= length


def bodies(requests: Sequence[bytes]) -> list[bytes]:
    """Return the bodies of requests."""
    return [request.partition(HEAD_END)[2] for request in requests]
