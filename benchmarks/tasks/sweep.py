"""A3: the prefill sweep, one prompt length left out at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from benchmarks.datasets import OUTLIER_SHARE, SHORT_NAMES, ordinary, prefill_sweep
from benchmarks.protocol import (
    PERCENT,
    Figure,
    Row,
    at_most,
    experiment_of,
    mean,
    per_model,
    prepared,
    row_apes,
    summarised,
)
from benchmarks.work import Bench, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.vocabulary import Phase

QUICK_STRIDE = 24
TARGETS = at_most({"prefill MAPE %": per_model(1.8, 5.2, 2.9)})
PROTOCOL = (
    "prefill sweep of 3 to 4,119 tokens; {lengths} left out one at a time; training sees every "
    "other row, outliers included; not tested: rows whose latency and latency per token both "
    f"differ by more than {PERCENT * OUTLIER_SHARE:.0f} % from the medians of two lengths on "
    "either side; mean over rows"
)


class PrefillSweep(Group):
    """Leave one length out; the rows of a length leave together."""

    name: ClassVar[str] = "sweep"
    tasks: ClassVar[tuple[str, ...]] = ("A3",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List the lengths with a row to test."""
        found = []
        for model in SHORT_NAMES:
            rows = prefill_sweep(bench.folder).filter(pl.col("model") == model)
            tested = rows.filter(ordinary(rows))
            lengths = tested["input_tokens"].unique().sort().to_list()
            chosen = lengths[:: QUICK_STRIDE if quick else 1]
            found += [Item(self.name, wanted, model, draws=part) for part in chunks(chosen)]
        return found

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train without each length and judge its ordinary rows."""
        rows = prefill_sweep(folder).filter(pl.col("model") == item.model)
        kept = ordinary(rows)
        for length in item.draws:
            left_out = (rows["input_tokens"] == length).to_numpy()
            judge = partial(_judge, item.model, rows.filter(np.array(left_out & kept)))
            yield Trial(prepared(rows.filter(~left_out)), experiment_of(item.model), judge)

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each model."""
        lengths = f"every {QUICK_STRIDE}th length" if quick else "every length"
        return summarised(figures, mean, PROTOCOL.format(lengths=lengths), TARGETS)


def _judge(model: str, test: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the error of each row."""
    errors = row_apes(forecast, Phase.PREFILL, test)
    return [Figure("A3", SHORT_NAMES[model], "prefill MAPE %", float(error)) for error in errors]
