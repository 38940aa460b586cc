"""Pieces of work that a pool of processes can take one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from benchmarks.contenders import Ours
from benchmarks.protocol import Figure, Row, shipped_experiments
from token2metrics.bench.contender import Contender, Forecast, Known, NotApplicableError
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

    @property
    def training(self) -> Item:
        """The item without its protocols: what tells its trainings apart."""
        return replace(self, tasks=frozenset())


@dataclass(frozen=True, slots=True)
class Job:
    """An item and who takes part in it."""

    item: Item
    contenders: tuple[str, ...]

    def parts(self) -> list[Job]:
        """Return a job per protocol; none where there is but one."""
        tasks = sorted(self.item.tasks)
        if len(tasks) < 2:
            return []
        return [replace(self, item=replace(self.item, tasks=frozenset({task}))) for task in tasks]


@dataclass(slots=True)
class Answer:
    """What one contender made of an item.

    Attributes:
        figures: Of all draws.
        refusal: Why it cannot learn from one of the draws.
        remarks: Where it has no say and why, without repeats.
    """

    figures: list[Figure] = field(default_factory=list)
    refusal: str | None = None
    remarks: dict[str, None] = field(default_factory=dict)

    def join(self, other: Answer) -> None:
        """Add what the contender made of the same trainings under another protocol."""
        self.figures += other.figures
        self.refusal = self.refusal or other.refusal
        self.remarks |= other.remarks

    def take(self, trial: Trial, contender: Contender) -> None:
        """Let the contender learn one draw and judge it; after a refusal nothing more."""
        if self.refusal is not None:
            return
        try:
            forecast = contender.fit(trial.known)
        except NotApplicableError as error:
            self.refusal = str(error)
            self.figures.clear()
            return
        self.figures += trial.judge(forecast)
        self.remarks |= dict.fromkeys(forecast.remarks)


@dataclass(frozen=True, slots=True)
class Trial:
    """One training and its judge.

    Attributes:
        data: Everything a contender may know.
        experiment: The model and device to forecast.
        judge: Turns a forecast into figures.
        catalog: Known experiments; None for those that come with the project.
    """

    data: PreparedData
    experiment: ExperimentConfig
    judge: Callable[[Forecast], list[Figure]]
    catalog: Sequence[ExperimentConfig] | None = None

    @property
    def known(self) -> Known:
        """What a contender may learn from."""
        catalog = shipped_experiments() if self.catalog is None else self.catalog
        return Known(self.data, self.experiment, catalog)


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
    def trials(self, item: Item, folder: Path) -> Iterator[Trial]:
        """Yield the trainings of one piece of work."""

    @abstractmethod
    def rows(self, figures: Sequence[Figure], quick: bool) -> list[Row]:
        """Summarise the figures of all pieces and judge them."""


def chunks(draws: Iterable[int], size: int = DRAWS_PER_ITEM) -> list[tuple[int, ...]]:
    """Cut draws into pieces of work."""
    seeds = tuple(draws)
    return [seeds[start : start + size] for start in range(0, len(seeds), size)]


def answers(trials: Iterable[Trial], contenders: Sequence[Contender]) -> dict[str, Answer]:
    """Let every contender learn every draw, prepared once for all."""
    found = {contender.name: Answer() for contender in contenders}
    for trial in trials:
        for contender in contenders:
            found[contender.name].take(trial, contender)
    return found
