"""One case: a spoilt file, read; and what is wrong with how it ended."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import TracebackType

from benchmarks.fuzzing.targets import Target
from token2metrics.errors import Token2MetricsError

PACKAGE = f"{os.sep}token2metrics{os.sep}"
ENDS_THE_PROGRAM = (KeyboardInterrupt,)


@dataclass(frozen=True, slots=True)
class Finding:
    """An error that a user would meet as a traceback.

    Attributes:
        kind: Name of the exception.
        place: The innermost line of the package that took part.
        trace: The whole traceback.
    """

    kind: str
    place: str
    trace: str


class Caught:
    """Ends a block at any error, panics of native code included, and keeps what no user may meet.

    Attributes:
        finding: The error; None where there was none, or one that is reported in a line.
    """

    def __init__(self) -> None:
        self.finding: Finding | None = None

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Keep the error, and go on behind the block."""
        if isinstance(error, ENDS_THE_PROGRAM):
            return False
        if error is not None and not isinstance(error, Token2MetricsError):
            self.finding = _finding(error)
        return True


def spoilt(target: Target, seed: int) -> bytes:
    """Return a spoilt file: a sound one, changed as the seed says."""
    chance = Random(seed)
    return target.change(chance.choice(sound_files(target)), chance)


@cache
def sound_files(target: Target) -> Sequence[bytes]:
    """Return the files that a kind begins with, made once."""
    return target.sound()


def try_case(target: Target, folder: Path, content: bytes) -> Finding | None:
    """Read a file and return what is wrong with how it ended.

    Args:
        target: What reads it.
        folder: Where it is written.
        content: The file.
    """
    path = folder / target.file_name
    path.write_bytes(content)
    caught = Caught()
    with caught:
        target.read(path)
    return caught.finding


def _finding(error: BaseException) -> Finding:
    """Describe an error by where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if PACKAGE in frame.filename]
    last = own[-1] if own else frames[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return Finding(type(error).__name__, place, "".join(traceback.format_exception(error)))
