"""Whether an engine runs on this machine, whose sensors can then be read."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

LOCAL_NAMES = ("localhost",)


def on_this_machine(target: str | None) -> bool:
    """Return whether an address is of this machine.

    Args:
        target: Address of an engine; None for one in this process.
    """
    if target is None:
        return True
    host = urlsplit(target).hostname or ""
    if host in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
