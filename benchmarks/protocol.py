"""What the accuracy protocols share: figures, rows and targets, preparing and scoring."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.datasets import EDGE_DEVICE, SERVER_DEVICE, SHORT_NAMES
from token2metrics.bench.contender import Forecast
from token2metrics.columns import TOKEN_SETTING
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.data.formats import FormatContext
from token2metrics.experiments import experiments_directory, find_experiment, load_catalog
from token2metrics.processors.pipeline import PreparedData, fingerprint, prepare_measurements
from token2metrics.vocabulary import FITTED_PHASES, Phase

PERCENT = 100.0
TENTH_PERCENTILE = 10.0
Floats = NDArray[np.float64]
Summary = Callable[[Floats], float]


class Bound(StrEnum):
    """On which side of its target a figure has to be."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure has to reach."""

    value: float
    bound: Bound = Bound.AT_MOST

    def holds(self, value: float) -> bool:
        """Return whether a figure reaches the target; nan never does."""
        if self.bound is Bound.AT_MOST:
            return bool(value <= self.value)
        return bool(value >= self.value)


Targets = Mapping[tuple[str, str], Sequence[Target]]
"""The targets of each model and statistic; there may be two, one from each side."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one draw, or of one held-out row.

    Attributes:
        task: Id of the protocol.
        model: Model, or device and model.
        statistic: What is counted, with its unit.
        value: The figure.
    """

    task: str
    model: str
    statistic: str
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the accuracy table.

    Attributes:
        task: Id of the protocol.
        model: Model, or device and model.
        statistic: What is counted, with its unit.
        value: The figure; None where there is none.
        target: What it has to reach; None where the protocol only reports.
        bound: On which side of the target it has to be; None without a target.
        holds: Whether it does; None without a target.
        protocol: Data, draws and split.
        rival: Whose figure the target is; None for a target that was set.
    """

    task: str
    model: str
    statistic: str
    value: float | None
    target: float | None
    bound: str | None
    holds: bool | None
    protocol: str
    rival: str | None = None


def mean(values: Floats) -> float:
    """Return the mean."""
    return float(np.mean(values))


def median(values: Floats) -> float:
    """Return the median."""
    return float(np.median(values))


def tenth(values: Floats) -> float:
    """Return the tenth percentile."""
    return float(np.percentile(values, TENTH_PERCENTILE))


def values_by_key(figures: Sequence[Figure]) -> dict[tuple[str, str, str], Floats]:
    """Gather the values of each task, model and statistic, in order of appearance."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for figure in figures:
        found.setdefault((figure.task, figure.model, figure.statistic), []).append(figure.value)
    return {key: np.array(values) for key, values in found.items()}


def summarised(
    figures: Sequence[Figure], summary: Summary, protocol: str, targets: Targets | None = None
) -> list[Row]:
    """Make the rows of figures: one per statistic, or one per target of it.

    Args:
        figures: Values of all draws.
        summary: What becomes of the values of one statistic.
        protocol: Data, draws and split.
        targets: What to judge.
    """
    rows = []
    for (task, model, statistic), values in values_by_key(figures).items():
        value = summary(values)
        judged = (targets or {}).get((model, statistic), ())
        rows += judged_rows(task, model, statistic, value, judged, protocol)
    return rows


def judged_rows(
    task: str,
    model: str,
    statistic: str,
    value: float,
    targets: Sequence[Target],
    protocol: str,
) -> list[Row]:
    """Judge one figure: a row per target, or one without; what is no number is no figure."""
    shown = value if np.isfinite(value) else None
    if not targets:
        return [Row(task, model, statistic, shown, None, None, None, protocol)]
    return [
        Row(task, model, statistic, shown, t.value, t.bound, t.holds(value), protocol)
        for t in targets
    ]


def at_most(values: Mapping[str, Mapping[str, float]]) -> dict[tuple[str, str], tuple[Target]]:
    """Turn the greatest value of each statistic and model into targets."""
    return {
        (model, statistic): (Target(value),)
        for statistic, by_model in values.items()
        for model, value in by_model.items()
    }


