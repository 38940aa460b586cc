"""A4: decode latency over the grid, by folds and for a model left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from benchmarks.datasets import ENERGY, SHORT_NAMES, decode_grid
from benchmarks.protocol import (
    Figure,
    Row,
    at_most,
    combined,
    drawn,
    experiment_of,
    mean,
    median,
    per_model,
    prepared,
    row_apes,
    summarised,
)
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase

FOLDS = 5
FOLD_SEED = 0
EFFORT = Effort(full=20, quick=1)
TESTED_FOLDS = Effort(full=FOLDS, quick=1)
BY_FOLDS = "5-fold"
LEFT_OUT = "left out, K = 0"
LEFT_OUT_BUT_ONE = "left out, K = 1"
TARGETS = at_most(
    {
        f"decode MAPE %, {BY_FOLDS}": per_model(0.12, 0.65, 0.08),
        f"decode MAPE %, {LEFT_OUT}": per_model(3.0, 0.8, 0.8),
        f"decode MAPE %, {LEFT_OUT_BUT_ONE}": per_model(0.25, 0.9, 0.15),
    }
)
PROTOCOL = (
    "decode grid, 2 output tokens and more; 5-fold: random cells of the model alone, mean over "
    "all; left out: the grids of the other two models known, and none or one random cell of the "
    "model (median over {draws} draws), tested on its other cells"
)


def latencies(folder: Path) -> pl.DataFrame:
    """Return the grid without its energies."""
    return decode_grid(folder).drop(ENERGY)


@lru_cache
def other_grids(folder: Path, model: str) -> PreparedData:
    """Return the latencies of the other models."""
    return prepared(latencies(folder).filter(pl.col("model") != model))


class DecodeGrid(Group):
    """Folds of one model's grid, and models without rows of their own."""

    name: ClassVar[str] = "grid"
    tasks: ClassVar[tuple[str, ...]] = ("A4",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List folds, models left out and draws of one cell."""
        found = []
        for model in SHORT_NAMES:
            folds = [(fold,) for fold in TESTED_FOLDS.draws(quick)]
            found += [Item(self.name, wanted, model, 0, BY_FOLDS, fold) for fold in folds]
            found.append(Item(self.name, wanted, model, 0, LEFT_OUT))
            found += [
                Item(self.name, wanted, model, 1, LEFT_OUT_BUT_ONE, draws)
                for draws in chunks(EFFORT.draws(quick))
            ]
        return found

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on what is known and judge the other cells."""
        rows = latencies(folder).filter(pl.col("model") == item.model)
        for draw in item.draws:
            data, tested = _split(rows, item, draw, folder)
            yield Trial(data, experiment_of(item.model), partial(_judge, item, tested))

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each model."""
        protocol = PROTOCOL.format(draws=len(EFFORT.draws(quick)))
        folded = [figure for figure in figures if BY_FOLDS in figure.statistic]
        others = [figure for figure in figures if BY_FOLDS not in figure.statistic]
        return summarised(folded, mean, protocol, TARGETS) + summarised(
            others, median, protocol, TARGETS
        )


def _split(
    rows: pl.DataFrame, item: Item, draw: int, folder: Path
) -> tuple[PreparedData, pl.DataFrame]:
    """Return what is known, and the rows to test."""
    if item.variant == BY_FOLDS:
        order = np.random.default_rng(FOLD_SEED).permutation(len(rows))
        held = order % FOLDS == draw
        return prepared(rows.filter(~held)), rows.filter(held)
    others = other_grids(folder, item.model)
    if not item.count:
        return others, rows
    chosen, rest = drawn(len(rows), item.count, draw)
    return combined(others, prepared(rows.filter(chosen))), rows.filter(rest)


def _judge(item: Item, tested: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the error of each cell of a fold, or their mean."""
    errors = row_apes(forecast, Phase.DECODE, tested)
    values = errors if item.variant == BY_FOLDS else [mean(errors)]
    statistic = f"decode MAPE %, {item.variant}"
    return [Figure("A4", SHORT_NAMES[item.model], statistic, float(value)) for value in values]
