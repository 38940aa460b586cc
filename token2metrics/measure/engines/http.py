"""HTTP to an inference engine: typed answers, timed events, and two kinds of failure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx2
import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines.engine import EngineLostError, EngineRefusedError

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 1_800.0
SERVER_ERROR = 500
ABSENT = frozenset({502, 503, 504})
"""Statuses of a server that cannot answer now, whatever the request."""

CLIENT_ERROR = 400
JSON_CONTENT = {"Content-Type": "application/json"}
SHOWN_CHARACTERS = 200
END_OF_STREAM = "[DONE]"
API_PATH = "/v1"
"""Ends addresses as OpenAI's clients want them; every path here has it."""

Answer = TypeVar("Answer")
Body = Mapping[str, object]


class HttpConnection:
    """Requests to one engine, each on a connection of its own.

    llama.cpp's server closes a connection after a stream although it announced to keep it, so
    that a second request on it would fail by chance; opening another costs far less than a token.

    Args:
        target: Address, such as ``http://127.0.0.1:8080``.
    """

    def __init__(self, target: str) -> None:
        self.target = target.rstrip("/").removesuffix(API_PATH)
        try:
            self._client = httpx2.Client(
                base_url=self.target,
                timeout=httpx2.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                limits=httpx2.Limits(max_keepalive_connections=0),
            )
        except httpx2.InvalidURL as error:
            raise _wrong_address(target) from error
        if self._client.base_url.scheme not in ("http", "https"):
            raise _wrong_address(target)

    def __enter__(self) -> Self:
        """Open nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what is open."""
        self._client.close()

    def get(self, path: str, answer: type[Answer]) -> Answer | None:
        """Return a page as ``answer``; None where there is no such page, or another one.

        Raises:
            EngineLostError: If the engine does not answer.
        """
        with self._translating():
            response = self._client.get(path)
        if response.status_code >= SERVER_ERROR:
            raise EngineLostError(
                f"the engine at {self.target} is not ready: {_reason(response)}; wait for it and "
                "run again"
            )
        if response.status_code >= CLIENT_ERROR:
            return None
        try:
            return msgspec.json.decode(response.content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def post(self, path: str, body: Body, answer: type[Answer]) -> Answer:
        """Send a request and return its whole answer.

        Raises:
            EngineLostError: If the engine went away.
            EngineRefusedError: If it refuses the request, or answers something else.
        """
        with self._translating():
            response = self._client.post(
                path, content=msgspec.json.encode(body), headers=JSON_CONTENT
            )
            self._check(response)
        return self.read(response.content, answer)

    def events(self, path: str, body: Body, answer: type[Answer]) -> Iterator[tuple[float, Answer]]:
        """Send a request and yield its server-sent events, each with its time of arrival.

        Args:
            path: Where to send it.
            body: The request.
            answer: Type of one event.

        Yields:
            Instant of ``time.monotonic``, and the event.

        Raises:
            EngineLostError: If the engine went away.
            EngineRefusedError: If it refuses the request.
        """
        with self._sending(path, body) as response:
            for event in httpx2.EventSource(response):
                arrived_s = time.monotonic()
                if event.data and event.data != END_OF_STREAM:
                    yield arrived_s, self.read(event.data, answer)

    def lines(self, path: str, body: Body, answer: type[Answer]) -> Iterator[tuple[float, Answer]]:
        """Send a request and yield the JSON lines of its answer, as ``events`` does."""
        with self._sending(path, body) as response:
            for line in response.iter_lines():
                arrived_s = time.monotonic()
                if line.strip():
                    yield arrived_s, self.read(line, answer)

    def read(self, content: bytes | str, answer: type[Answer]) -> Answer:
        """Decode an answer.

        Raises:
            EngineRefusedError: If it is of another form, such as an error in a stream.
        """
        try:
            return msgspec.json.decode(content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            shown = str(content[:SHOWN_CHARACTERS])
            raise EngineRefusedError(f"unexpected answer ({error}): {shown}") from error

    @contextmanager
    def _sending(self, path: str, body: Body) -> Iterator[httpx2.Response]:
        """Send a request whose answer is read bit by bit."""
        content = msgspec.json.encode(body)
        with (
            self._translating(),
            self._client.stream("POST", path, content=content, headers=JSON_CONTENT) as response,
        ):
            self._check(response)
            yield response

    def _check(self, response: httpx2.Response) -> None:
        """Refuse an answer that reports an error.

        A server that fails at one request is still there for the others.
        """
        if response.status_code < CLIENT_ERROR:
            return
        response.read()
        if response.status_code in ABSENT:
            raise EngineLostError(f"the engine at {self.target} failed: {_reason(response)}")
        raise EngineRefusedError(_reason(response))

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn failures of the connection into one error."""
        try:
            yield
        except httpx2.RequestError as error:
            reason = str(error) or type(error).__name__
            raise EngineLostError(
                f"no answer from the engine at {self.target}: {reason}"
            ) from error


def _wrong_address(target: str) -> ConfigurationError:
    """Say what an address should look like."""
    return ConfigurationError(
        f"expected --target to be an address such as http://127.0.0.1:8080, got {target!r}"
    )


def _reason(response: httpx2.Response) -> str:
    """Return the status and the beginning of what the engine said."""
    said = " ".join(response.text.split())[:SHOWN_CHARACTERS]
    return f"HTTP {response.status_code}: {said}"
