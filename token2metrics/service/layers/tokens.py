"""The token that whoever asks the service has to show."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from token2metrics.errors import ConfigurationError

POSIX = "posix"
"""Where the mode of a file tells who may read it."""

SHORTEST, LONGEST = 16, 1_024
"""Letters of a token; 16 of hexadecimal are beyond guessing over a network."""

MOST_READ_BYTES = 4 * LONGEST
"""What surrounds a token is short; a device never ends."""


def token_in(file: Path) -> str:
    """Return the token from a file.

    Raises:
        ConfigurationError: If it cannot be read, everyone can read it, or it holds no good token.
    """
    where = f"--token-file {file}"
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(MOST_READ_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot read {where}: {error.strerror}") from error
    if os.name == POSIX and mode & stat.S_IROTH:
        raise ConfigurationError(
            f"expected only its owner to read {where}, got mode {stat.S_IMODE(mode):o}, with which "
            f"everyone on this computer does; run: chmod 600 {file}"
        )
    return checked_token(content.decode("ascii", "replace"), where)


def checked_token(given: str, where: str) -> str:
    """Return a token without what surrounds it.

    Args:
        given: What was read.
        where: Where it was read from.

    Raises:
        ConfigurationError: If it is too short to be secret, or no header can hold it.
    """
    token = given.strip()
    is_plain = token.isascii() and token.isprintable() and " " not in token
    if not is_plain or not SHORTEST <= len(token) <= LONGEST:
        raise ConfigurationError(
            f"expected a token of {SHORTEST} to {LONGEST:,} printable letters of ASCII without "
            f"blanks in {where}, got another; make one with: openssl rand -hex 32"
        )
    return token
