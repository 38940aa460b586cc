"""Write result files so that a crash at any moment leaves the old ones whole."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from token2metrics.errors import ConfigurationError

JSON_INDENT = 2

FORMULA = "^[\\s\\x00]*[=+\\-@\uff1d\uff0b\uff0d\uff20]."
"""A cell that spreadsheet programs take for a formula: a sign, in either width, and more."""

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
QUOTE = "'"
"""What makes a cell text, as OWASP advises."""

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
        is_under_file = path.parent.is_file()
        reason = f"{path.parent} is a file" if is_under_file else error.strerror or error
        raise ConfigurationError(f"cannot write {path}: {reason}") from error


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


def inert_text(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula; plain numbers stay.

    Excel, Calc and Sheets run formulas, which can start programs or send cells away.

    Args:
        text: A cell of a CSV file, or the name of a column.
    """
    is_formula = re.match(FORMULA, text, re.DOTALL) and not re.fullmatch(NUMBER, text)
    return QUOTE + text if is_formula else text


def legible_json(result: Jsonable) -> bytes:
    """Return a result as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result), indent=JSON_INDENT)
