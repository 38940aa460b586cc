"""What is asked when traces are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from token2metrics.errors import RequestError
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_parallel, check_quantities
from token2metrics.prediction.conditions import ANYWHERE, Conditions
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.quantities import ENERGY, EXTRAPOLATED, LATENCY
from token2metrics.scoring.defaults import (
    DEFAULT_COMPRESSION,
    DEFAULT_PARTITION_ROWS,
    MOST_PARTITION_ROWS,
    Compression,
)


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Traces to price.

    Attributes:
        inputs: Files, patterns, directories or URLs.
        directory: Where the priced partitions go.
        model: Model of rows that name none.
        conditions: Device of rows that name none, and further conditions of all rows.
        group_by: Columns whose values the totals are split by.
        quantities: Predicted columns to write; ``latency_s`` and ``extrapolated`` always are.
        confidence: Of every interval, 0.5 to 0.99.
        parallel: Answers to each prompt generated at once.
        partition_rows: Rows of each partition.
        only_predictions: Whether to leave out the columns of the input, but for both lengths and
            the groups.
        compression: Of the partitions.
    """

    inputs: tuple[str, ...]
    directory: Path
    model: str | None = None
    conditions: Conditions = ANYWHERE
    group_by: tuple[str, ...] = ()
    quantities: tuple[str, ...] = PREDICTED_COLUMNS
    confidence: float = DEFAULT_CONFIDENCE
    parallel: int = SINGLE
    partition_rows: int = DEFAULT_PARTITION_ROWS
    only_predictions: bool = False
    compression: Compression = DEFAULT_COMPRESSION

    def check(self) -> None:
        """Refuse what cannot be asked.

        Raises:
            RequestError: If an option has no such value.
        """
        check_confidence(self.confidence)
        check_parallel(self.parallel)
        check_quantities(self.quantities)
        if self.directory.parts[:1] and self.directory.parts[0].endswith(":"):
            raise RequestError(
                f"expected --output to be a directory of this machine or a mounted one, got "
                f"{self.directory}; copy the partitions there when they are finished"
            )
        if not 1 <= self.partition_rows <= MOST_PARTITION_ROWS:
            raise RequestError(
                f"expected partition_rows in 1..{MOST_PARTITION_ROWS}, got {self.partition_rows}"
            )
        _refuse_repeated("--group-by", self.group_by)
        _refuse_repeated("--quantities", self.quantities)

    @property
    def written(self) -> tuple[str, ...]:
        """The predicted columns to write: those wanted, and what totals cannot do without."""
        needed = (LATENCY, EXTRAPOLATED)
        return (*self.quantities, *(name for name in needed if name not in self.quantities))

    @property
    def totalled(self) -> tuple[str, ...]:
        """The written quantities that are summed and ranked."""
        return tuple(name for name in (LATENCY, ENERGY) if name in self.written)


def _refuse_repeated(option: str, names: Sequence[str]) -> None:
    """Refuse a name that is given twice."""
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise RequestError(f"expected each name of {option} once, got {repeated[0]!r} again")
