"""The seam of the checks: who can carry an exported file out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from token2metrics.errors import Token2MetricsError
from token2metrics.export.target import Bundle

Request = tuple[float, float]
"""Input and output tokens."""

Answers = Mapping[str, Sequence[Sequence[float | None]]]
"""By identifier of the model, for each request, every quantity in order; None where unknown."""

LONGEST_RUN_S = 120.0
SHOWN_LINES = 3


class ExportError(Token2MetricsError):
    """An exported file does not say what the predictor says."""


class Tool(ABC):
    """Something that reads one format.

    Attributes:
        name: What it is called.
    """

    name: ClassVar[str]

    @abstractmethod
    def present(self) -> bool:
        """Return whether it is on this machine."""

    @abstractmethod
    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts.

        Args:
            path: The file.
            bundle: What it was written from.
            requests: Token counts that a request can have.

        Raises:
            ExportError: If it cannot be carried out.
        """


def known(value: float | None) -> float | None:
    """Return a number, or None for what is not a number."""
    return None if value is None or value != value else float(value)


def in_rows(
    bundle: Bundle, requests: Sequence[Request], lines: Sequence[Sequence[float | None]]
) -> Answers:
    """Return lines, all requests of the first model first, by model."""
    count = len(requests)
    return {
        one.identifier: [list(map(known, line)) for line in lines[count * at : count * (at + 1)]]
        for at, one in enumerate(bundle.models)
    }
