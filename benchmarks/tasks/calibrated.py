"""A2 and A10: a handful of requests, the device's other models known; errors and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import polars as pl

from benchmarks.contenders import OurForecast
from benchmarks.datasets import SHORT_NAMES, as_phase_rows, mmlu_requests, requests_of
from benchmarks.protocol import (
    Bound,
    Figure,
    Row,
    Target,
    at_most,
    combined,
    drawn,
    experiment_of,
    mean,
    median,
    per_model,
    prepared,
    request_apes,
    summarised,
    tenth,
)
from benchmarks.tasks.intervals import COVERAGE, WIDTH, interval_figures
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.processors.pipeline import PreparedData

EFFORT = Effort(full=100, quick=1)
EFFORT_OF_MANY = Effort(full=50, quick=1)
MANY_REQUESTS = 20
"""From so many requests on a training takes twice as long and the draws differ little."""

COUNTS = {"A2": (1, 3, 5, 10), "A10": (5, 10, 20)}
TESTED_INTERVALS = 300
"""Most test requests per draw whose intervals are looked at, drawn at random."""

ERROR_TARGETS = at_most(
    {
        "decode MAPE %, K = 1": per_model(0.25, 0.15, 0.20),
        "decode MAPE %, K = 10": per_model(0.18, 0.12, 0.10),
        "prefill MAPE %, K = 1": per_model(4.5, 4.0, 4.0),
        "prefill MAPE %, K = 10": per_model(3.0, 2.8, 2.8),
    }
)
MEAN_COVERAGE = {5: (85.0, 97.0), 10: (87.0, 93.0), 20: (87.0, 93.0)}
LEAST_TENTH_COVERAGE = {10: 72.0}
MOST_WIDTH = {
    ("prefill", 10): per_model(16.0, 12.0, 12.0),
    ("decode", 10): per_model(0.9, 0.45, 0.30),
}
PROTOCOL = (
    "K random MMLU requests of the model known, and all requests of the other two models; tested "
    "on all other requests; median over {draws} draws"
)
INTERVALS_PROTOCOL = (
    "90 % intervals after K random MMLU requests, the other two models known; up to "
    f"{TESTED_INTERVALS} other requests; over {{draws}} draws, {{many}} at K = {MANY_REQUESTS}"
)


@lru_cache
def other_models(folder: Path, model: str) -> PreparedData:
    """Return the MMLU rows of the device's other models."""
    return prepared(as_phase_rows(mmlu_requests(folder).filter(pl.col("model") != model)))


def effort_of(count: int) -> Effort:
    """Return how many draws a number of requests gets."""
    return EFFORT_OF_MANY if count >= MANY_REQUESTS else EFFORT


class CalibratedRequests(Group):
    """Random requests for calibration, all others for the test."""

    name: ClassVar[str] = "calibrated"
    tasks: ClassVar[tuple[str, ...]] = ("A2", "A10")

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List models, numbers of requests and draws; the protocols share their trainings."""
        counts = sorted({count for task in wanted for count in COUNTS[task]})
        return [
            Item(self.name, tasks, model, count, draws=draws)
            for count in counts
            for tasks in [frozenset(task for task in wanted if count in COUNTS[task])]
            for model in SHORT_NAMES
            for draws in chunks(effort_of(count).draws(quick))
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Draw, train and judge."""
        requests = requests_of(folder, item.model)
        for draw in item.draws:
            chosen, rest = drawn(len(requests), item.count, draw)
            own = prepared(as_phase_rows(requests.filter(chosen)))
            data = combined(other_models(folder, item.model), own)
            judge = partial(_judge, item, draw, requests.filter(rest))
            yield Trial(data, experiment_of(item.model), judge)

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge medians of errors, and coverage and width of intervals."""
        draws = len(EFFORT.draws(quick))
        errors = [figure for figure in figures if figure.task == "A2"]
        found = summarised(errors, median, PROTOCOL.format(draws=draws), ERROR_TARGETS)
        protocol = INTERVALS_PROTOCOL.format(draws=draws, many=len(EFFORT_OF_MANY.draws(quick)))
        covered = [figure for figure in figures if COVERAGE in figure.statistic]
        found += summarised(_named("mean", covered), mean, protocol, _mean_coverage_targets())
        found += summarised(_named("p10 of", covered), tenth, protocol, _tenth_coverage_targets())
        widths = [figure for figure in figures if WIDTH in figure.statistic]
        return found + summarised(_named("median", widths), median, protocol, _width_targets())


def _judge(item: Item, draw: int, test: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return errors over all test requests, and coverage over some."""
    name, asked = SHORT_NAMES[item.model], f"K = {item.count}"
    figures = []
    if "A2" in item.tasks:
        figures += [
            Figure("A2", name, f"{part} MAPE %, {asked}", mean(errors))
            for part, errors in request_apes(forecast, test).items()
        ]
    if "A10" in item.tasks and isinstance(forecast, OurForecast):
        sampled, _ = drawn(len(test), min(TESTED_INTERVALS, len(test)), draw)
        figures += interval_figures(forecast, as_phase_rows(test.filter(sampled)), name, asked)
    return figures


def _named(summary: str, figures: Sequence[Figure]) -> list[Figure]:
    """Put the name of the summary before the statistic."""
    return [
        Figure(figure.task, figure.model, f"{summary} {figure.statistic}", figure.value)
        for figure in figures
    ]


def _mean_coverage_targets() -> dict[tuple[str, str], tuple[Target, ...]]:
    """Return the band of the mean coverage."""
    return {
        (model, f"mean {phase} {COVERAGE}, K = {count}"): (
            Target(least, Bound.AT_LEAST),
            Target(most),
        )
        for count, (least, most) in MEAN_COVERAGE.items()
        for model in SHORT_NAMES.values()
        for phase in ("prefill", "decode")
    }


def _tenth_coverage_targets() -> dict[tuple[str, str], tuple[Target, ...]]:
    """Return the least coverage of an unlucky draw."""
    return {
        (model, f"p10 of {phase} {COVERAGE}, K = {count}"): (Target(least, Bound.AT_LEAST),)
        for count, least in LEAST_TENTH_COVERAGE.items()
        for model in SHORT_NAMES.values()
        for phase in ("prefill", "decode")
    }


def _width_targets() -> dict[tuple[str, str], tuple[Target, ...]]:
    """Return the greatest width."""
    return {
        (model, f"median {phase} {WIDTH}, K = {count}"): (Target(most),)
        for (phase, count), by_model in MOST_WIDTH.items()
        for model, most in by_model.items()
    }
