"""Finished requests from a stream of lines, each as soon as it is there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from token2metrics.errors import DataError, RequestError
from token2metrics.monitoring.fields import (
    ALIASES,
    REQUIRED,
    milliseconds_hint,
    observation_of,
)
from token2metrics.monitoring.observation import QUANTITIES, Observation

MOST_LINE_BYTES = 1_000_000
"""A line that is longer is no finished request."""

SHOWN_LETTERS = 60
OBJECT, ARRAY = "{", "["
ENCODING = "utf-8"
LINE_END = b"\n"
MARK = "\ufeff"
NOT_UTF8 = "not UTF-8"
TOO_LONG = "the line is too long"
NOT_JSON = "not a JSON object"
NOT_CSV = "not a line of CSV"
OTHER_COLUMNS = "more or fewer values than columns"

JSON_OBJECTS = msgspec.json.Decoder(dict[str, object])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the stream.

    Attributes:
        number: Its number, from 1.
        text: What it says.
        observation: The finished request; None where the line is set aside.
        reason: Why it is set aside; None for a request.
    """

    number: int
    text: str
    observation: Observation | None
    reason: str | None


class LineReader:
    """Reads CSV with a header, or JSON lines, whichever the first line is.

    Args:
        defaults: Model and conditions of lines that name none.
    """

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = dict(defaults)
        self._header: list[str] | None = None
        self._is_json: bool | None = None

    def lines(self, stream: BinaryIO) -> Iterator[Line]:
        """Yield every request and every line that is none; blank lines and the header are neither.

        Args:
            stream: Bytes; a line is yielded once it is whole.

        Raises:
            DataError: If the first line is neither a JSON object nor a header with what is needed.
        """
        for number, content in enumerate(_whole_lines(stream), 1):
            try:
                text = content.decode(ENCODING).removeprefix(MARK).strip()
            except UnicodeDecodeError:
                yield Line(number, repr(content), None, NOT_UTF8)
                continue
            if text and not self._is_header(text):
                yield self._line(number, text, len(content) > MOST_LINE_BYTES)

    def _is_header(self, text: str) -> bool:
        """Look at the first line, and say whether this one is it and names the columns."""
        if self._is_json is not None:
            return False
        if text.startswith(ARRAY):
            raise DataError("expected a JSON object per line, got a JSON array; write one per line")
        self._is_json = text.startswith(OBJECT)
        if self._is_json:
            return False
        self._header = _header(text)
        return True

    def _line(self, number: int, text: str, is_too_long: bool) -> Line:
        """Read one line, or say why it is set aside."""
        try:
            if is_too_long:
                raise RequestError(TOO_LONG)
            told = _json_fields(text) if self._header is None else _csv_fields(text, self._header)
            return Line(number, text, observation_of(told, self._defaults), None)
        except RequestError as error:
            return Line(number, text, None, str(error))


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines; of one that is too long its beginning, a little longer than allowed.

    Raises:
        DataError: If the stream breaks off.
    """
    while content := _part(stream):
        rest = content
        while len(rest) > MOST_LINE_BYTES and not rest.endswith(LINE_END):
            rest = _part(stream)
        yield content


def _part(stream: BinaryIO) -> bytes:
    """Read a line, or as much of it as a line may have and one byte more."""
    try:
        return stream.readline(MOST_LINE_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read on: {error.strerror}") from error


def _header(text: str) -> list[str]:
    """Return the columns of a table of finished requests.

    Raises:
        DataError: If token counts or every latency and energy is missing.
    """
    try:
        columns = [name.strip().casefold() for name in _values(text)]
    except csv.Error:
        columns = []
    known = [ALIASES.get(name, name) for name in columns]
    missing = [name for name in REQUIRED if name not in known]
    if missing or not set(known) & set(QUANTITIES.values()):
        wanted = ", ".join(missing) or "latency_s, prefill_latency_s or decode_latency_s"
        hint = None if missing else milliseconds_hint(columns)
        raise DataError(
            f"expected JSON lines or CSV with a header, got columns without {wanted}: "
            f"{text[:SHOWN_LETTERS]!r}" + (f"; {hint}" if hint else "")
        )
    return columns


def _json_fields(text: str) -> dict[str, object]:
    """Decode a JSON object."""
    try:
        return JSON_OBJECTS.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise RequestError(NOT_JSON) from None


def _csv_fields(text: str, columns: list[str]) -> dict[str, object]:
    """Split a line of CSV into the values of its columns."""
    try:
        values = _values(text)
    except csv.Error:
        raise RequestError(NOT_CSV) from None
    if len(values) != len(columns):
        raise RequestError(OTHER_COLUMNS)
    return dict(zip(columns, values, strict=True))


def _values(text: str) -> list[str]:
    """Split one line of CSV.

    Raises:
        csv.Error: If a quote is never closed, or text follows a closed one.
    """
    (values,) = csv.reader([text], strict=True)
    return values
