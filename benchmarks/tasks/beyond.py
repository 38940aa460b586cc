"""A5, and the outside part of A10: calibrated on short requests, tested on long ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import polars as pl

from benchmarks.contenders import OurForecast
from benchmarks.datasets import (
    SHORT_NAMES,
    as_phase_rows,
    ordinary,
    prefill_sweep,
    requests_of,
)
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
    row_apes,
    summarised,
)
from benchmarks.tasks.calibrated import other_models
from benchmarks.tasks.intervals import COVERAGE, WIDTH, interval_figures
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.vocabulary import FITTED_PHASES

EFFORT = Effort(full=20, quick=1)
REQUESTS = 3
MOST_INPUT_TOKENS = 512
MOST_OUTPUT_TOKENS = 256
SHORTEST_SWEPT = 513
LONGEST_SWEPT = 4097
ALONE = "A5"
WITH_OTHERS = "A5 with other models"
OUTSIDE = "outside"
LEAST_COVERAGE = 85.0
TESTED_INTERVALS = 300
"""Most test rows per phase and draw whose intervals are looked at."""

TARGETS = at_most(
    {
        "prefill MAPE %": per_model(5.0, 6.0, 4.5),
        "decode MAPE %": per_model(0.3, 0.3, 0.3),
    }
)
PROTOCOL = (
    f"{REQUESTS} random MMLU requests of at most {MOST_INPUT_TOKENS} input and "
    f"{MOST_OUTPUT_TOKENS} output tokens; tested on the prefill sweep of {SHORTEST_SWEPT} to "
    f"{LONGEST_SWEPT} tokens, outliers out by A3's rule, and on the decode of all MMLU requests "
    f"of more than {MOST_OUTPUT_TOKENS} output tokens; median over {{draws}} draws"
)


def long_rows(folder: Path, model: str) -> pl.DataFrame:
    """Return the test rows of a model, canonical: long prompts and long answers."""
    sweep = prefill_sweep(folder).filter(pl.col("model") == model)
    swept = sweep.filter(ordinary(sweep)).filter(
        pl.col("input_tokens").is_between(SHORTEST_SWEPT, LONGEST_SWEPT)
    )
    requests = requests_of(folder, model)
    answers = as_phase_rows(requests.filter(pl.col("output_tokens") > MOST_OUTPUT_TOKENS))
    return pl.concat([swept, answers.filter(pl.col("phase") == "decode")])


class BeyondRange(Group):
    """Far outside of what was measured."""

    name: ClassVar[str] = "beyond"
    tasks: ClassVar[tuple[str, ...]] = ("A5", "A10")

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List models and draws; the intervals are those with the other models known."""
        variants = [ALONE, WITH_OTHERS] if "A5" in wanted else [WITH_OTHERS]
        return [
            Item(self.name, wanted, model, REQUESTS, variant, draws)
            for variant in variants
            for model in SHORT_NAMES
            for draws in chunks(EFFORT.draws(quick))
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on short requests and judge long ones."""
        short = requests_of(folder, item.model).filter(
            pl.col("input_tokens") <= MOST_INPUT_TOKENS,
            pl.col("output_tokens") <= MOST_OUTPUT_TOKENS,
        )
        test = long_rows(folder, item.model)
        for draw in item.draws:
            chosen, _ = drawn(len(short), item.count, draw)
            data = prepared(as_phase_rows(short.filter(chosen)))
            if item.variant == WITH_OTHERS:
                data = combined(other_models(folder, item.model), data)
            yield Trial(data, experiment_of(item.model), partial(_judge, item, draw, test))

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge errors where only the requests are known, and coverage."""
        protocol = PROTOCOL.format(draws=len(EFFORT.draws(quick)))
        alone = [figure for figure in figures if figure.task == ALONE]
        others = [figure for figure in figures if figure.task == WITH_OTHERS]
        covered = [figure for figure in figures if COVERAGE in figure.statistic]
        widths = [figure for figure in figures if WIDTH in figure.statistic]
        least = {
            (model, f"{phase} {COVERAGE}, {OUTSIDE}"): (Target(LEAST_COVERAGE, Bound.AT_LEAST),)
            for model in SHORT_NAMES.values()
            for phase in FITTED_PHASES
        }
        return [
            *summarised(alone, median, protocol, TARGETS),
            *summarised(others, median, f"{protocol}; the other two models known"),
            *summarised(covered, mean, f"90 % intervals, mean: {protocol}", least),
            *summarised(widths, median, f"90 % intervals: {protocol}"),
        ]


def _judge(item: Item, draw: int, test: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return errors over all long rows, and coverage over some."""
    name = SHORT_NAMES[item.model]
    figures = []
    if "A5" in item.tasks:
        for phase in FITTED_PHASES:
            errors = row_apes(forecast, phase, test.filter(pl.col("phase") == phase))
            figures.append(Figure(item.variant, name, f"{phase} MAPE %", mean(errors)))
    judged = item.variant == WITH_OTHERS and "A10" in item.tasks
    if judged and isinstance(forecast, OurForecast):
        sample = pl.col("latency_s").cum_count().shuffle(seed=draw).over("phase")
        shown = test.filter(sample <= TESTED_INTERVALS)
        figures += interval_figures(forecast, shown, name, OUTSIDE)
    return figures
