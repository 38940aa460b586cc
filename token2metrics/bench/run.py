"""Fit every contender on every draw, and gather its errors on the rows it did not see."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.plan import Plan
from token2metrics.bench.result import ENERGY, LATENCY, Comparison, DataRead, Entrant
from token2metrics.bench.rows import PhaseRows, is_own, phase_rows
from token2metrics.bench.splits import draw_rows, kinds, leaves_rows
from token2metrics.bench.tally import Key, Tally
from token2metrics.config import ExperimentConfig
from token2metrics.errors import DataError
from token2metrics.training.read import Prepared
from token2metrics.vocabulary import Phase

PERCENT = 100.0


class Watcher(Protocol):
    """Is told how far a comparison has come."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model on a device, with the rows it is compared on.

    Attributes:
        experiment: The model and device.
        prepared: The measurements read for it.
        shots: The numbers of shots that leave a row to forecast.
    """

    experiment: ExperimentConfig
    prepared: Prepared
    shots: tuple[int, ...]

    @property
    def own(self) -> pl.DataFrame:
        """The rows of the model on the device."""
        return self.prepared.data.rows.filter(is_own(self.experiment))


def compare(
    groups: Sequence[Prepared],
    catalog: Sequence[ExperimentConfig],
    contenders: Sequence[Contender],
    plan: Plan,
    forgiving: bool,
    watcher: Watcher,
) -> Comparison:
    """Compare contenders on the same draws of every model's rows.

    Args:
        groups: Prepared measurements and the models to compare on.
        catalog: Every known experiment.
        contenders: Who takes part.
        plan: Shots, draws and seed.
        forgiving: Whether a model without rows is passed over.
        watcher: Told of every fit.

    Raises:
        DataError: If a model, or every model when forgiving, has no row to compare on.
    """
    started = time.perf_counter()
    subjects = _subjects(groups, plan, forgiving)
    watcher.expect(sum(len(s.shots) for s in subjects) * plan.draws * len(contenders))
    tally = Tally()
    for subject in subjects:
        _remark_on_rows(subject, plan, tally)
        for shots in subject.shots:
            _run(subject, shots, catalog, contenders, plan, tally, watcher)
    return Comparison(
        data=tuple(_read(group) for group in groups),
        shots=plan.shots,
        draws=plan.draws,
        seed=plan.seed,
        contenders=tuple(Entrant(name=c.name, source=c.source) for c in contenders),
        scores=tally.scores(),
        remarks=tally.remarks(),
        seconds=time.perf_counter() - started,
    )


def _subjects(groups: Sequence[Prepared], plan: Plan, forgiving: bool) -> list[Subject]:
    """Return the models that have more rows of a kind than the fewest shots."""
    found = []
    refusals: list[tuple[int, str]] = []
    for group in groups:
        for experiment in group.experiments:
            subject = Subject(experiment, group, ())
            own = subject.own
            shots = tuple(count for count in plan.shots if leaves_rows(own, count))
            if shots:
                found.append(replace(subject, shots=shots))
            else:
                refusals.append((own.height, _refusal(experiment, own, plan)))
    if refusals and (not forgiving or not found):
        _, most_rows = max(refusals)
        raise DataError(most_rows)
    return found


def _refusal(experiment: ExperimentConfig, own: pl.DataFrame, plan: Plan) -> str:
    """Say that a model has too few rows."""
    counted = ", ".join(f"{count} of {phase}" for phase, count in kinds(own).items()) or "none"
    return (
        f"expected more than {plan.shots[0]} rows of {experiment.model.id} on "
        f"{experiment.edge.name}, got {counted}; add rows with --data or lower --shots"
    )


def _remark_on_rows(subject: Subject, plan: Plan, tally: Tally) -> None:
    """Say which kinds of rows a number of shots leaves nothing of."""
    for shots in plan.shots:
        for phase, count in kinds(subject.own).items():
            if count <= shots:
                fate = "known" if shots in subject.shots else "not compared, as are the others"
                words = f"{phase} has {count} rows, all {fate}"
                tally.remark(subject.experiment, shots, None, words)


def _run(
    subject: Subject,
    shots: int,
    catalog: Sequence[ExperimentConfig],
    contenders: Sequence[Contender],
    plan: Plan,
    tally: Tally,
    watcher: Watcher,
) -> None:
    """Fit every contender on every draw of one number of shots."""
    experiment, data = subject.experiment, subject.prepared.data
    for draw in draw_rows(data.rows, experiment, shots, plan.draws, plan.seed):
        known = Known(replace(data, rows=draw.known), experiment, catalog)
        for contender in contenders:
            try:
                forecast = contender.fit(known)
            except NotApplicableError as error:
                tally.remark(experiment, shots, contender.name, str(error))
            else:
                for words in forecast.remarks:
                    tally.remark(experiment, shots, contender.name, words)
                for phase, metric, errors in percentage_errors(forecast, draw.held):
                    tally.add(Key(experiment, phase, metric, contender.name, shots), errors)
            watcher.step(f"{experiment.model.name}, {shots} shots: {contender.name}")


def percentage_errors(forecast: Forecast, held: pl.DataFrame) -> Iterator[tuple[Phase, str, Array]]:
    """Yield the absolute percentage errors of a forecast by phase and metric.

    Args:
        forecast: What a contender learned.
        held: Prepared rows of one model on one device that it did not see.

    Yields:
        Phase, metric and errors ``(rows,)`` where there are rows and the forecast has a say.
    """
    for phase in Phase:
        rows = phase_rows(held, phase)
        for metric, asked in ((LATENCY, rows), (ENERGY, rows.metered)):
            if not len(asked):
                continue
            measured = asked.latency_s if metric == LATENCY else asked.energy_j
            predicted = _predicted(forecast, phase, metric, asked)
            if predicted is not None:
                yield phase, metric, PERCENT * np.abs(predicted / measured - 1.0)


def _predicted(forecast: Forecast, phase: Phase, metric: str, rows: PhaseRows) -> Array | None:
    """Return what a contender forecasts for rows."""
    asked = (phase, rows.input_tokens, rows.output_tokens)
    if metric == LATENCY:
        return forecast.latency_s(*asked)
    return forecast.metered_energy_j(*asked)


def _read(group: Prepared) -> DataRead:
    """Describe what was read."""
    reading = group.reading
    return DataRead(
        device=reading.device,
        files=tuple(file.file for file in reading.files),
        read_rows=reading.read_rows,
        settings=reading.settings,
        rejected_counts=reading.rejected_counts,
        fingerprint=reading.fingerprint,
    )
