"""Count the tokens of a prompt with a local ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from tokenizers import Tokenizer

from token2metrics.errors import ConfigurationError, RequestError

STANDARD_INPUT = "-"
ENCODING = "utf-8-sig"


class _Refusing:
    """Turn the bare ``Exception`` that the library raises into an error with advice."""

    def __init__(self, expected: str) -> None:
        self.expected = expected

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Refuse the file when the library did."""
        if kind is Exception:
            raise ConfigurationError(f"expected {self.expected}: {error}") from error


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer that neither cuts nor pads.

    Args:
        path: A ``tokenizer.json``, as it lies beside a model's weights.

    Raises:
        ConfigurationError: If the file is missing or no tokenizer.
    """
    if not path.is_file():
        raise ConfigurationError(f"expected a tokenizer.json at {path}, got nothing")
    with _Refusing(f"{path} to be a tokenizer.json, got a file that is none"):
        tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def count_tokens(tokenizer: Tokenizer, text: str) -> int:
    """Count the tokens of a text, special tokens of the tokenizer included.

    Raises:
        ConfigurationError: If the tokenizer has no tokens for the text.
    """
    with _Refusing("a tokenizer.json that can encode the prompt, got one that cannot"):
        encoded = tokenizer.encode(text)
    return len(encoded.ids)


def read_text(source: str, standard_input: BinaryIO) -> str:
    """Read a prompt.

    Args:
        source: A file, or ``-`` for standard input.
        standard_input: Where ``-`` reads from.

    Raises:
        RequestError: If the file is missing or not UTF-8.
    """
    try:
        from_stdin = source == STANDARD_INPUT
        content = standard_input.read() if from_stdin else Path(source).read_bytes()
        return content.decode(ENCODING)
    except OSError as error:
        raise RequestError(f"cannot read the prompt {source}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RequestError(
            f"expected the prompt {source} in UTF-8, got other bytes at {error.start}; "
            "save it as UTF-8"
        ) from error
