"""What the tests of scoring share: traces in every format, and runs of the library."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import DataError
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.scoring.directory import Existing
from token2metrics.scoring.partitions import Partition
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.result import ScoreSummary
from token2metrics.scoring.run import score
from token2metrics.scoring.task import Damage, PartitionRecord, ScorePartition
from token2metrics.workers.workers import ThreadWorkers, Workers

LONGEST_PROMPT, LONGEST_ANSWER = 6_000, 2_000
USERS = ("ann", "bob", None)


class Unwatched:
    """A watcher that shows nothing, and remembers."""

    def __init__(self) -> None:
        self.finished = 0
        self.rows = 0

    def expect(self, rows: int | None, partitions: int, finished: int) -> None:
        """Learn how much is left."""
        self.finished = finished

    def step(self, rows: int) -> None:
        """Learn that a partition is done."""
        self.rows += rows


def draw_trace(rows: int, seed: int = 1) -> pl.DataFrame:
    """Draw a trace with users."""
    chance = Random(seed)
    return pl.DataFrame(
        {
            "id": range(rows),
            "user": [chance.choice(USERS) for _ in range(rows)],
            "input_tokens": [chance.randrange(LONGEST_PROMPT) for _ in range(rows)],
            "output_tokens": [chance.randrange(LONGEST_ANSWER) for _ in range(rows)],
        },
        schema_overrides={"user": pl.String},
    )


def predictor_of(*models: FittedModel) -> Predictor:
    """Return models as an artifact."""
    return Predictor(tuple(ModelPredictor(model) for model in models))


def scored(
    predictor: Predictor,
    request: ScoreRequest,
    existing: Existing = Existing.REFUSE,
    workers: Workers | None = None,
) -> ScoreSummary:
    """Score without a screen."""
    return score(predictor, request, existing, workers or ThreadWorkers(), Unwatched())


def rows_of(directory: Path) -> pl.DataFrame:
    """Return the priced rows of a directory, in order."""
    return pl.read_parquet(directory / "part-*.parquet")


def rejected_of(directory: Path) -> pl.DataFrame:
    """Return the rejected rows of a directory, in order."""
    return pl.read_parquet(directory / "rejected" / "*.parquet")


class Moment(StrEnum):
    """When a worker is killed."""

    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


DOOMED = {2: Moment.BEFORE, 3: Moment.WITHIN, 5: Moment.AFTER}
"""Partitions whose first worker is killed: before, within, or when all their files are written."""

SOON_S = 0.005


@dataclass(frozen=True)
class KilledOnce:
    """Prices partitions; the first process that comes to a doomed one dies of SIGKILL.

    Attributes:
        task: Prices partitions.
        markers: Holds a file for each moment at which a process has died.
    """

    task: ScorePartition
    markers: Path

    def __call__(self, partition: Partition) -> PartitionRecord | Damage:
        """Price a partition, or die."""
        moment = DOOMED.get(partition.number)
        if moment is None or (self.markers / moment).exists():
            return self.task(partition)
        (self.markers / moment).touch()
        if moment is Moment.WITHIN:
            threading.Timer(SOON_S, os.kill, (os.getpid(), signal.SIGKILL)).start()
        if moment is not Moment.BEFORE:
            self.task(partition)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives SIGKILL")


def refusing(number: int) -> int:
    """Refuse to work."""
    raise DataError(f"no work on {number}")


def dying(number: int) -> int:
    """Die whenever it is tried."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number
