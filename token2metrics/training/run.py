"""Run a training: read, fit every chosen experiment, save, and record."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import msgspec
import polars as pl
import torch

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import Artifact, load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.save import save_artifact
from token2metrics.config import ExperimentConfig
from token2metrics.data.spreadsheet import inert
from token2metrics.errors import ArtifactError, ConfigurationError, DataError
from token2metrics.files import legible_json, remove_stale, write_file
from token2metrics.modeling.train import TrainedModel, Trainer
from token2metrics.settings import Settings
from token2metrics.training.choice import Choice, TrainingOptions
from token2metrics.training.read import Prepared, prepare_groups
from token2metrics.training.record import RECORD_NAME, CandidateEntry, ModelEntry, TrainingRecord

logger = logging.getLogger(__name__)

CPU = "cpu"
REJECTED_NAME = "rejected.csv"


class Watcher(Protocol):
    """Is told how far a training has come."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Models trained by a run, and why others were not.

    Attributes:
        models: The fitted models.
        entries: Their description.
        skipped: Reason by model name.
    """

    models: tuple[FittedModel, ...]
    entries: tuple[ModelEntry, ...]
    skipped: dict[str, str]


def run_training(
    options: TrainingOptions,
    choice: Choice,
    directory: Path,
    settings: Settings,
    watcher: Watcher,
) -> TrainingRecord:
    """Train the chosen experiments into an artifact directory.

    Args:
        options: What the user asked for; goes into the record.
        choice: The experiments.
        directory: Where all results go; models of earlier runs are kept.
        settings: Threads and device of the fits.
        watcher: Told of the progress.

    Raises:
        Token2MetricsError: If something cannot be read or written, or nothing can be trained.
    """
    started = time.perf_counter()
    configure_torch(settings)
    earlier = earlier_artifact(directory)
    groups = prepare_groups(choice)
    outcome = _train_all(choice, groups, options.all_models, settings.torch_device, watcher)
    manifest = save_artifact(directory, outcome.models, earlier)
    record = TrainingRecord(
        artifact=str(directory),
        options=msgspec.to_builtins(options.given(), enc_hook=str),
        threads=settings.threads,
        torch_device=settings.torch_device,
        created_by=manifest.created_by,
        versions=manifest.versions,
        data=tuple(group.reading for group in groups),
        rejected_file=_write_rejected(directory / REJECTED_NAME, groups),
        models=outcome.entries,
        skipped=outcome.skipped,
        seconds=time.perf_counter() - started,
    )
    write_file(directory / RECORD_NAME, legible_json(record))
    return record


def configure_torch(settings: Settings) -> None:
    """Set how many threads the fits may use, and check that their device is there.

    Raises:
        ConfigurationError: If the settings name a device torch cannot use.
    """
    torch.set_num_threads(settings.threads)
    if settings.torch_device != CPU and not torch.cuda.is_available():
        raise ConfigurationError(
            f"expected torch_device {settings.torch_device!r} to be usable, but torch finds no "
            "CUDA device; set TOKEN2METRICS_TORCH_DEVICE=cpu"
        )


def earlier_artifact(directory: Path) -> Artifact | None:
    """Return the artifact already in a directory, if there is one.

    Raises:
        ArtifactError: If it cannot be read, or the directory is a file.
    """
    if directory.exists() and not directory.is_dir():
        raise ArtifactError(f"expected {directory} to be a directory, got a file")
    if not (directory / MANIFEST_NAME).exists():
        return None
    try:
        return load_artifact(directory)
    except ArtifactError as error:
        raise ArtifactError(
            f"the artifact already in {directory} cannot be read and is not overwritten: {error}; "
            "choose another --output or remove it"
        ) from error


def _train_all(
    choice: Choice,
    groups: Sequence[Prepared],
    forgiving: bool,
    torch_device: str,
    watcher: Watcher,
) -> Outcome:
    """Train every experiment; where many were asked for, one without data is passed over."""
    by_group = [
        (Trainer(group.data, choice.catalog, watcher.step, torch_device), group.experiments)
        for group in groups
    ]
    trainers = [(trainer, one) for trainer, experiments in by_group for one in experiments]
    watcher.expect(sum(trainer.steps(experiment) for trainer, experiment in trainers))
    models, entries, skipped = [], [], {}
    for trainer, experiment in trainers:
        began = time.perf_counter()
        try:
            trained = trainer.train(experiment)
        except DataError as error:
            if not forgiving:
                raise
            logger.warning("%s is not trained: %s", experiment.model.name, error)
            skipped[experiment.model.name] = str(error)
            continue
        models.append(trained.model)
        entries.append(_entry(experiment, trained, time.perf_counter() - began))
    if not models:
        raise DataError(f"no model could be trained: {next(iter(skipped.values()))}")
    return Outcome(tuple(models), tuple(entries), skipped)


def _entry(experiment: ExperimentConfig, trained: TrainedModel, seconds: float) -> ModelEntry:
    """Describe a trained model."""
    return ModelEntry(
        model=experiment.model.id,
        name=experiment.model.name,
        device=experiment.edge.name,
        seconds=seconds,
        phases=dict(trained.model.record.phases),
        candidates=tuple(
            CandidateEntry(
                phase=report.phase,
                candidate=report.candidate,
                cv_percent=report.cv_percent,
                chosen=report.chosen,
            )
            for report in trained.candidates
        ),
        warnings=trained.warnings,
    )


def _write_rejected(path: Path, groups: Sequence[Prepared]) -> str | None:
    """Write the rows not used, each with its reason; None when all were used."""
    rejected = pl.concat([group.data.rejected for group in groups]).unique(maintain_order=True)
    if rejected.is_empty():
        remove_stale(path)
        return None
    buffer = BytesIO()
    inert(rejected.lazy()).collect().write_csv(buffer)
    write_file(path, buffer.getvalue())
    return str(path)
