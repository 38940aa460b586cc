"""Keep a command from writing over what it reads, and from working for what it cannot write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from token2metrics.errors import ConfigurationError
from token2metrics.files import replacing


def refuse_overwriting(inputs: Iterable[Path], outputs: Mapping[str, Path | None]) -> None:
    """Refuse an output that is one of the inputs, under whatever name.

    Args:
        inputs: What is read.
        outputs: What is written, by option; None where nothing is.

    Raises:
        ConfigurationError: If one is the other.
    """
    read = tuple(inputs)
    for option, path in outputs.items():
        if path is not None and any(_are_one(path, one) for one in read):
            raise ConfigurationError(
                f"expected {option} to name another file than the input, got {path}"
            )


def refuse_unwritable(path: Path) -> None:
    """Refuse an output that cannot be written, before the work is done.

    Raises:
        ConfigurationError: If it cannot.
    """
    with replacing(path):
        pass


def _are_one(path: Path, other: Path) -> bool:
    """Return whether two paths lead to one file or folder, links of either sort followed.

    A device such as ``/dev/null`` holds nothing that could be overwritten.
    """
    try:
        return path.samefile(other) and (path.is_file() or path.is_dir())
    except (OSError, ValueError):
        return path.absolute() == other.absolute()
