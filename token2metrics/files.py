"""Write result files so that a crash at any moment leaves the old ones whole."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from token2metrics.errors import ConfigurationError

JSON_INDENT = 2

Jsonable = msgspec.Struct | Sequence[msgspec.Struct] | Mapping[str, int]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path to write to, and rename it over ``path`` when the block ends well.

    Args:
        path: The final file; its folder is created when missing.

    Raises:
        ConfigurationError: If the folder cannot be created or written to.
    """
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            partial = Path(folder) / path.name
            yield partial
            if partial.exists():
                partial.replace(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error


def write_file(path: Path, content: bytes) -> None:
    """Replace a file in one step, once its content is on the disk.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def remove_stale(path: Path) -> None:
    """Remove what an earlier run left, so that it is not taken for a result of this one.

    Raises:
        ConfigurationError: If it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot remove {path}: {error.strerror}") from error


def legible_json(result: Jsonable) -> bytes:
    """Return a result as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result), indent=JSON_INDENT)
