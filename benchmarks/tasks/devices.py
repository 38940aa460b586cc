"""A11: other devices, models and engines, against the textbook fit of the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from benchmarks.contenders import DirectNnls
from benchmarks.other_devices import Subject, context_sweeps, phones_and_laptops, pilot
from benchmarks.protocol import (
    Figure,
    Row,
    Target,
    drawn,
    judged_rows,
    mean,
    median,
    prepared,
    row_apes,
    summarised,
    values_by_key,
)
from benchmarks.work import Bench, Effort, Group, Item, Trial, chunks
from token2metrics.bench.contender import Forecast, Known
from token2metrics.vocabulary import FITTED_PHASES

REQUESTS = 5
EFFORT = Effort(full=5, quick=1)
QUICK_STRIDE = 8
RATIO = "error over that of NNLS"
MOST_RATIO = 0.8
ERROR = "MAPE %"
NNLS_ERROR = "MAPE % of NNLS"
TOLD_ERROR = "MAPE % of NNLS told every row"
RATIOS = {ERROR: RATIO, TOLD_ERROR: "error of NNLS told every row over that of NNLS"}
"""The second says how far rows that nobody has beforehand would bring the textbook law."""

PROTOCOL = (
    f"{REQUESTS} random requests of each model on a device known, tested on its others; per "
    "group (device, model and phase) the median MAPE over {draws} draws; medians over {groups} "
    "groups; NNLS: relative non-negative least squares on [1, I], and on [S, S I + S (S + 1) / 2]"
)


@lru_cache
def subjects(folder: Path) -> tuple[Subject, ...]:
    """Return every model on every second device."""
    return (*context_sweeps(folder), *phones_and_laptops(folder), *pilot(folder))


class OtherDevices(Group):
    """Nothing known but a handful of requests."""

    name: ClassVar[str] = "devices"
    tasks: ClassVar[tuple[str, ...]] = ("A11",)

    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List subjects and draws."""
        return [
            Item(self.name, wanted, subject.name, REQUESTS, draws=part)
            for subject in subjects(bench.folder)[:: QUICK_STRIDE if quick else 1]
            for part in chunks(EFFORT.draws(quick))
        ]

    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Train on each draw and judge the other requests."""
        (subject,) = [s for s in subjects(folder) if s.name == item.model]
        siblings = [s for s in subjects(folder) if s.setting == subject.setting]
        catalog = [sibling.experiment for sibling in siblings]
        for draw in item.draws:
            masks = {s.name: _drawn_requests(s, item.count, draw) for s in siblings}
            own = subject.rows.filter(masks[subject.name])
            table = pl.concat([s.rows.filter(masks[s.name]) for s in siblings])
            device = subject.experiment.edge.name
            data = prepared(table, device)
            phases = own["phase"].unique().implode()
            tested = subject.rows.filter(~masks[subject.name], pl.col("phase").is_in(phases))
            textbook = {
                statistic: DirectNnls().fit(
                    Known(prepared(rows, device), subject.experiment, catalog)
                )
                for statistic, rows in ((NNLS_ERROR, own), (TOLD_ERROR, tested))
            }
            judge = partial(_judge, subject, tested, textbook)
            yield Trial(data, subject.experiment, judge, catalog)

    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Judge the median over all groups; report each source and phase."""
        medians = {key: median(values) for key, values in values_by_key(figures).items()}
        groups = [
            Figure(task, model.split(":")[0], statistic, value)
            for (task, model, statistic), value in medians.items()
        ]
        ratios = _ratios(medians, ERROR)
        draws = len(EFFORT.draws(quick))
        protocol = PROTOCOL.format(draws=draws, groups=len(ratios))
        if not ratios:
            return []
        overall = median(np.array([figure.value for figure in ratios]))
        judged = judged_rows(
            "A11", "all groups", f"median {RATIO}", overall, [Target(MOST_RATIO)], protocol
        )
        told = [
            Figure(
                "A11", "all groups", f"median {figure.statistic.partition(' ')[2]}", figure.value
            )
            for figure in _ratios(medians, TOLD_ERROR)
        ]
        return judged + summarised(groups + ratios + told, median, protocol)


def _drawn_requests(subject: Subject, count: int, draw: int) -> pl.Expr:
    """Return which rows belong to the requests that a draw knows."""
    requests = subject.rows["request"].unique().sort()
    chosen, _ = drawn(len(requests), count, draw)
    return pl.col("request").is_in(requests.filter(chosen).implode())


def _ratios(medians: dict[tuple[str, str, str], float], divided: str) -> list[Figure]:
    """Divide one error of each group by that of the textbook fit."""
    found = []
    for (task, model, statistic), value in medians.items():
        phase, _, kind = statistic.partition(" ")
        if kind == divided:
            rival = medians[task, model, f"{phase} {NNLS_ERROR}"]
            name = f"{phase} {RATIOS[divided]}"
            found.append(Figure(task, model.split(":")[0], name, value / rival))
    return found


def _judge(
    subject: Subject, tested: pl.DataFrame, textbook: Mapping[str, Forecast], forecast: Forecast
) -> list[Figure]:
    """Return the errors of each phase; a phase without rows to test gives no figure."""
    figures = []
    for phase in FITTED_PHASES:
        rows = tested.filter(pl.col("phase") == phase)
        if rows.is_empty():
            continue
        for statistic, one in {ERROR: forecast, **textbook}.items():
            error = mean(row_apes(one, phase, rows))
            figures.append(Figure("A11", subject.name, f"{phase} {statistic}", error))
    return figures
