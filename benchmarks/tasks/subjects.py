"""Part A: five calibration requests per subject, for all three models at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.datasets import SHORT_NAMES, as_phase_rows, mmlu_requests
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
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast

EFFORT = Effort(full=3, quick=1)
SEEDS_PER_ITEM = 1
ROWS_PER_SUBJECT = 5
ROWS_OF_14B = 75
MODEL_OF_FEW_ROWS = "dsr1-qwen-14b"
TARGETS = at_most(
    {
        "decode MAPE %": per_model(0.20, 0.12, 0.10),
        "prefill MAPE %": per_model(1.6, 1.4, 1.5),
    }
)
PROTOCOL = (
    "MMLU requests on the Orin; 5 calibration requests per subject, 75 in all for 14B, drawn per "
    "seed; tested on the rest; mean MAPE over {seeds} seeds"
)


def calibration_requests(requests: pl.DataFrame, seed: int) -> NDArray[np.bool_]:
    """Draw the calibration requests of every model, as a mask over the requests."""
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(requests), dtype=bool)
    models = requests["model"].to_numpy()
    subjects = requests["subject"].to_numpy()
    for model in SHORT_NAMES:
        own = np.flatnonzero(models == model)
        if model == MODEL_OF_FEW_ROWS:
            chosen[generator.choice(own, ROWS_OF_14B, replace=False)] = True
            continue
        for subject in np.unique(subjects[own]):
            rows = own[subjects[own] == subject]
            count = min(ROWS_PER_SUBJECT, len(rows))
            chosen[generator.choice(rows, count, replace=False)] = True
    return chosen


class Subjects(Group):
    """The default settings on real requests, a handful of each subject for calibration."""

    name: ClassVar[str] = "subjects"
    tasks: ClassVar[tuple[str, ...]] = ("mmlu",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List models and seeds."""
        return [
            Item(self.name, wanted, model, draws=seeds)
            for model in SHORT_NAMES
            for seeds in chunks(EFFORT.draws(quick), SEEDS_PER_ITEM)
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on each seed's requests and judge the model's others."""
        requests = mmlu_requests(folder)
        for seed in item.draws:
            chosen = calibration_requests(requests, seed)
            data = prepared(as_phase_rows(requests.filter(chosen)))
            test = requests.filter(~chosen).filter(pl.col("model") == item.model)
            yield Trial(data, experiment_of(item.model), partial(_judge, item.model, test))

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each model."""
        protocol = PROTOCOL.format(seeds=len(EFFORT.draws(quick)))
        return summarised(figures, mean, protocol, TARGETS)


def _judge(model: str, test: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the errors over the other requests."""
    return [
        Figure("mmlu", SHORT_NAMES[model], f"{part} MAPE %", mean(errors))
        for part, errors in request_apes(forecast, test).items()
    ]
