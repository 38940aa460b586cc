"""How good the answers of models are, as the user tells it: per model, and per token cap."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from token2metrics.artifact.manifest import ModelRecord
from token2metrics.errors import DataError
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS

MODEL, QUALITY = "model", "quality"
CAP, PARALLEL, PRECISION = "max_output_tokens", "parallel", "precision"
REQUIRED = (MODEL, QUALITY)
KNOWN = (*REQUIRED, CAP, PARALLEL, PRECISION)
FIRST_ROW = 1


@dataclass(frozen=True, slots=True)
class Quality:
    """How good answers are.

    Attributes:
        model: Any name of the model.
        quality: Any number; more is better.
        max_output_tokens: Cap on the tokens of an answer; None for answers of any length.
        parallel: Samples it holds for; None for any number.
        precision: Precision it holds for; None for any.
    """

    model: str
    quality: float
    max_output_tokens: int | None = None
    parallel: int | None = None
    precision: str | None = None

    def fits(self, record: ModelRecord, parallel: int) -> bool:
        """Return whether it tells about a model with so many samples.

        Args:
            record: The model.
            parallel: Samples generated at once.
        """
        precision = (record.precision or "").casefold()
        return (
            record.answers_to(self.model)
            and self.parallel in (None, parallel)
            and (self.precision is None or self.precision.casefold() == precision)
        )


def read_qualities(file: Path) -> tuple[Quality, ...]:
    """Read a CSV file of qualities.

    Args:
        file: Columns ``model`` and ``quality``, and if wanted ``max_output_tokens``, ``parallel``
            and ``precision``; names without case, blank cells for any. Further columns are not
            read.

    Raises:
        DataError: If it cannot be read, lacks a column, holds no row or a bad one, or tells twice
            about the same.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header, *lines = [*csv.reader(stream)] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {file} as a CSV file: {error}") from error
    names = [name.strip().casefold() for name in header]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise DataError(
            f"expected the columns model and quality in {file}, got {', '.join(names) or 'nothing'}"
        )
    repeated = [name for name in KNOWN if names.count(name) > 1]
    if repeated:
        raise DataError(f"expected one column {repeated[0]} in {file}, got several; remove one")
    qualities = [
        _quality(file, number, dict(zip(names, cells, strict=False)))
        for number, cells in enumerate(lines, start=FIRST_ROW)
        if any(cell.strip() for cell in cells)
    ]
    _check(file, qualities)
    return tuple(qualities)


def _quality(file: Path, number: int, cells: Mapping[str, str]) -> Quality:
    """Read one row."""
    where = f"row {number} of {file}"
    stated = {name: cells.get(name, "").strip() for name in KNOWN}
    if not stated[MODEL]:
        raise DataError(f"expected a model in {where}, got a blank cell")
    return Quality(
        model=stated[MODEL],
        quality=_number(stated[QUALITY], where),
        max_output_tokens=_count(CAP, stated[CAP], MAX_TOKENS, where),
        parallel=_count(PARALLEL, stated[PARALLEL], MAX_PARALLEL, where),
        precision=stated[PRECISION] or None,
    )


def _number(text: str, where: str) -> float:
    """Read a quality."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"expected quality to be a number in {where}, got {text!r}")
    return value


def _count(name: str, text: str, most: int, where: str) -> int | None:
    """Read a whole number of at least 1; None for a blank cell."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value == math.floor(value) and 1 <= value <= most):
        raise DataError(f"expected {name} to be a whole number 1..{most} in {where}, got {text!r}")
    return int(value)


def _check(file: Path, qualities: Sequence[Quality]) -> None:
    """Refuse no rows, and two that tell about the same."""
    if not qualities:
        raise DataError(f"expected at least one row in {file}, got none")
    seen = set()
    for one in qualities:
        precision = (one.precision or "").casefold()
        key = (one.model.casefold(), one.max_output_tokens, one.parallel, precision)
        if key in seen:
            cap = "" if one.max_output_tokens is None else f" at {one.max_output_tokens} tokens"
            raise DataError(
                f"expected one quality of {one.model}{cap} in {file}, got several; remove one"
            )
        seen.add(key)
