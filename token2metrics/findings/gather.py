"""Gather everything that a report says of an artifact."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from token2metrics import __version__
from token2metrics.artifact.load import Artifact
from token2metrics.findings.asked import Asked, Watcher
from token2metrics.findings.chosen import chosen_models
from token2metrics.findings.describe import Shared, described
from token2metrics.findings.findings import Findings, ModelFindings, ShotError, ShotStudy
from token2metrics.findings.labels import labels_of
from token2metrics.findings.power_logs import read_logs
from token2metrics.findings.readings import by_name, read_rows
from token2metrics.findings.refits import shot_errors
from token2metrics.findings.rejected import rejected_rows
from token2metrics.findings.side_by_side import side_by_side
from token2metrics.findings.subjects import Subject, measured_first, subject_of
from token2metrics.findings.training_warnings import warnings_of
from token2metrics.findings.usual import typical_request, usual_lengths
from token2metrics.intervals import check_confidence
from token2metrics.vocabulary import FITTED_PHASES


def gather(artifact: Artifact, directory: Path, asked: Asked, watcher: Watcher) -> Findings:
    """Gather what there is to say of the models of an artifact.

    Args:
        artifact: What holds the models.
        directory: Where it was loaded from.
        asked: What to look at, and how closely.
        watcher: Told of every finished step.

    Raises:
        RequestError: If a model is unknown or ambiguous, or the confidence none that is offered.
        DataError: If a file that was given cannot be used.
        ConfigurationError: If the experiment files cannot be read.
    """
    check_confidence(asked.confidence)
    models = chosen_models(artifact, asked)
    logs = read_logs(asked.power_logs)
    rows = read_rows(models, asked.data, asked.configs)
    labels = labels_of([model.record for model in models])
    judged = zip(labels, rows.judged, strict=True)
    subjects = measured_first([subject_of(label, one, rows, asked) for label, one in judged])
    shared = _shared(subjects, directory, asked.confidence)
    watcher.expect(len(subjects) * (2 if asked.refits else 1))
    return Findings(
        artifact=directory.resolve().name,
        created_by=artifact.manifest.created_by,
        reported_by=__version__,
        confidence=asked.confidence,
        typical_input_tokens=shared.request[0],
        typical_output_tokens=shared.request[1],
        readings=tuple(by_name(one.reading) for one in rows.readings),
        models=tuple(_described(subjects, shared, watcher)),
        shots=_shots(subjects, asked, watcher) if asked.refits else None,
        comparison=side_by_side([one.model for one in subjects], shared.request, asked.confidence),
        rejected=rejected_rows([one.data.rejected for one in rows.readings]),
        power_logs=logs,
        remarks=rows.remarks,
    )


def _shared(subjects: Sequence[Subject], directory: Path, confidence: float) -> Shared:
    """Return what all models are described with."""
    tables = [one.rows for one in subjects if one.rows is not None]
    return Shared(
        request=typical_request(tables),
        lengths={phase: usual_lengths(tables, phase) for phase in FITTED_PHASES},
        warnings=warnings_of(directory),
        confidence=confidence,
    )


def _described(
    subjects: Sequence[Subject], shared: Shared, watcher: Watcher
) -> Iterator[ModelFindings]:
    """Yield what there is to say of each model."""
    for subject in subjects:
        yield described(subject, shared)
        watcher.step(f"{subject.label}: predictions and rows")


def _shots(subjects: Sequence[Subject], asked: Asked, watcher: Watcher) -> ShotStudy:
    """Refit every model on a few of its rows."""
    started = time.perf_counter()
    errors: list[ShotError] = []
    remarks = []
    for subject in subjects:
        if isinstance(subject.refit, str):
            remarks.append(f"{subject.label}: {subject.refit}")
        else:
            found = shot_errors(subject.refit, subject.label, asked.shots, asked.draws, asked.seed)
            errors += found
            if not found:
                remarks.append(f"{subject.label}: it has too few rows to leave some out")
        watcher.step(f"{subject.label}: refits on few rows")
    return ShotStudy(
        draws=asked.draws,
        seed=asked.seed,
        errors=tuple(errors),
        remarks=tuple(remarks),
        seconds=time.perf_counter() - started,
    )
