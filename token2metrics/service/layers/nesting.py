"""How deeply a JSON body is nested, told before anything parses it."""

from __future__ import annotations

import re
from itertools import accumulate

STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A JSON string, which may lack its end; possessive, so that no body takes more than one pass."""

OPENING, CLOSING = b"[{", b"]}"
BRACKETS = OPENING + CLOSING
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in BRACKETS)
STEPS = {**dict.fromkeys(OPENING, 1), **dict.fromkeys(CLOSING, -1)}


def is_nested_deeper(body: bytes, depth: int) -> bool:
    """Return whether arrays and objects of a body lie more than so many deep within each other.

    Args:
        body: JSON, or anything.
        depth: Levels that are allowed.
    """
    if sum(map(body.count, (b"[", b"{"))) <= depth:
        return False
    brackets = b"".join(STRING.split(body)).translate(None, NO_BRACKETS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0) > depth
