"""What the tests of findings share: a gathered report, and findings that need no training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from tests.synthetic import row
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.findings.asked import Asked
from token2metrics.findings.findings import Findings, ModelFindings
from token2metrics.findings.gather import gather
from token2metrics.findings.points import STANDING
from token2metrics.findings.shown import Point, Standing
from token2metrics.vocabulary import Phase

__all__ = ["gathered"]

QUICK = Asked(draws=3, shots=(0, 1, 3))
REQUESTS = ((1, 2), (64, 2), (65, 17), (400, 200), (4_096, 1_024))


class Counting:
    """A watcher that counts.

    Attributes:
        expected: Steps announced.
        done: Steps done, in words.
    """

    def __init__(self) -> None:
        self.expected = 0
        self.done: list[str] = []

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""
        self.expected = steps

    def step(self, what: str) -> None:
        """Learn that a step is done."""
        self.done.append(what)


def gathered_from(
    directory: Path, asked: Asked = QUICK, watcher: Counting | None = None
) -> Findings:
    """Return what there is to say of the models of a directory."""
    return gather(load_artifact(directory), directory, asked, watcher or Counting())


@pytest.fixture(scope="session")
def gathered(trained_artifact: Path) -> Findings:
    """Return what there is to say of a measured model and of one carried over."""
    return gathered_from(trained_artifact)


def rows_of(model: FittedModel, standing: Standing, metered: bool = True) -> pl.DataFrame:
    """Return rows of every kind at some requests, as prepared rows of a model have them."""
    energy: dict[str, Any] = {"energy_j": 40.0, "energy_window_s": 3.0, "energy_samples": 30.0}
    names = {"device": model.record.device, "model": model.record.id}
    rows = [
        row(phase, request, 2.0, **names, **(energy if metered else {}))
        for request in REQUESTS
        for phase in Phase
    ]
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys(energy, pl.Float64))
    return frame.with_columns(pl.lit(str(standing)).alias(STANDING))


def with_model(findings: Findings, **changes: Any) -> Findings:
    """Return findings of their first model alone, changed."""
    model = msgspec.structs.replace(findings.models[0], **changes)
    return msgspec.structs.replace(findings, models=(model,))


def with_phase(findings: Findings, phase: Phase, **changes: Any) -> Findings:
    """Return findings of their first model alone, with one phase changed."""
    phases = dict(findings.models[0].phases)
    phases[phase] = msgspec.structs.replace(phases[phase], **changes)
    return with_model(findings, phases=phases)


def named(models: Sequence[ModelFindings], count: int) -> tuple[ModelFindings, ...]:
    """Return a model many times, under different labels."""
    return tuple(
        msgspec.structs.replace(models[0], label=f"model {number}") for number in range(count)
    )


def unseen(point: Point, off_by: float) -> Point:
    """Return a point that the fit did not see, measured so many times what was predicted."""
    return msgspec.structs.replace(
        point,
        standing=Standing.UNSEEN,
        held_out=point.predicted,
        measured=point.predicted * off_by,
    )
