"""Rows known elsewhere, a few at home: our transfer, one factor, and the few alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.protocol import (
    PERCENT,
    Figure,
    Row,
    drawn,
    median,
    shipped_experiments,
    summarised,
)
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.data.formats import FormatContext
from token2metrics.modeling.train import Trainer
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.processors.pipeline import PreparedData, prepare_measurements

Floats = NDArray[np.float64]
COUNTS = (1, 2, 3)
MEASURES = ("prefill latency", "decode latency", "decode energy")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Rows known elsewhere, and requests at home of which a few are known.

    Attributes:
        task: Name of the protocol.
        elsewhere: The known rows.
        home: The rows of which a draw is known.
        experiment: What is trained.
        moved: What is trained on the rows elsewhere alone.
        protocol: In words.
    """

    task: str
    elsewhere: pl.DataFrame
    home: pl.DataFrame
    experiment: ExperimentConfig
    moved: ExperimentConfig
    protocol: str


def trained(data: PreparedData, experiment: ExperimentConfig) -> ModelPredictor:
    """Train one model at its defaults."""
    catalog = [experiment, *(e for e in shipped_experiments() if e.model.id != experiment.model.id)]
    return ModelPredictor(Trainer(data, catalog, _silent).train(experiment).model)


def _silent(_: str) -> None:
    """Show no progress."""


def in_mode(rows: pl.DataFrame, experiment: ExperimentConfig, mode: str) -> PreparedData:
    """Prepare rows for a fit in one power mode."""
    context = FormatContext(experiment.edge.name, "server", lambda name: name)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.write_csv(file)
        return prepare_measurements([file], context, DataConfig(power_mode=mode))


def predicted(predictor: ModelPredictor, rows: pl.DataFrame, measure: str) -> Floats:
    """Return a measure of each row; nan where nothing tells it."""
    phase, _, quantity = measure.partition(" ")
    found = []
    for given, generated in rows.select("input_tokens", "output_tokens").iter_rows():
        part = getattr(predictor(given, generated), phase)
        value = part.latency_s if quantity == "latency" else part.energy_j
        found.append(np.nan if value is None else value)
    return np.array(found)


def measured(rows: pl.DataFrame, measure: str) -> tuple[pl.DataFrame, Floats]:
    """Return the rows that tell a measure, and its values."""
    phase, _, quantity = measure.partition(" ")
    column = "latency_s" if quantity == "latency" else "energy_j"
    told = rows.filter(pl.col("phase") == phase)
    if column not in rows.columns:
        return told.clear(), np.array([])
    told = told.filter(pl.col(column).is_not_null())
    return told, told[column].to_numpy().astype(np.float64)


def mape(values: Floats, truth: Floats) -> float:
    """Return the mean absolute error in percent."""
    return float(PERCENT * np.mean(np.abs(values / truth - 1.0)))


def transfer_figures(transfer: Transfer, draws: int) -> Iterator[Figure]:
    """Judge our transfer, one factor, and the known rows at home alone on every draw."""
    there_mode = str(transfer.elsewhere["power_mode"][0])
    there = trained(in_mode(transfer.elsewhere, transfer.moved, there_mode), transfer.moved)
    requests = transfer.home["request"].unique().sort()
    for count in COUNTS:
        for draw in range(draws):
            chosen, _ = drawn(len(requests), count, draw)
            known = pl.col("request").is_in(requests.filter(pl.Series(chosen)).implode())
            told, test = transfer.home.filter(known), transfer.home.filter(~known)
            for measure, name, error in errors_of(transfer, there, told, test):
                yield Figure(transfer.task, name, f"{measure} MAPE %, K = {count}", error)


def errors_of(
    transfer: Transfer, there: ModelPredictor, told: pl.DataFrame, test: pl.DataFrame
) -> Iterator[tuple[str, str, float]]:
    """Yield measure, contender and error of one draw."""
    mode = str(transfer.home["power_mode"][0])
    everything = pl.concat((transfer.elsewhere, told), how="diagonal_relaxed")
    ours = trained(in_mode(everything, transfer.experiment, mode), transfer.experiment)
    alone = trained(in_mode(told, transfer.experiment, mode), transfer.experiment)
    for measure in MEASURES:
        rows, truth = measured(test, measure)
        given, seen = measured(told, measure)
        if not len(truth) or not len(seen):
            continue
        factor = float(np.mean(seen / predicted(there, given, measure)))
        forecasts = {
            "ours": predicted(ours, rows, measure),
            "one factor": factor * predicted(there, rows, measure),
            "its rows alone": predicted(alone, rows, measure),
        }
        for name, values in forecasts.items():
            yield measure, name, mape(values, truth)


def over_draws(transfer: Transfer, draws: int) -> list[Row]:
    """Return the median and the 90th percentile over all draws."""
    figures = list(transfer_figures(transfer, draws))
    unlucky = [replace(one, statistic=f"{one.statistic}, p90 of draws") for one in figures]
    words = transfer.protocol.format(draws=draws)
    return summarised(figures, median, words) + summarised(unlucky, ninetieth, words)


def ninetieth(values: Floats) -> float:
    """Return the 90th percentile."""
    return float(np.percentile(values, 90.0))
