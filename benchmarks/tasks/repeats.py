"""A9: repeats on a Jetson with sound meters, two of five known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import polars as pl

from benchmarks.other_devices import Subject, maxperf
from benchmarks.protocol import (
    Figure,
    Row,
    Target,
    apes,
    column,
    mean,
    prepared,
    row_apes,
    summarised,
)
from benchmarks.work import Bench, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast
from token2metrics.vocabulary import Phase

REPEATS = 5
KNOWN_REPEATS = 2
CHOICES = tuple(combinations(range(1, REPEATS + 1), KNOWN_REPEATS))
QUICK_CHOICES = 2
CHOICES_PER_ITEM = 2
GREATEST = {"decode latency MAPE %": 1.0, "decode energy MAPE %": 2.0}
PROTOCOL = (
    "Llama-3.1-8B in llama.cpp on the Orin, wall clock and energy of three rails; prompts of 52 "
    "and 15,718 tokens; two of five repeats known, tested on the other three; mean over "
    "{choices} choices"
)


class Repeats(Group):
    """What one measurement says about the next one of the same setting."""

    name: ClassVar[str] = "repeats"
    tasks: ClassVar[tuple[str, ...]] = ("A9",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List quantisations with power modes, and choices of repeats."""
        choices = range(QUICK_CHOICES if quick else len(CHOICES))
        return [
            Item(self.name, wanted, subject.name, draws=part)
            for subject in maxperf(bench.folder)
            for part in chunks(choices, CHOICES_PER_ITEM)
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on two repeats and judge the decode of the others."""
        (subject,) = [s for s in maxperf(folder) if s.name == item.model]
        for draw in item.draws:
            known = pl.col("request").is_in(CHOICES[draw])
            data = prepared(subject.rows.filter(known), subject.experiment.edge.name)
            tested = subject.rows.filter(~known, pl.col("phase") == Phase.DECODE)
            judge = partial(_judge, subject, tested)
            yield Trial(data, subject.experiment, judge, [subject.experiment])

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge each group."""
        names = dict.fromkeys(figure.model for figure in figures)
        targets = {
            (name, statistic): (Target(most),)
            for name in names
            for statistic, most in GREATEST.items()
        }
        protocol = PROTOCOL.format(choices=QUICK_CHOICES if quick else len(CHOICES))
        return summarised(figures, mean, protocol, targets)


def _judge(subject: Subject, tested: pl.DataFrame, forecast: Forecast) -> list[Figure]:
    """Return the errors of latency and energy."""
    tokens = column(tested, "input_tokens"), column(tested, "output_tokens")
    energies = forecast.energy_j(Phase.DECODE, *tokens)
    errors = {
        "latency": row_apes(forecast, Phase.DECODE, tested),
        "energy": apes(energies, column(tested, "energy_j")),
    }
    return [
        Figure("A9", subject.name, f"decode {what} MAPE %", mean(found))
        for what, found in errors.items()
    ]
