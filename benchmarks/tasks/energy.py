"""A6 and A7: energy over the decode grid, as the meter reads it over its window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from benchmarks.contenders import OurForecast
from benchmarks.datasets import SHORT_NAMES, decode_grid
from benchmarks.protocol import (
    Figure,
    Floats,
    Row,
    apes,
    at_most,
    column,
    drawn,
    experiment_of,
    mean,
    median,
    per_model,
    prepared,
    summarised,
)
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase

MIN_OUTPUT_TOKENS = 65
QUICK_STRIDE = 18
CELLS = 5
EFFORT = Effort(full=20, quick=1)
BY_LENGTH = "one output length left out"
BY_CELLS = f"K = {CELLS}"
LEFT_OUT = "model left out"
KNOWN_WINDOW = "known window"
PREDICTED_TIME = "from predicted time"
TARGETS = at_most(
    {
        f"energy MAPE %, {BY_LENGTH}, {KNOWN_WINDOW}": per_model(1.0, 1.0, 0.6),
        f"energy MAPE %, {BY_LENGTH}, {PREDICTED_TIME}": per_model(2.2, 1.6, 1.0),
        f"energy MAPE %, {BY_CELLS}, {PREDICTED_TIME}": per_model(2.2, 1.7, 1.2),
        f"energy MAPE %, {LEFT_OUT}, {PREDICTED_TIME}": per_model(6.0, 2.0, 1.5),
    }
)
PROTOCOL = (
    f"decode grid, {MIN_OUTPUT_TOKENS} output tokens and more, energy over the meter's window; "
    f"{BY_LENGTH} ({{lengths}}, mean over cells), or {CELLS} random cells known (median over "
    f"{{draws}} draws), the model alone; {KNOWN_WINDOW}: window and latency as measured; "
    f"{PREDICTED_TIME}: both from the tokens"
)
LEFT_OUT_PROTOCOL = (
    f"decode grid, {MIN_OUTPUT_TOKENS} output tokens and more: latency and energy of the other "
    "two models known, none of the model's own; mean over its cells"
)


@lru_cache
def metered(folder: Path) -> pl.DataFrame:
    """Return the cells that are long enough for the meter."""
    return decode_grid(folder).filter(pl.col("output_tokens") >= MIN_OUTPUT_TOKENS)


class GridEnergy(Group):
    """Window energies of cells, lengths and models left out."""

    name: ClassVar[str] = "energy"
    tasks: ClassVar[tuple[str, ...]] = ("A6", "A7")

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List lengths left out, draws of cells and models left out."""
        found = []
        for model in SHORT_NAMES:
            if "A6" in wanted:
                cells = metered(bench.folder).filter(pl.col("model") == model)
                lengths = cells["output_tokens"].unique().sort().to_list()
                chosen = lengths[:: QUICK_STRIDE if quick else 1]
                found += self._items(model, 0, BY_LENGTH, chosen, "A6")
                found += self._items(model, CELLS, BY_CELLS, EFFORT.draws(quick), "A6")
            if "A7" in wanted:
                found += self._items(model, 0, LEFT_OUT, [0], "A7")
        return found

    def _items(
        self, model: str, count: int, variant: str, draws: Sequence[int], task: str
    ) -> list[Item]:
        """Cut the draws of one variant into items."""
        tasks = frozenset({task})
        return [Item(self.name, tasks, model, count, variant, part) for part in chunks(draws)]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on what is known and judge the other cells' energies."""
        for draw in item.draws:
            data, tested = _split(metered(folder), item, draw)
            yield Trial(data, experiment_of(item.model), partial(_judge, item, tested))

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each model."""
        lengths = f"every {QUICK_STRIDE}th" if quick else "every one"
        protocol = PROTOCOL.format(lengths=lengths, draws=len(EFFORT.draws(quick)))
        by_length = [figure for figure in figures if BY_LENGTH in figure.statistic]
        by_cells = [figure for figure in figures if BY_CELLS in figure.statistic]
        left_out = [figure for figure in figures if figure.task == "A7"]
        return [
            *summarised(by_length, mean, protocol, TARGETS),
            *summarised(by_cells, median, protocol, TARGETS),
            *summarised(left_out, mean, LEFT_OUT_PROTOCOL, TARGETS),
        ]


def _split(cells: pl.DataFrame, item: Item, draw: int) -> tuple[PreparedData, pl.DataFrame]:
    """Return what is known, and the cells to test."""
    own = cells.filter(pl.col("model") == item.model)
    if item.variant == LEFT_OUT:
        return prepared(cells.filter(pl.col("model") != item.model)), own
    if item.variant == BY_CELLS:
        chosen, rest = drawn(len(own), item.count, draw)
        return prepared(own.filter(chosen)), own.filter(rest)
    held = own["output_tokens"] == draw
    return prepared(own.filter(~held)), own.filter(held)


def _judge(item: Item, tested: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the error of each cell of a length, or their mean."""
    (task,) = item.tasks
    figures = []
    for given, errors in _errors(forecast, tested).items():
        statistic = f"energy MAPE %, {item.variant}, {given}"
        values = errors if item.variant == BY_LENGTH else [mean(errors)]
        name = SHORT_NAMES[item.model]
        figures += [Figure(task, name, statistic, float(value)) for value in values]
    return figures


def _errors(forecast: Forecast, cells: pl.DataFrame) -> dict[str, Floats]:
    """Return the energy errors with the measured window, and from tokens alone."""
    tokens = column(cells, "input_tokens"), column(cells, "output_tokens")
    measured = column(cells, "energy_j")
    if not isinstance(forecast, OurForecast):
        return {PREDICTED_TIME: apes(forecast.metered_energy_j(Phase.DECODE, *tokens), measured)}
    window_s, latency_s = column(cells, "energy_window_s"), column(cells, "latency_s")
    known = forecast.window_energy_j(Phase.DECODE, *tokens, window_s, latency_s)
    alone = forecast.window_energy_j(Phase.DECODE, *tokens, None, None)
    return {
        KNOWN_WINDOW: np.asarray(apes(known, measured)),
        PREDICTED_TIME: np.asarray(apes(alone, measured)),
    }
