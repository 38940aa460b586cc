"""What a report is asked to say."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.conditions import ANYWHERE, Conditions

DEFAULT_SHOTS = (0, 1, 2, 3, 5, 8)
DEFAULT_DRAWS = 20


class Asked(Struct, frozen=True, kw_only=True):
    """What to look at, and how closely.

    Attributes:
        data: Measurement files to judge by; none means those the models were trained on where
            they are at hand, else the bundled ones.
        models: Names of the models; none means all.
        where: Which of several trainings of a model is meant.
        confidence: Of every interval.
        refits: Whether models are refitted, for held-out predictions and the curve over shots.
        shots: Rows of each kind that refits see, each 0 or more.
        draws: Random draws of each number of rows.
        seed: Of the draws.
        power_logs: Logs of measured power.
        configs: Directory of experiment files; None for the ones that came along.
        torch_device: Where refits run.
    """

    data: tuple[Path, ...] = ()
    models: tuple[str, ...] = ()
    where: Conditions = ANYWHERE
    confidence: float = DEFAULT_CONFIDENCE
    refits: bool = True
    shots: tuple[int, ...] = DEFAULT_SHOTS
    draws: int = DEFAULT_DRAWS
    seed: int = 0
    power_logs: tuple[Path, ...] = ()
    configs: Path | None = None
    torch_device: str = "cpu"


class Watcher(Protocol):
    """Is told how far gathering has come."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""
