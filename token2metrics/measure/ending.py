"""How a run can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stop(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    OUT_OF_TIME = "out of time"
    ENGINE_LOST = "engine lost"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        stop: Why.
        seconds: How long it took.
        message: How the engine failed; None where it did not.
    """

    stop: Stop
    seconds: float
    message: str | None = None
