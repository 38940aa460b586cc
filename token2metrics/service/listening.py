"""The socket of the service: bound once, before anything else is started."""

from __future__ import annotations

import errno
import ipaddress
import socket

from token2metrics.errors import ConfigurationError

BACKLOG = 2_048

OWN_PORT = getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR)
"""Takes a port again at once after a restart; on Windows, where the option of that name would let
other processes share the port, it keeps them off instead."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that waits for connections.

    Args:
        host: Name or address of this computer.
        port: Port; 0 takes a free one.

    Raises:
        ConfigurationError: If there is no such address here, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"expected an address of this computer for --host, got {host!r}: {error}"
        ) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, OWN_PORT, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        wrong = "--host" if error.errno == errno.EADDRNOTAVAIL else "--port"
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another {wrong}"
        ) from error
    bound.setblocking(False)
    bound.set_inheritable(True)
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where a socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether only this computer reaches what listens there.

    Args:
        host: Name or address.

    Raises:
        ConfigurationError: If it is neither.
    """
    try:
        found = socket.getaddrinfo(host or None, None, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"expected an address for --host, got {host!r}: {error}"
        ) from error
    addresses = {str(place[0]).partition("%")[0] for *_, place in found}
    return all(ipaddress.ip_address(one).is_loopback for one in addresses)
