"""Score traces: find, cut, price by whatever workers there are, and add up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from token2metrics.errors import DataError
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prices
from token2metrics.scoring.directory import (
    Existing,
    finished,
    open_directory,
    pin,
    remove_partial,
)
from token2metrics.scoring.inputs import find_sources
from token2metrics.scoring.partitions import Partition, cut
from token2metrics.scoring.plan import plan_files
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.result import ScoreSummary
from token2metrics.scoring.sketch import RELATIVE_ERROR
from token2metrics.scoring.summary import overall, scored_groups
from token2metrics.scoring.tally import MOST_GROUPS, Key, Tally
from token2metrics.scoring.task import (
    ENDING,
    REJECTED_FOLDER,
    Damage,
    PartitionRecord,
    ScorePartition,
)
from token2metrics.workers.workers import Workers

NO_PRICES: Mapping[str, Prices] = {}


class Watcher(Protocol):
    """Follows a run."""

    def expect(self, rows: int | None, partitions: int, finished: int) -> None:
        """Learn how many rows and partitions are left, and how many partitions are finished."""

    def step(self, rows: int) -> None:
        """Learn that a partition of so many rows is done."""


@dataclass
class Totals:
    """What the finished partitions add up to.

    Attributes:
        tallies: By group and key of the model.
        rejected: Rows set aside, by reason.
        read_rows: Rows read.
    """

    tallies: dict[tuple[Key, str], Tally] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)
    read_rows: int = 0

    def add(self, record: PartitionRecord) -> None:
        """Take in a partition.

        Raises:
            DataError: If there are too many groups.
        """
        self.read_rows += record.read
        self.rejected.update(record.rejected_counts)
        for group in record.groups:
            self.tallies.setdefault((group.key, group.model), Tally()).add(group.tally)
        if len(self.tallies) > MOST_GROUPS:
            raise DataError(
                f"expected at most {MOST_GROUPS:,} groups, got more; group by a column with fewer "
                "values"
            )


def score(
    predictor: Predictor,
    request: ScoreRequest,
    existing: Existing,
    workers: Workers,
    watcher: Watcher,
    prices: Mapping[str, Prices] = NO_PRICES,
) -> ScoreSummary:
    """Price traces into a directory of Parquet partitions.

    Args:
        predictor: The models of an artifact.
        request: What is asked.
        existing: What to do with an earlier run in the directory.
        workers: Who prices the partitions.
        watcher: Follows the run.
        prices: What money is counted with, by key of the model; none for no cost.

    Raises:
        Token2MetricsError: If inputs, options or an earlier run do not fit, or a partition is
            damaged; the others are finished and stay.
    """
    started_s = time.perf_counter()
    request.check()
    shown, request = request.directory, replace(request, directory=request.directory.absolute())
    sources = find_sources(request.inputs)
    plans, places = plan_files(sources, predictor, request)
    partitions = cut(sources, places, request.partition_rows)
    models = [one.model for one in predictor.models]
    pinned = pin(request, models, sources, partitions)
    open_directory(request.directory, pinned, existing)
    totals, left = _resume(request.directory, partitions)
    resumed, before_rows = len(partitions) - len(left), totals.read_rows
    watcher.expect(_rows(left), len(left), resumed)
    _work(ScorePartition(request.directory, plans), left, workers, watcher, totals)
    remove_partial(request.directory)
    wall_s = time.perf_counter() - started_s
    rejected = dict(totals.rejected.most_common())
    return ScoreSummary(
        inputs=request.inputs,
        files=len(sources),
        directory=str(shown),
        partitions=len(partitions),
        resumed=resumed,
        read_rows=totals.read_rows,
        priced_rows=totals.read_rows - sum(rejected.values()),
        rejected_counts=rejected,
        rejected_files=_rejected_files(shown) if rejected else None,
        confidence=request.confidence,
        parallel=request.parallel,
        percentile_error=RELATIVE_ERROR,
        wall_s=wall_s,
        rows_per_s=(totals.read_rows - before_rows) / wall_s if left else None,
        overall=overall(totals.tallies, prices, request.totalled),
        groups=scored_groups(totals.tallies, request.group_by, prices, request.totalled),
    )


def _resume(directory: Path, partitions: Sequence[Partition]) -> tuple[Totals, list[Partition]]:
    """Add up what an earlier run has finished, and return what is left."""
    totals, done = Totals(), set[int]()
    for record in finished(directory, partitions):
        totals.add(record)
        done.add(record.number)
    return totals, [one for one in partitions if one.number not in done]


def _rows(partitions: Sequence[Partition]) -> int | None:
    """Return how many rows partitions have, if that is known of all."""
    rows = [one.rows for one in partitions if one.rows is not None]
    return sum(rows) if len(rows) == len(partitions) else None


def _work(
    task: ScorePartition,
    left: Sequence[Partition],
    workers: Workers,
    watcher: Watcher,
    totals: Totals,
) -> None:
    """Price the partitions that are left.

    Raises:
        DataError: If one is damaged, once the others are done.
    """
    damaged: list[Damage] = []
    for outcome in workers.run(task, left):
        if isinstance(outcome, Damage):
            damaged.append(outcome)
        else:
            totals.add(outcome)
            watcher.step(outcome.read)
    if damaged:
        first = min(damaged, key=lambda one: one.number)
        done = len(left) - len(damaged)
        raise DataError(
            f"{first.reason}; {len(damaged)} of {len(left)} partitions could not be read, "
            f"{done} are finished"
        )


def _rejected_files(directory: Path) -> str:
    """Return the pattern of the files with the rows set aside."""
    return str(directory / REJECTED_FOLDER / f"*{ENDING}")
