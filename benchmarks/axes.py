"""Axes beyond tokens: ``python benchmarks/axes.py --data FOLDER [--json FILE] [--quick]``.

A power mode from a few of its requests and the rows of another mode; samples in parallel with one
number of samples left out at a time; a device from its sibling.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import polars as pl
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.datasets import (
    SHORT_NAMES,
    as_phase_rows,
    parallel_samples,
    requests_of,
)
from benchmarks.other_devices import Subject, context_sweeps, maxperf
from benchmarks.protocol import (
    PERCENT,
    Figure,
    Row,
    drawn,
    experiment_of,
    mean,
    median,
    prepared,
    shipped_experiments,
    summarised,
)
from benchmarks.tables import print_rows, write_tables
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.data.formats import FormatContext
from token2metrics.modeling.train import Trainer
from token2metrics.parallel import SINGLE
from token2metrics.prediction.predictor import ModelPredictor
from token2metrics.processors.pipeline import PreparedData, prepare_measurements

Floats = NDArray[np.float64]
COUNTS = (1, 2, 3)
DRAWS, QUICK_DRAWS = 20, 3
KNOWN_MODE, NEW_MODE = "Q4_K_M, MAXN", "Q4_K_M, 30W"
KNOWN_DEVICE, NEW_DEVICE = "nvidia-gb10-dgx-spark", "jetson-agx-thor"
MEASURES = ("prefill latency", "decode latency", "decode energy")
LEFT_OUT, CARRIED_OVER = "left out", "carried over"
SINGLE_REQUESTS = 200
"""Requests of one sample that each model is fitted on, beside those of several."""

MODES = (
    "jetson_llm_maxperf, Llama-3.1-8B Q4_K_M under llama.cpp: ten requests in MAXN and K of the "
    "ten in 30 W known, tested on the others in 30 W; median MAPE over {draws} draws"
)
SIBLINGS = (
    "ds4_context_sweep, DeepSeek-V4-Flash: every context on the GB10 and K contexts on the Thor "
    "known, tested on the Thor's others; median MAPE over {draws} draws"
)
SAMPLES = (
    "EdgeReasoning parallel scaling, 128 tokens in and out, 1 to 32 samples at once; {singles} "
    "MMLU requests of the model and its rows of every other number of samples known; energies are "
    "over the metered window"
)
CARRIED = "the same, every number of samples of the other two models known and none of this one"


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


def by_name(subjects: tuple[Subject, ...], end: str) -> Subject:
    """Return the subject whose name ends so."""
    (found,) = (one for one in subjects if one.name.endswith(end))
    return found


def by_length(rows: pl.DataFrame) -> pl.DataFrame:
    """Number requests of each length apart, which share the numbers of their repeats."""
    number = pl.struct("input_tokens", "request").rank("dense")
    return rows.with_columns(request=number.cast(pl.Int64))


def modes(folder: Path, draws: int) -> list[Row]:
    """Judge power modes."""
    known, new = (by_name(maxperf(folder), name) for name in (KNOWN_MODE, NEW_MODE))
    transfer = Transfer(
        "power mode", known.rows, by_length(new.rows), new.experiment, new.experiment, MODES
    )
    return over_draws(transfer, draws)


def siblings(folder: Path, draws: int) -> list[Row]:
    """Judge a new device with a sibling."""
    sweeps = context_sweeps(folder)
    known, new = (
        next(one for one in sweeps if one.experiment.edge.name == device)
        for device in (KNOWN_DEVICE, NEW_DEVICE)
    )
    beside = new.experiment.model_copy(update={"server": known.experiment.edge})
    transfer = Transfer("sibling device", known.rows, new.rows, beside, known.experiment, SIBLINGS)
    return over_draws(transfer, draws)


def over_draws(transfer: Transfer, draws: int) -> list[Row]:
    """Return the median and the 90th percentile over all draws."""
    figures = list(transfer_figures(transfer, draws))
    unlucky = [replace(one, statistic=f"{one.statistic}, p90 of draws") for one in figures]
    words = transfer.protocol.format(draws=draws)
    return summarised(figures, median, words) + summarised(unlucky, ninetieth, words)


def ninetieth(values: Floats) -> float:
    """Return the 90th percentile."""
    return float(np.percentile(values, 90.0))


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


def samples(folder: Path, _: int) -> list[Row]:
    """Judge samples in parallel; nothing is drawn."""
    rows: list[Row] = []
    found = list(sample_figures(folder))
    for protocol in (SAMPLES, CARRIED):
        figures = [figure for words, figure in found if words == protocol]
        words = protocol.format(singles=SINGLE_REQUESTS)
        rows += summarised(figures, mean, words)
    return rows


TASKS: Mapping[str, Callable[[Path, int], list[Row]]] = {
    "modes": modes,
    "siblings": siblings,
    "samples": samples,
}


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
    task: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable.")] = None,
) -> None:
    """Judge power modes, samples in parallel and sibling devices."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    wanted = task or list(TASKS)
    if set(wanted) - set(TASKS):
        raise typer.BadParameter(f"expected --task among {', '.join(TASKS)}")
    rows = [row for name in wanted for row in TASKS[name](data, QUICK_DRAWS if quick else DRAWS)]
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, (), json)


if __name__ == "__main__":
    typer.run(main)
