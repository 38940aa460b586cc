"""From lines with the power of rails to a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.power.logs.log import ClockKind, PowerLog, ReadOptions
from token2metrics.power.rails import RailChoice, choose_rails, total_of
from token2metrics.power.trace import PowerTrace
from token2metrics.records import PowerScope

SHOWN_REASONS = 3
RAIL_OPTION = "ingest takes a rail by --log-rail"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a log says of one instant.

    Attributes:
        time_s: Seconds on the log's clock.
        watts: Power of each rail.
        hottest_c: Temperature of the hottest sensor.
    """

    time_s: float
    watts: Mapping[str, float]
    hottest_c: float | None = None


@dataclass(slots=True)
class Samples:
    """What was read of a log so far.

    Attributes:
        found: One entry per instant that could be read.
        set_aside: How many lines could not, by reason.
    """

    found: list[Sample] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)

    def log(
        self,
        path: Path,
        name: str,
        clock: ClockKind,
        options: ReadOptions,
        scope: PowerScope | None = None,
    ) -> PowerLog:
        """Build the log.

        Args:
            path: Where it is from.
            name: Name of the format.
            clock: What the times count from.
            options: The rails to sum instead of the board's total.
            scope: What the reading includes, where the format knows better than the rails.

        Raises:
            DataError: If there is no sample, the rails are those of several boards, or of none.
        """
        if not self.found:
            raise DataError(f"expected power readings in {path} ({name}), got none{self._why()}")
        with naming(path):
            choice = _choose(self.found, options.rail)
        total = _summed(self.found, choice)
        if len(total) < len(self.found):
            self.set_aside[f"lacks a rail of {choice.name}"] += len(self.found) - len(total)
        return PowerLog(
            source=str(path),
            format=name,
            clock=clock,
            rail=choice.name,
            scope=scope or choice.scope,
            total=PowerTrace(total),
            traces=_traces(self.found),
            temperatures=_temperatures(self.found),
            set_aside=dict(self.set_aside),
        )

    def _why(self) -> str:
        """Say what was wrong with the lines most of the time."""
        reasons = self.set_aside.most_common(SHOWN_REASONS)
        return "".join(f"; {count} times: {reason}" for reason, count in reasons)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file, and the option for its rail, in the errors of a block that chooses rails.

    Raises:
        DataError: As the block does, with the path before the words.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}; {RAIL_OPTION}") from error


def _names(samples: Sequence[Sample]) -> set[str]:
    """Return the rails that occur."""
    return {name for sample in samples for name in sample.watts}


def _choose(samples: Sequence[Sample], rail: str | None) -> RailChoice:
    """Return the wanted rails, or the total of most samples."""
    return _common_choice(samples) if rail is None else choose_rails(_names(samples), rail)


def _common_choice(samples: Sequence[Sample]) -> RailChoice:
    """Return the total of most samples.

    Raises:
        DataError: If no board's is that of more than half of the samples that have one.
    """
    choices = Counter(
        choice for sample in samples if (choice := total_of(sample.watts)) is not None
    )
    if not choices:
        return choose_rails(_names(samples))
    choice, count = choices.most_common(1)[0]
    if 2 * count <= choices.total():
        boards = ", ".join(f"{other.name} in {many}" for other, many in choices.most_common())
        raise DataError(
            f"expected the log of one board, got rails of several ({boards}); split the "
            f"file or choose a rail"
        )
    return choice


def _summed(samples: Sequence[Sample], choice: RailChoice) -> list[tuple[float, float]]:
    """Return seconds and watts of the samples that have all chosen rails."""
    return [
        (sample.time_s, sum(sample.watts[rail] for rail in choice.rails))
        for sample in samples
        if sample.watts.keys() >= set(choice.rails)
    ]


def _traces(samples: Sequence[Sample]) -> dict[str, PowerTrace]:
    """Return the power of each rail."""
    return {
        name: PowerTrace(
            (sample.time_s, sample.watts[name]) for sample in samples if name in sample.watts
        )
        for name in sorted(_names(samples))
    }


def _temperatures(samples: Sequence[Sample]) -> tuple[tuple[float, float], ...]:
    """Return the temperatures in the order of time."""
    known = {
        (sample.time_s, sample.hottest_c) for sample in samples if sample.hottest_c is not None
    }
    return tuple(sorted(known))
