"""One writer of an artifact at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from tempfile import gettempdir

from token2metrics.errors import ConfigurationError

PATIENCE_S = 30.0
"""How long a writer waits for another; writing takes a fraction of a second."""


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Hold an artifact while it is read and written again, so that no other writer comes between.

    Args:
        directory: The artifact; created when missing.

    Raises:
        ConfigurationError: If it cannot be written, or another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_lock_file(directory), timeout=PATIENCE_S)
        lock.acquire()
    except Timeout as error:
        raise ConfigurationError(
            f"expected {directory} to be free within {PATIENCE_S:g} s, but another process writes "
            "it; try again"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot write {directory}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _lock_file(directory: Path) -> Path:
    """Return the lock of an artifact: a user's own, outside of it, in the scratch folder."""
    place = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()
    return Path(gettempdir()) / f"token2metrics-{getuser()}-{place}.lock"
