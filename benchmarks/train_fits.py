"""Which fits training does: rows, folds and candidates of every model and phase, as plain arrays.

A model that has rows on the device is fitted once per candidate and split: on all rows, without
each outer fold, without each pair of folds (the inner folds of both), without the test rows, and
without these and each fold. Ours fits both phases of a model, and all splits of a candidate, as one
batch; a program of library calls makes one call per candidate, split and phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from token2metrics.modeling.candidates import Sources, list_candidates, rows_of_phase
from token2metrics.modeling.gather import gather, on_measured_server
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.validation import HeldOut, plan_validation
from token2metrics.training.choice import TrainingOptions, choose_experiments
from token2metrics.training.read import prepare_groups
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

Rows = list[tuple[float, float, float]]
"""Prompt tokens, decode steps and seconds of each row."""


class Held(msgspec.Struct, frozen=True):
    """Rows that one fit has not seen."""

    fit: int
    rows: list[int]


class Fold(msgspec.Struct, frozen=True):
    """An outer fold, and the inner ones that choose for it."""

    outer: Held
    inner: list[Held]


class Task(msgspec.Struct, frozen=True):
    """The fits of one phase of a model.

    Attributes:
        model: Its name.
        phase: ``prefill`` or ``decode``.
        candidates: How many descriptions are tried.
        rows: Rows on the device.
        server: Rows of the model on a server; empty where there are none.
        fits: Which rows each fit sees.
        folds: The outer folds.
    """

    model: str
    phase: str
    candidates: int
    rows: Rows
    server: Rows
    fits: list[list[int]]
    folds: list[Fold]


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows of one phase of a model, and where they stand among all of its rows."""

    phase: Phase
    rows: FitRows
    mask: NDArray[np.bool_]

    def held(self, part: HeldOut) -> Held:
        """Number held-out rows among those of the phase."""
        return Held(part.fit, self.numbers(part.rows))

    def numbers(self, rows: NDArray[np.bool_]) -> list[int]:
        """Number rows among those of the phase."""
        return [int(place) for place in np.flatnonzero(rows[self.mask])]

    def as_rows(self) -> Rows:
        """Return what a regression needs."""
        asked = self.rows.workload
        columns = (asked.input_tokens, asked.steps, self.rows.latency_s)
        table = np.stack([column.numpy() for column in columns], axis=1)[self.mask]
        return [(prompt, steps, seconds) for prompt, steps, seconds in table.tolist()]


def training_tasks(files: Sequence[Path]) -> list[Task]:
    """Return the fits that ``train --all-models`` does.

    Args:
        files: Measurement files; none takes the bundled ones.
    """
    choice = choose_experiments(TrainingOptions(all_models=True, data=tuple(files)), None)
    tasks = []
    for group in prepare_groups(choice):
        for chosen in group.experiments:
            experiment = on_measured_server(group.data, chosen)
            sources = gather(group.data, choice.catalog, experiment)
            if sources.edge is None:
                continue
            count = len(list_candidates(experiment, sources))
            plan = plan_validation(sources.edge, experiment.regression)
            masks = plan.masks.numpy() > 0
            for phase in FITTED_PHASES:
                judged = Judged(phase, sources.edge, rows_of_phase(sources.edge, phase))
                tasks.append(
                    Task(
                        model=experiment.model.name,
                        phase=str(phase),
                        candidates=count,
                        rows=judged.as_rows(),
                        server=_server_rows(sources, phase),
                        fits=[judged.numbers(mask) for mask in masks],
                        folds=[
                            Fold(judged.held(one.outer), [judged.held(part) for part in one.inner])
                            for one in plan.folds
                        ],
                    )
                )
    return tasks


def _server_rows(sources: Sources, phase: Phase) -> Rows:
    """Return the model's rows of a phase on a server."""
    rows = sources.others.get(SourceKind.SERVER)
    if rows is None:
        return []
    return Judged(phase, rows, rows.pure[phase].numpy()).as_rows()


def library_calls(tasks: Sequence[Task]) -> int:
    """Return how many single fits they are: candidates times splits, of each phase."""
    return sum(task.candidates * len(task.fits) for task in tasks)
