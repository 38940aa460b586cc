"""Which token settings to measure: those of a file, or where nothing is known, a plain spread."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from token2metrics.errors import ConfigurationError, DataError
from token2metrics.files import write_file
from token2metrics.vocabulary import MAX_TOKENS

logger = logging.getLogger(__name__)

AUTO = "auto"
COLUMNS = ("input_tokens", "output_tokens")
TILE_EDGES = (64, 128)
"""Tokens of the tiles in which accelerators multiply: latency jumps after each."""

MOST_DIGITS = len(str(MAX_TOKENS))
SHOWN_CHARACTERS = 40
NEIGHBOURS = (-1, 0, 1)
FIRST_DOUBLING = 256
DEPTHS = 3


class Point(msgspec.Struct, frozen=True, order=True):
    """A token setting.

    Attributes:
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens to generate; with 1 the request is a prefill alone.
    """

    input_tokens: int
    output_tokens: int

    @property
    def tokens(self) -> int:
        """Tokens of prompt and answer together."""
        return self.input_tokens + self.output_tokens


def build_plan(
    source: str,
    max_input_tokens: int,
    max_output_tokens: int,
    context_tokens: int | None = None,
) -> tuple[Point, ...]:
    """Return the points to measure.

    Args:
        source: ``auto``, or a CSV file.
        max_input_tokens: Longest prompt of an automatic plan.
        max_output_tokens: Longest answer of an automatic plan.
        context_tokens: Context of the engine, to which an automatic plan keeps; None if unknown.

    Raises:
        ConfigurationError: If a limit is below 1.
        DataError: If the file does not hold a plan.
    """
    if source != AUTO:
        return read_plan(Path(source))
    for option, value in (
        ("--max-input-tokens", max_input_tokens),
        ("--max-output-tokens", max_output_tokens),
    ):
        if not 1 <= value <= MAX_TOKENS:
            raise ConfigurationError(f"expected {option} between 1 and {MAX_TOKENS}, got {value}")
    longest_input = fitting_prompt(max_input_tokens, max_output_tokens, context_tokens)
    return auto_plan(longest_input, max_output_tokens)


def fitting_prompt(
    max_input_tokens: int, max_output_tokens: int, context_tokens: int | None
) -> int:
    """Return the longest prompt that leaves room for the longest answer, and tell if it is less.

    Args:
        max_input_tokens: Longest prompt asked for.
        max_output_tokens: Longest answer.
        context_tokens: Most tokens of both together; None if unknown.

    Returns:
        At least 1.
    """
    if context_tokens is None or max_input_tokens + max_output_tokens <= context_tokens:
        return max_input_tokens
    fitting = min(max_input_tokens, max(1, context_tokens - max_output_tokens))
    logger.warning(
        "prompts are planned up to %d tokens instead of %d: the engine's context of %d must hold "
        "answers of %d too",
        fitting,
        max_input_tokens,
        context_tokens,
        max_output_tokens,
    )
    return fitting


def auto_plan(max_input_tokens: int, max_output_tokens: int) -> tuple[Point, ...]:
    """Return prefills at tile edges, doublings and both ends, and decodes at three depths.

    Args:
        max_input_tokens: Longest prompt.
        max_output_tokens: Longest answer.
    """
    prefills = {1, max_input_tokens}
    prefills |= {edge + step for edge in TILE_EDGES for step in NEIGHBOURS}
    prefills |= set(_doublings(max_input_tokens))
    depths = {1 + (max_input_tokens - 1) * rank // (DEPTHS - 1) for rank in range(DEPTHS)}
    answers = {max(2, max_output_tokens // DEPTHS), max_output_tokens}
    points = {Point(length, 1) for length in prefills if length <= max_input_tokens}
    points |= {Point(depth, answer) for depth in depths for answer in answers}
    return tuple(sorted(point for point in points if point.output_tokens <= max_output_tokens))


def _doublings(longest: int) -> Iterator[int]:
    """Yield lengths that double, up to the longest."""
    length = FIRST_DOUBLING
    while length <= longest:
        yield length
        length *= 2


def read_plan(file: Path) -> tuple[Point, ...]:
    """Read the points of a CSV file with the columns ``input_tokens`` and ``output_tokens``.

    Other columns are passed over, and a point that comes twice is one point.

    Raises:
        DataError: If the file is missing, has other columns, or a line is no point.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, skipinitialspace=True)
            names = [name.strip() for name in rows.fieldnames or ()]
            rows.fieldnames = names
            _refuse_other_columns(file, names)
            points = dict.fromkeys(_point(file, line, row) for line, row in _filled(rows))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"expected a plan in {file}, got: {error}; give a CSV file with the columns "
            f"{', '.join(COLUMNS)}, or --plan {AUTO}"
        ) from error
    if not points:
        raise DataError(f"expected at least one point in {file}, got a header alone")
    return tuple(points)


def write_plan(file: Path, points: Sequence[Point]) -> None:
    """Write points as a CSV file that ``read_plan`` reads, in their order.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    lines = [",".join(COLUMNS), *(f"{one.input_tokens},{one.output_tokens}" for one in points)]
    write_file(file, ("\n".join(lines) + "\n").encode())


def _filled(rows: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield line numbers and cells of lines that are not blank."""
    for row in rows:
        if any(cell and str(cell).strip() for cell in row.values()):
            yield rows.line_num, row


def _refuse_other_columns(file: Path, names: list[str]) -> None:
    """Refuse a file without the columns of a plan."""
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        found = ", ".join(names) or "none"
        raise DataError(
            f"expected the columns {', '.join(COLUMNS)} in {file}, got {found}; "
            f"add {' and '.join(missing)}"
        )


def _point(file: Path, line: int, row: dict[str, str | None]) -> Point:
    """Return the point of a line."""
    counts = []
    for column in COLUMNS:
        cell = (row[column] or "").strip()
        short = cell.lstrip("0")[: MOST_DIGITS + 1]
        if not (cell.isascii() and cell.isdigit() and 1 <= int(short or "0") <= MAX_TOKENS):
            raise DataError(
                f"expected {column} in line {line} of {file} to be a whole number between 1 and "
                f"{MAX_TOKENS}, got {cell[:SHOWN_CHARACTERS]!r}"
            )
        counts.append(int(short))
    return Point(*counts)
