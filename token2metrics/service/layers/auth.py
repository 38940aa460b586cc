"""Who may ask: anybody on this computer, or whoever knows the token."""

from __future__ import annotations

import hmac
import ipaddress
from base64 import b64decode
from functools import lru_cache

from token2metrics.service.http.answering import send_problem
from token2metrics.service.http.asgi import HTTP, Application, Receive, Scope, Send, header_of
from token2metrics.service.http.problems import UNAUTHORIZED, ProblemError
from token2metrics.service.http.refusing import CLOSING, MISDIRECTED

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What is asked by who looks after the process, and tells nothing else."""

BEARER, BASIC = b"bearer", b"basic"
READING = frozenset({"GET", "HEAD"})
"""Only these are answered to a browser's own log-in, which it would send along from other pages."""

CHALLENGE = ((b"www-authenticate", b'Bearer, Basic realm="token2metrics", charset="UTF-8"'),)
MOST_NAMES = 256
"""So many names that this computer is asked for by are remembered."""

LOCAL_NAMES = frozenset({b"localhost"})


class Authorised:
    """Lets only those requests through that may be answered.

    With a token it is asked for, as ``Authorization: Bearer``; a browser may send it as the
    password of any user to look at pages. Without one only names of this computer are answered to,
    so that no page of another site can reach the service by giving its own name this address.

    Args:
        app: Answers requests.
        token: The token; None where none is needed.
    """

    def __init__(self, app: Application, token: str | None) -> None:
        self._app = app
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != HTTP or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
        elif self._token is None:
            await self._from_here(scope, receive, send)
        elif _knows(self._token, scope):
            await self._app(scope, receive, send)
        else:
            detail = "expected the token as 'Authorization: Bearer TOKEN', got none or another"
            headers = (*CHALLENGE, *CLOSING)
            await send_problem(send, ProblemError(UNAUTHORIZED, detail, headers=headers))

    async def _from_here(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer where this computer is asked for by its own name."""
        if is_local_name(header_of(scope, b"host")):
            await self._app(scope, receive, send)
            return
        detail = "expected a Host of this computer, such as localhost, since no token is needed"
        await send_problem(send, ProblemError(MISDIRECTED, detail, headers=CLOSING))


@lru_cache(MOST_NAMES)
def is_local_name(host: bytes | None) -> bool:
    """Return whether a Host header names this computer for itself.

    Args:
        host: Name or address, with or without a port; None without a header.
    """
    name = _without_port(host or b"")
    if name.lower() in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.decode("ascii")).is_loopback
    except ValueError:
        return False


def _without_port(host: bytes) -> bytes:
    """Return the name or address of a Host header."""
    if host.startswith(b"["):
        return host[1:].partition(b"]")[0]
    return host.partition(b":")[0]


def _knows(token: bytes, scope: Scope) -> bool:
    """Return whether a request carries the token; as quickly where it carries another."""
    kind, _, given = (header_of(scope, b"authorization") or b"").partition(b" ")
    if kind.lower() == BASIC and scope["method"] in READING:
        given = _password(given)
    elif kind.lower() != BEARER:
        return False
    return hmac.compare_digest(given.strip(), token)


def _password(credentials: bytes) -> bytes:
    """Return the password of a browser's log-in; empty where it is none."""
    try:
        return b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""
