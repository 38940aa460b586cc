"""HTTP to a service: typed answers, connections that stay open, errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Generic, TypeVar

import httpx2
import msgspec

from token2metrics.client.errors import (
    AnsweredWithErrorError,
    ServiceFailedError,
    ServiceLateError,
    ServiceLostError,
    ServiceRefusedError,
    TokenRefusedError,
)
from token2metrics.client.given import checked_time_s, checked_token, is_loopback, url_of
from token2metrics.client.problem import read_problem
from token2metrics.errors import RequestError

LONGEST_CONNECT_S = 5.0
CLIENT_ERROR, SERVER_ERROR = 400, 500
UNAUTHORIZED, FORBIDDEN = 401, 403
JSON_CONTENT = {"Content-Type": "application/json"}
KEY_HEADER = "Idempotency-Key"

Answer = TypeVar("Answer")


def plain(value: object) -> int | float:
    """Return a number of another library, such as NumPy's, as Python's.

    Raises:
        RequestError: If it is something else.
    """
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    kind = type(value).__name__
    raise RequestError(f"expected numbers, texts and what holds them, got a {kind}")


ENCODE = msgspec.json.Encoder(enc_hook=plain).encode


class Call(msgspec.Struct, Generic[Answer], frozen=True, kw_only=True):
    """One request to the service.

    Attributes:
        path: Where it goes, below the address.
        answer: Type of the answer.
        body: What is sent, as JSON; None asks with GET.
        key: Makes a request that changes something safe to be sent again: what was done under a
            key is not done twice. None where nothing changes.
        first: Place of the first request of the body among those that are asked.
    """

    path: str
    answer: type[Answer]
    body: object = None
    key: str | None = None
    first: int = 0


class Connection:
    """Requests to one service; safe to share among threads.

    Args:
        address: Such as ``http://127.0.0.1:8000``.
        token: What the service wants to be shown; None where it wants nothing.
        timeout_s: Seconds to wait for an answer.

    Raises:
        ConfigurationError: If one of them cannot be meant.
    """

    def __init__(self, address: str, token: str | None, timeout_s: float) -> None:
        url = url_of(address)
        self.address = address.rstrip("/")
        self._timeout_s = checked_time_s(timeout_s)
        headers = {} if token is None else {"Authorization": f"Bearer {checked_token(token)}"}
        self._client = httpx2.Client(
            base_url=url,
            headers=headers,
            timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, LONGEST_CONNECT_S)),
            trust_env=not is_loopback(url.host),
        )

    def close(self) -> None:
        """Close what is open; a closed connection answers nothing more."""
        self._client.close()

    def ask(self, call: Call[Answer]) -> Answer:
        """Send a request and return its answer.

        Raises:
            ServiceLostError: If nothing answers, or not in time.
            ServiceRefusedError: If the service refuses the request.
            ServiceFailedError: If the service cannot answer, or something else did.
        """
        with self._translating():
            response = self._sent(call)
        if response.status_code >= CLIENT_ERROR:
            raise self._error(response, call.first)
        try:
            return msgspec.json.decode(response.content, type=call.answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._foreign(response) from error

    def _sent(self, call: Call[Answer]) -> httpx2.Response:
        """Send a request, and once more where the connection broke: that does no harm."""
        try:
            return self._once(call)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            return self._once(call)

    def _once(self, call: Call[Answer]) -> httpx2.Response:
        """Send a request."""
        if call.body is None:
            return self._client.get(call.path)
        content = ENCODE(call.body)
        key = {} if call.key is None else {KEY_HEADER: call.key}
        return self._client.post(call.path, content=content, headers=JSON_CONTENT | key)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Say what a failure of the connection means.

        Raises:
            ServiceLostError: In place of what the block raised.
        """
        try:
            yield
        except httpx2.TimeoutException as error:
            raise ServiceLateError(
                f"the service at {self.address} did not answer within {self._timeout_s:g} s; give "
                "Client a longer timeout_s, or ask for less at once"
            ) from error
        except httpx2.ConnectError as error:
            raise ServiceLostError(
                f"no service at {self.address} ({error}); check the address, or start one with: "
                "python main.py serve"
            ) from error
        except httpx2.TransportError as error:
            raise ServiceLostError(
                f"the service at {self.address} went away before its answer was whole ({error}); "
                "ask again"
            ) from error

    def _error(self, response: httpx2.Response, first: int) -> AnsweredWithErrorError:
        """Return the error that an answer reports."""
        read = read_problem(response.content)
        if read is None:
            return self._foreign(response)
        problem, status = read.among(first), response.status_code
        told = status, problem.detail or problem.words, problem.errors
        if status in (UNAUTHORIZED, FORBIDDEN):
            message = f"{self.address} wants another token than it got: {problem.words}"
            return TokenRefusedError(f"{message}; give Client a token", *told)
        if status >= SERVER_ERROR:
            message = f"the service at {self.address} cannot answer now: {problem.words}"
            return ServiceFailedError(message, *told)
        return ServiceRefusedError(problem.words, *told)

    def _foreign(self, response: httpx2.Response) -> ServiceFailedError:
        """Return the error of an answer that no service of this kind gives."""
        kind = response.headers.get("Content-Type", "nothing said about its kind")
        detail = f"status {response.status_code}, {kind}"
        return ServiceFailedError(
            f"expected a service of Token2Metrics at {self.address}, got an answer of {detail}; "
            "check the address and the versions of both sides",
            response.status_code,
            detail,
        )
