"""Errors and remarks as they come in, and what they come to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from token2metrics.bench.contender import Array
from token2metrics.bench.result import Remark, Score
from token2metrics.config import ExperimentConfig
from token2metrics.vocabulary import Phase

MEDIAN = 50.0
NINETIETH = 90.0


class Key(NamedTuple):
    """What errors are of.

    Attributes:
        experiment: The model and device.
        phase: What was measured.
        metric: ``latency`` or ``energy``.
        contender: Who forecast.
        shots: Rows of each kind that the fit saw.
    """

    experiment: ExperimentConfig
    phase: Phase
    metric: str
    contender: str
    shots: int


class Tally:
    """Collects errors over draws, and remarks without their repeats."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, ...], tuple[Key, list[Array]]] = {}
        self._said: dict[tuple[str, str, str], dict[str, set[int]]] = {}

    def add(self, key: Key, errors: Array) -> None:
        """Add the errors of one draw, in percent."""
        model, device = key.experiment.model.id, key.experiment.edge.name
        place = (model, device, key.phase, key.metric, key.contender, str(key.shots))
        self._errors.setdefault(place, (key, []))[1].append(errors)

    def remark(
        self, experiment: ExperimentConfig, shots: int, contender: str | None, words: str
    ) -> None:
        """Note what there is to say about a contender, or with None about the rows."""
        about = (experiment.model.name, experiment.edge.name, words)
        self._said.setdefault(about, {}).setdefault(contender or "", set()).add(shots)

    def scores(self) -> tuple[Score, ...]:
        """Return the errors over all draws, in the order they came."""
        return tuple(_score(key, errors) for key, errors in self._errors.values())

    def remarks(self) -> tuple[Remark, ...]:
        """Return every remark once, with all it is about."""
        found = []
        for (name, device, words), said in self._said.items():
            by_shots: dict[tuple[int, ...], list[str]] = {}
            for contender, shots in said.items():
                by_shots.setdefault(tuple(sorted(shots)), []).append(contender)
            found += [
                Remark(
                    name=name,
                    device=device,
                    contenders=tuple(one for one in contenders if one),
                    shots=shots,
                    words=words,
                )
                for shots, contenders in by_shots.items()
            ]
        return tuple(found)


def _score(key: Key, errors: list[Array]) -> Score:
    """Reduce the errors of all draws."""
    together = np.concatenate(errors)
    return Score(
        model=key.experiment.model.id,
        name=key.experiment.model.name,
        device=key.experiment.edge.name,
        phase=str(key.phase),
        metric=key.metric,
        contender=key.contender,
        shots=key.shots,
        fits=len(errors),
        rows=len(together),
        median_ape_percent=float(np.percentile(together, MEDIAN)),
        p90_ape_percent=float(np.percentile(together, NINETIETH)),
    )
