"""What the accuracy protocols share: training on a frame, judging on requests, one table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.datasets import EDGE_DEVICE, SERVER_DEVICE
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.data.formats import FormatContext
from token2metrics.experiments import experiments_directory, find_experiment, load_catalog
from token2metrics.modeling.train import Trainer
from token2metrics.prediction.predictor import ModelPredictor
from token2metrics.processors.pipeline import PreparedData, prepare_measurements
from token2metrics.vocabulary import FITTED_PHASES, Phase

PERCENT = 100.0
Apes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the accuracy table.

    Attributes:
        task: Id of the protocol.
        model: Model, or device and model.
        statistic: What is counted.
        value: The figure, in percent.
        target: The most it may be; None where the protocol only reports.
        holds: Whether it is met; None without a target.
        protocol: Data, draws and split.
    """

    task: str
    model: str
    statistic: str
    value: float
    target: float | None
    holds: bool | None
    protocol: str


def row(
    task: str, model: str, statistic: str, value: float, protocol: str, target: float | None = None
) -> Row:
    """Judge one figure against its target."""
    holds = None if target is None else bool(value <= target)
    return Row(task, model, statistic, value, target, holds, protocol)


def write_rows(rows: Sequence[Row], file: Path) -> None:
    """Write the table as JSON."""
    file.write_text(json.dumps({"rows": [asdict(item) for item in rows]}, indent=1) + "\n")


def prepared(rows: pl.DataFrame) -> PreparedData:
    """Take canonical rows through the same file reading and checks as a user's table."""
    context = FormatContext(EDGE_DEVICE, SERVER_DEVICE, lambda name: name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows.write_csv(file)
        return prepare_measurements([file], context, DataConfig())


def shipped_experiments() -> list[ExperimentConfig]:
    """Return the experiments that come with the project, at their defaults."""
    return load_catalog(experiments_directory(None))


def train(rows: PreparedData, experiment: ExperimentConfig) -> FittedModel:
    """Train one model with the device's other models in the catalogue."""
    return Trainer(rows, shipped_experiments(), lambda step: None).train(experiment).model


def experiment_of(model: str) -> ExperimentConfig:
    """Return the shipped experiment of a model."""
    return find_experiment(shipped_experiments(), model)


def phase_apes(model: FittedModel, requests: pl.DataFrame) -> dict[str, Apes]:
    """Return absolute relative errors of prefill, decode and total latency over requests."""
    predictor = ModelPredictor(model)
    lengths = requests.select("input_tokens", "output_tokens").rows()
    measured = {
        Phase.PREFILL: requests["prefill_latency_s"].to_numpy(),
        Phase.DECODE: requests["decode_latency_s"].to_numpy(),
    }
    predicted = {phase: np.zeros(len(lengths)) for phase in FITTED_PHASES}
    for phase in FITTED_PHASES:
        for index, (input_tokens, output_tokens) in enumerate(lengths):
            cost = predictor.phase_cost(phase, input_tokens, output_tokens)
            predicted[phase][index] = np.nan if cost is None else cost.latency_s
    decoded = requests["output_tokens"].to_numpy() > 1
    total = measured[Phase.PREFILL] + measured[Phase.DECODE]
    together = predicted[Phase.PREFILL] + predicted[Phase.DECODE]
    errors = {
        "prefill": np.abs(predicted[Phase.PREFILL] / measured[Phase.PREFILL] - 1),
        "decode": np.abs(predicted[Phase.DECODE] - measured[Phase.DECODE])[decoded]
        / measured[Phase.DECODE][decoded],
        "total": np.abs(together / total - 1),
    }
    return {name: PERCENT * apes for name, apes in errors.items()}
