"""Several samples at once: a number of them left out, and all of a model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.datasets import SHORT_NAMES, as_phase_rows, parallel_samples, requests_of
from benchmarks.protocol import PERCENT, Figure, experiment_of, prepared
from benchmarks.transfers import trained
from token2metrics.parallel import SINGLE
from token2metrics.prediction.model_predictor import ModelPredictor

LEFT_OUT, CARRIED_OVER = "left out", "carried over"
SINGLE_REQUESTS = 200
"""Requests of one sample that each model is fitted on, beside those of several."""

SAMPLES = (
    "EdgeReasoning parallel scaling, 128 tokens in and out, 1 to 32 samples at once; {singles} "
    "MMLU requests of the model and its rows of every other number of samples known; energies are "
    "over the metered window"
)
CARRIED = "the same, every number of samples of the other two models known and none of this one"


def sample_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    """Leave out one number of samples at a time, then all rows of several samples of a model."""
    rows = parallel_samples(folder)
    singles = {
        model: as_phase_rows(requests_of(folder, model).head(SINGLE_REQUESTS))
        for model in SHORT_NAMES
    }
    for model, name in SHORT_NAMES.items():
        own = rows.filter(pl.col("model") == model)
        counts = own.filter(pl.col("parallel") > SINGLE)["parallel"].unique().sort().to_list()
        for count in counts:
            known = own.filter(pl.col("parallel") != count)
            table = pl.concat((singles[model], known), how="diagonal_relaxed")
            predictor = trained(prepared(table), experiment_of(model))
            found = judged(predictor, own, (count,), name, LEFT_OUT)
            yield from ((SAMPLES, figure) for figure in found)
        others = rows.filter((pl.col("model") != model) | (pl.col("parallel") == 1))
        table = pl.concat((*singles.values(), others), how="diagonal_relaxed")
        predictor = trained(prepared(table), experiment_of(model))
        found = judged(predictor, own, counts, name, CARRIED_OVER)
        yield from ((CARRIED, figure) for figure in found)


def judged(
    predictor: ModelPredictor,
    own: pl.DataFrame,
    counts: Sequence[int],
    name: str,
    task: str,
) -> Iterator[Figure]:
    """Compare requests of several samples, relative to the same campaign's request of one."""
    alone_s, alone_w = campaign(own, SINGLE)
    single_s, single_w = asked(predictor, own, SINGLE)
    for count in counts:
        truth_s, truth_w = campaign(own, count)
        several_s, several_w = asked(predictor, own, count)
        errors = {
            "latency": several_s / single_s * alone_s / truth_s - 1.0,
            "mean power": several_w / single_w * alone_w / truth_w - 1.0,
        }
        for quantity, error in errors.items():
            percent = PERCENT * abs(error)
            yield Figure(f"parallel, {task}", name, f"{quantity} MAPE %", percent)
            if task == LEFT_OUT:
                statistic = f"{quantity} error %, {count} at once"
                yield Figure(f"parallel, {task}", name, statistic, percent)


def campaign(own: pl.DataFrame, count: int) -> tuple[float, float]:
    """Return the measured seconds and mean watts of a number of samples."""
    rows = own.filter(pl.col("parallel") == count)
    power_w = rows["energy_j"] / rows["energy_window_s"]
    return float(np.median(rows["latency_s"].to_numpy())), float(np.median(power_w.to_numpy()))


def asked(predictor: ModelPredictor, own: pl.DataFrame, count: int) -> tuple[float, float]:
    """Return the predicted seconds of the request, and mean watts of its decode."""
    given, generated = own.select("input_tokens", "output_tokens").row(0)
    prediction = predictor(given, generated, parallel=count)
    assert prediction.latency_s is not None
    power_w = prediction.decode.power_w
    return prediction.latency_s, np.nan if power_w is None else power_w