def per_model(*values: float) -> dict[str, float]:
    """Name values after the models, in the order 1.5B, 8B, 14B."""
    return dict(zip(SHORT_NAMES.values(), values, strict=True))


def prepared(rows: pl.DataFrame, edge_device: str = EDGE_DEVICE) -> PreparedData:
    """Take canonical rows through the same file reading and checks as a user's table."""
    context = FormatContext(edge_device, SERVER_DEVICE, lambda name: name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.write_csv(file)
        return prepare_measurements([file], context, DataConfig())


def combined(first: PreparedData, second: PreparedData) -> PreparedData:
    """Put two prepared tables together that share no token setting.

    What many trainings have in common is prepared once; only the drawn rows are new.
    """
    rows = pl.concat([first.rows, second.rows]).sort(TOKEN_SETTING)
    return replace(
        first,
        rows=rows,
        read_by_file={**first.read_by_file, **second.read_by_file},
        fingerprint=fingerprint(rows),
        sources=tuple(sorted({*first.sources, *second.sources})),
    )


@lru_cache
def shipped_experiments() -> tuple[ExperimentConfig, ...]:
    """Return the experiments that come with the project, at their defaults."""
    return tuple(load_catalog(experiments_directory(None)))


def experiment_of(model: str) -> ExperimentConfig:
    """Return the shipped experiment of a model."""
    return find_experiment(shipped_experiments(), model)


def drawn(rows: int, count: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Draw rows without replacement; a larger draw of one seed contains the smaller ones.

    Returns:
        The drawn rows and all others, as masks.
    """
    order = np.random.default_rng(seed).permutation(rows)
    chosen = np.zeros(rows, dtype=bool)
    chosen[order[:count]] = True
    return chosen, ~chosen


def apes(predicted: Floats | None, measured: Floats) -> Floats:
    """Return absolute errors in percent of the measurement; nan without a prediction."""
    if predicted is None:
        return np.full(len(measured), np.nan)
    errors: Floats = PERCENT * np.abs(predicted / measured - 1)
    return errors


def column(rows: pl.DataFrame, name: str) -> Floats:
    """Return a column as floats."""
    return rows.get_column(name).cast(pl.Float64).to_numpy().astype(np.float64)


def row_apes(forecast: Forecast, phase: Phase, rows: pl.DataFrame) -> Floats:
    """Return the latency errors of one phase over canonical rows of that phase."""
    tokens = column(rows, "input_tokens"), column(rows, "output_tokens")
    return apes(forecast.latency_s(phase, *tokens), column(rows, "latency_s"))


def request_apes(forecast: Forecast, requests: pl.DataFrame) -> dict[str, Floats]:
    """Return the latency errors of prefill, decode and both together over requests.

    Both together is the sum of the phases, or what is forecast for whole requests alone.
    """
    input_tokens, output_tokens = column(requests, "input_tokens"), column(
        requests, "output_tokens"
    )
    predicted = {
        phase: forecast.latency_s(phase, input_tokens, output_tokens) for phase in FITTED_PHASES
    }
    measured = {phase: column(requests, f"{phase}_latency_s") for phase in FITTED_PHASES}
    found = {}
    for phase in FITTED_PHASES:
        works = output_tokens > 1 if phase is Phase.DECODE else np.ones(len(requests), dtype=bool)
        forecasts = predicted[phase]
        chosen = None if forecasts is None else forecasts[works]
        found[str(phase)] = apes(chosen, measured[phase][works])
    parts = [part for part in predicted.values() if part is not None]
    if len(parts) == len(FITTED_PHASES):
        together: Floats | None = np.sum(parts, axis=0)
    else:
        together = forecast.latency_s(Phase.REQUEST, input_tokens, output_tokens)
    found["total"] = apes(together, np.sum(list(measured.values()), axis=0))
    return found
