"""What the parts of the study share: pieces of work, points, and what many points come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from benchmarks.protocol import Floats

LOWER_PERCENTILE = 10.0
UPPER_PERCENTILE = 90.0
SIGNIFICANT_DIGITS = 5

Key: TypeAlias = tuple[str, str, str, int, str]
"""Study, model, case, known rows and part."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some draws of one ablation.

    Attributes:
        study: Name of the part of the study that can do it.
        model: Model id.
        case: What is known, or how it is fitted.
        count: Known rows.
        draws: Seeds, or numbers of held-out parts.
    """

    study: str
    model: str
    case: str
    count: int
    draws: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one draw, or of one held-out row.

    Attributes:
        piece: Where it comes from.
        part: What is counted.
        value: The value, in percent.
    """

    piece: Piece
    part: str
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What the points of all draws come to.

    Attributes:
        study: Part of the study.
        model: Model id.
        case: What is known, or how it is fitted.
        count: Known rows.
        part: What is counted.
        median: Median.
        low: Tenth percentile.
        high: Ninetieth percentile.
        mean: Mean.
        points: How many.
    """

    study: str
    model: str
    case: str
    count: int
    part: str
    median: float
    low: float
    high: float
    mean: float
    points: int


class Found:
    """Every summary of a study, by what it is about."""

    def __init__(self, summaries: Iterable[Summary]) -> None:
        self._by_key = {
            (one.study, one.model, one.case, one.count, one.part): one for one in summaries
        }

    @classmethod
    def of(cls, points: Sequence[Point]) -> Found:
        """Reduce the points of every draw."""
        values: dict[Key, list[float]] = {}
        for point in points:
            piece = point.piece
            key = (piece.study, piece.model, piece.case, piece.count, point.part)
            values.setdefault(key, []).append(point.value)
        return cls(_summary(key, np.array(of_key)) for key, of_key in values.items())

    @classmethod
    def read(cls, file: Path) -> Found:
        """Return what ``write`` wrote."""
        return cls(Summary(**one) for one in json.loads(file.read_text()))

    @property
    def summaries(self) -> list[Summary]:
        """Return all of them, sorted."""
        return [self._by_key[key] for key in sorted(self._by_key)]

    def get(self, study: str, model: str, case: str, count: int, part: str) -> Summary | None:
        """Return one of them; None where there is none."""
        return self._by_key.get((study, model, case, count, part))

    def series(
        self, study: str, model: str, case: str, part: str, counts: Sequence[int]
    ) -> list[tuple[int, Summary]]:
        """Return those of ascending numbers of known rows, with their places among these."""
        found = [self.get(study, model, case, count, part) for count in counts]
        return [(place, one) for place, one in enumerate(found) if one is not None]

    def write(self, file: Path) -> None:
        """Write all of them as JSON, a line each."""
        lines = [json.dumps(_rounded(asdict(one))) for one in self.summaries]
        file.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _summary(key: Key, values: Floats) -> Summary:
    """Reduce the values of one key."""
    low, high = np.percentile(values, [LOWER_PERCENTILE, UPPER_PERCENTILE])
    middle, average = float(np.median(values)), float(np.mean(values))
    return Summary(*key, middle, float(low), float(high), average, len(values))


def _rounded(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields with as many digits as mean anything."""
    return {
        name: float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value
        for name, value in fields.items()
    }
