"""A1: the rows that EdgeReasoning fits on and tests on, in the order of the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks.datasets import SHORT_NAMES, as_phase_rows, requests_of
from benchmarks.protocol import (
    Figure,
    Row,
    at_most,
    experiment_of,
    mean,
    per_model,
    prepared,
    request_apes,
    summarised,
)
from benchmarks.work import Bench, Group, Item, Trial
from token2metrics.bench.contender import Forecast

TRAINED_ROWS = 100
TEST_ROWS = 50
TARGETS = at_most(
    {
        "prefill MAPE %": per_model(1.2, 0.6, 1.3),
        "decode MAPE %": per_model(0.10, 0.10, 0.10),
        "total MAPE %": per_model(0.10, 0.10, 0.10),
    }
)
PROTOCOL = (
    "MMLU requests in file order, repeated token pairs dropped: rows 0-99 of the model train, "
    "rows 100-149 test; nothing else is known"
)


class OrderedRows(Group):
    """Fixed rows for training and testing."""

    name: ClassVar[str] = "ordered"
    tasks: ClassVar[tuple[str, ...]] = ("A1",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List the models."""
        return [Item(self.name, wanted, model) for model in SHORT_NAMES]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on the first rows and judge the next."""
        rows = requests_of(folder, item.model).unique(
            ["input_tokens", "output_tokens"], keep="first", maintain_order=True
        )
        data = prepared(as_phase_rows(rows.head(TRAINED_ROWS)))
        test = rows.slice(TRAINED_ROWS, TEST_ROWS)

        def judge(forecast: Forecast) -> list[Figure]:
            return [
                Figure("A1", SHORT_NAMES[item.model], f"{part} MAPE %", mean(found))
                for part, found in request_apes(forecast, test).items()
            ]

        yield Trial(data, experiment_of(item.model), judge)

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each model."""
        return summarised(figures, mean, PROTOCOL, TARGETS)
