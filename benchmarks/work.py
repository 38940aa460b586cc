"""Pieces of work that a pool of processes can take one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders import CONTENDERS, Ours
from benchmarks.protocol import Figure, Row, shipped_experiments
from token2metrics.bench.contender import Forecast, Known
from token2metrics.config import ExperimentConfig
from token2metrics.processors.pipeline import PreparedData

DRAWS_PER_ITEM = 5
"""Small enough that two processes end together, large enough that few tables are sent."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How many draws a protocol takes, in full and in a hurry."""

    full: int
    quick: int

    def draws(self, quick: bool) -> range:
        """Return the seeds of the draws."""
        return range(self.quick if quick else self.full)


@dataclass(frozen=True, slots=True)
class Item:
    """Some draws of one model under one protocol.

    Attributes:
        group: Name of the group that can do it.
        tasks: The protocols whose figures are wanted.
        model: Model, or whatever the group tells its cases apart by.
        count: Calibration requests.
        variant: What else is known, or how it is fitted.
        draws: Seeds, or numbers of held-out parts.
    """

    group: str
    tasks: frozenset[str]
    model: str
    count: int = 0
    variant: str = ""
    draws: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the measurements are and who is judged.

    Attributes:
        folder: Folder of the public measurements.
        contender: Name of the contender.
    """

    folder: Path
    contender: str

    @property
    def is_ours(self) -> bool:
        """Return whether it is this project that is judged."""
        return self.contender == Ours.name

    def fit(
        self,
        data: PreparedData,
        experiment: ExperimentConfig,
        catalog: Sequence[ExperimentConfig] | None = None,
    ) -> Forecast:
        """Let the contender learn from prepared rows.

        Args:
            data: Everything it may know.
            experiment: The model and device to forecast.
            catalog: Known experiments; None for those that come with the project.
        """
        known = Known(data, experiment, shipped_experiments() if catalog is None else catalog)
        return CONTENDERS[self.contender]().fit(known)


class Group(ABC):
    """Protocols that share their trainings.

    Attributes:
        name: Unique name.
        tasks: Ids of the protocols.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]

    @abstractmethod
    def items(self, bench: Bench, wanted: frozenset[str], quick: bool) -> list[Item]:
        """List the work for the wanted protocols."""

    @abstractmethod
    def run(self, item: Item, bench: Bench) -> list[Figure]:
        """Do one piece of work."""

    @abstractmethod
    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Summarise the figures of all pieces and judge them."""


def chunks(draws: Iterable[int], size: int = DRAWS_PER_ITEM) -> list[tuple[int, ...]]:
    """Cut draws into pieces of work."""
    seeds = tuple(draws)
    return [seeds[start : start + size] for start in range(0, len(seeds), size)]
