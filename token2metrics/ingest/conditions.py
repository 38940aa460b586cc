"""What the user tells of measurements beside what their files tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from msgspec.structs import replace

from token2metrics.precision import normal_precision
from token2metrics.records import Record

RENAMED = ("device", "model")
"""Names, which are the user's to give: tools write file names and names of processors."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds for all rows; None where nothing is said.

    Attributes:
        device: Device slug, in place of what the files say.
        model: Model, in place of what the files say.
        precision: Precision of the weights, where the files tell none; so are the following.
        power_mode: Power mode of the device.
        runtime: Inference engine.
        parallel: Requests in flight together.
    """

    device: str | None = None
    model: str | None = None
    precision: str | None = None
    power_mode: str | None = None
    runtime: str | None = None
    parallel: int | None = None

    @property
    def given(self) -> Mapping[str, str | int]:
        """What is said."""
        named = ((one.name, getattr(self, one.name)) for one in fields(self))
        return {name: value for name, value in named if value is not None}


def fill(record: Record, conditions: Conditions) -> Record:
    """Add to a record what the user tells.

    Args:
        record: As its file tells it.
        conditions: What the user tells.
    """
    changes = {
        name: value
        for name, value in conditions.given.items()
        if name in RENAMED or getattr(record, name) is None
    }
    return replace(record, **changes)


def contradicted(records: Sequence[Record], conditions: Conditions) -> Mapping[str, int]:
    """Count the rows whose file tells another fact than the user; the file is believed.

    Args:
        records: As their files tell them.
        conditions: What the user tells.
    """
    counts = {
        name: sum(_differs(name, getattr(record, name), value) for record in records)
        for name, value in conditions.given.items()
        if name not in RENAMED
    }
    return {name: count for name, count in counts.items() if count}


def _differs(name: str, told: str | int | None, given: str | int) -> bool:
    """Return whether a fact is told and is another than the given one."""
    if told is None:
        return False
    if name == "precision":
        return normal_precision(str(told)) != normal_precision(str(given))
    return str(told).casefold() != str(given).casefold()


def unknown(records: Sequence[Record]) -> Mapping[str, int]:
    """Count, for everything the user could tell, the rows that lack it.

    Args:
        records: Rows as they are to be written.
    """
    counts = {
        one.name: sum(getattr(record, one.name) is None for record in records)
        for one in fields(Conditions)
    }
    return {name: count for name, count in counts.items() if count}
