"""What a client is given: an address, a token, a time to wait; checked before anything is asked."""

from __future__ import annotations

import math
from ipaddress import ip_address

import httpx2

from token2metrics.errors import ConfigurationError

SCHEMES = ("http", "https")
LOCALHOST = "localhost"


def url_of(address: str) -> httpx2.URL:
    """Read an address.

    Raises:
        ConfigurationError: If it is none.
    """
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, TypeError):
        url = httpx2.URL("")
    if url.scheme not in SCHEMES or not url.host or url.query or url.userinfo:
        got = "one with a password or a user" if url.userinfo else repr(address)
        raise ConfigurationError(f"expected an address such as http://127.0.0.1:8000, got {got}")
    return url


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, which no proxy stands before."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST


def checked_time_s(timeout_s: float) -> float:
    """Return a time to wait.

    Raises:
        ConfigurationError: If it is no number above 0.
    """
    if not (math.isfinite(timeout_s) and timeout_s > 0.0):
        raise ConfigurationError(f"expected timeout_s to be above 0, got {timeout_s!r}")
    return timeout_s


def checked_token(token: str) -> str:
    """Return a token, which no error ever shows.

    Raises:
        ConfigurationError: If no header can hold it.
    """
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            "expected a token of printable ASCII letters without spaces, got another text"
        )
    return token
