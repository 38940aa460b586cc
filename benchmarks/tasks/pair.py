"""A8 and the calibration methods: from a server's curve to the edge device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import polars as pl

from benchmarks.datasets import as_phase_rows, requests_of, server_grid
from benchmarks.protocol import (
    Figure,
    Floats,
    Row,
    Target,
    at_most,
    combined,
    drawn,
    experiment_of,
    judged_rows,
    mean,
    median,
    prepared,
    request_apes,
    summarised,
    values_by_key,
)
from benchmarks.tasks.calibrated import other_models
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.config import CalibrationConfig, CalibrationMethod, ExperimentConfig
from token2metrics.processors.pipeline import PreparedData

MODEL = "dsr1-llama-8b"
COUNTS = (1, 3, 10)
EFFORT = Effort(full=20, quick=1)
SURPASSED_EFFORT = Effort(full=5, quick=1)
METHODS_EFFORT = Effort(full=3, quick=1)
METHODS_COUNT = 5
DRAWS_PER_METHOD_ITEM = 1
QUICK_METHODS = (CalibrationMethod.AUTO, CalibrationMethod.DIRECT)
BANDWIDTH_RATIO = 1555 / 204.8
"""Nominal memory bandwidth of an A100 40 GB over that of the Orin, for the manual method."""

WITH_OTHERS = "other models known"
SERVER_ONLY = "server only"
NEITHER = "neither"
VARIANTS = (WITH_OTHERS, SERVER_ONLY, NEITHER)
SURPASSED = (CalibrationMethod.SIMPLE_SCALING, CalibrationMethod.LINEAR_FIT)
JUDGED_PARTS = ("total", "prefill")
TARGETS = at_most(
    {
        f"total MAPE %, {WITH_OTHERS}, auto": {
            "8B, K = 1": 0.15,
            "8B, K = 3": 0.11,
            "8B, K = 10": 0.09,
        },
        f"prefill MAPE %, {WITH_OTHERS}, auto": {
            "8B, K = 1": 3.8,
            "8B, K = 3": 3.2,
            "8B, K = 10": 2.6,
        },
    }
)
PROTOCOL = (
    "A100 Llama-3-8B grid (37 requests) to DSR1-Llama-8B on the Orin; K random MMLU requests, "
    "tested on all others; median MAPE over {draws} draws; family auto; other models known: grid "
    "and all MMLU requests of the device's other two; neither: the K requests alone; below: both "
    "with the grid and the K requests known, medians over the same {surpassed} draws"
)
METHODS_PROTOCOL = (
    f"the same with the grid and {METHODS_COUNT} requests known, every calibration method; the "
    "manual factor is the ratio of nominal memory bandwidths; {draws} draws"
)


@lru_cache
def known_before(folder: Path, variant: str) -> PreparedData:
    """Return what is known beside the drawn requests."""
    grid = prepared(server_grid(folder))
    return combined(other_models(folder, MODEL), grid) if variant == WITH_OTHERS else grid


def carried_by(method: CalibrationMethod) -> ExperimentConfig:
    """Return the shipped experiment with one calibration method."""
    calibration = CalibrationConfig(method=method, scale_factor=BANDWIDTH_RATIO)
    return experiment_of(MODEL).model_copy(update={"calibration": calibration})


class ServerToEdge(Group):
    """A curve of the same model shape on a server, and a few requests on the device."""

    name: ClassVar[str] = "pair"
    tasks: ClassVar[tuple[str, ...]] = ("A8", "pair")

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List what is known, methods and draws; a rival has no calibration methods."""
        found = []
        ours = bench.is_ours
        if "A8" in wanted:
            auto = [(variant, CalibrationMethod.AUTO) for variant in VARIANTS]
            simple = [(SERVER_ONLY, method) for method in SURPASSED if ours]
            compared = chunks(SURPASSED_EFFORT.draws(quick), DRAWS_PER_METHOD_ITEM)
            for count in COUNTS:
                found += self._items("A8", count, auto, chunks(EFFORT.draws(quick)))
            for count in COUNTS[:1] if quick else COUNTS:
                found += self._items("A8", count, simple, compared)
        if "pair" in wanted and ours:
            methods = QUICK_METHODS if quick else tuple(CalibrationMethod)
            cases = [(SERVER_ONLY, method) for method in methods]
            draws = chunks(METHODS_EFFORT.draws(quick), DRAWS_PER_METHOD_ITEM)
            found += self._items("pair", METHODS_COUNT, cases, draws)
        return found

    def _items(
        self,
        task: str,
        count: int,
        cases: Sequence[tuple[str, CalibrationMethod]],
        draws: Sequence[tuple[int, ...]],
    ) -> list[Item]:
        """Build the items of one number of requests."""
        return [
            Item(self.name, frozenset({task}), method, count, variant, part)
            for variant, method in cases
            for part in draws
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on each draw and judge the other requests."""
        requests = requests_of(folder, MODEL)
        experiment = carried_by(CalibrationMethod(item.model))
        for draw in item.draws:
            chosen, rest = drawn(len(requests), item.count, draw)
            data = prepared(as_phase_rows(requests.filter(chosen)))
            if item.variant != NEITHER:
                data = combined(known_before(folder, item.variant), data)
            yield Trial(data, experiment, partial(_judge, item, requests.filter(rest)))

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge ``auto`` against its targets and against the simple methods."""
        protocol = PROTOCOL.format(
            draws=len(EFFORT.draws(quick)), surpassed=len(SURPASSED_EFFORT.draws(quick))
        )
        carried = [figure for figure in figures if figure.task == "A8"]
        methods = [figure for figure in figures if figure.task == "pair"]
        return [
            *summarised(carried, median, protocol, TARGETS),
            *_surpassed(values_by_key(carried), protocol),
            *summarised(
                methods,
                median,
                METHODS_PROTOCOL.format(draws=len(METHODS_EFFORT.draws(quick))),
            ),
        ]


def _judge(item: Item, test: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the errors over the other requests."""
    (task,) = item.tasks
    name = f"8B, K = {item.count}" if task == "A8" else f"8B, {item.model}"
    case = f", {item.variant}, {item.model}" if task == "A8" else ""
    return [
        Figure(task, name, f"{part} MAPE %{case}", mean(errors))
        for part, errors in request_apes(forecast, test).items()
    ]


def _surpassed(values: Mapping[tuple[str, str, str], Floats], protocol: str) -> list[Row]:
    """Compare ``auto`` with each simple method: same rows known, same draws."""
    rows = []
    for task, model, statistic in values:
        part, _, method = statistic.partition(f" MAPE %, {SERVER_ONLY}, ")
        if part not in JUDGED_PARTS or method not in SURPASSED:
            continue
        rival = values[task, model, statistic]
        auto = values[task, model, f"{part} MAPE %, {SERVER_ONLY}, {CalibrationMethod.AUTO}"]
        rows += judged_rows(
            task,
            model,
            f"{part} MAPE %, {SERVER_ONLY}, auto below {method}",
            median(auto[: len(rival)]),
            [Target(median(rival))],
            protocol,
        )
    return rows
