"""Digests of an artifact's files."""

from __future__ import annotations

try:
    from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import sha256


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal.

    ``hashlib`` loads OpenSSL, which takes longer than all that an artifact is read for; so Python's
    own code is asked first, as ``random`` of the standard library does.
    """
    digest: str = sha256(content).hexdigest()
    return digest
