"""Choose the experiments of a training run and override their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from token2metrics.config import ExperimentConfig, HardwareConfig, first_problem
from token2metrics.errors import ConfigurationError
from token2metrics.experiments import (
    experiments_directory,
    find_experiment,
    load_catalog,
    load_experiment,
)
from token2metrics.prediction.conditions import ANYWHERE, Conditions
from token2metrics.vocabulary import CalibrationMethod, RegressionType

EVERY_CANDIDATE = "all"
"""Searches like ``auto`` and shows every candidate."""

SectionT = TypeVar("SectionT", bound=BaseModel)
NameT = TypeVar("NameT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit; None keeps what an experiment says.

    Attributes:
        regression: Curve family, ``auto`` or ``all``.
        calibration: Calibration method, ``auto`` or ``all``.
        scale_factor: Gain of the ``manual`` calibration.
        folds: Cross-validation folds.
        test_size: Share of the token settings held out.
        seed: Seed of every random choice.
    """

    regression: str | None = None
    calibration: str | None = None
    scale_factor: float | None = None
    folds: int | None = None
    test_size: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """What the user asked of a training run.

    Attributes:
        models: Names of models to train.
        all_models: Whether to train every known experiment.
        config_files: Experiment files to train beside them.
        data: Measurement files; none keeps those of the experiments.
        where: Edge device, and conditions of the rows to train on.
        power_rail: Rail of the energy to train on; None keeps what an experiment says.
        fit: How to fit.
    """

    models: tuple[str, ...] = ()
    all_models: bool = False
    config_files: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    where: Conditions = ANYWHERE
    power_rail: str | None = None
    fit: FitOptions = FitOptions()

    @property
    def shows_every_candidate(self) -> bool:
        """Whether the whole table of candidates is wanted."""
        return EVERY_CANDIDATE in (self.fit.regression, self.fit.calibration)

    def given(self) -> dict[str, object]:
        """Return what the user gave, by the name of the option."""
        everything = {**asdict(self), **msgspec.structs.asdict(self.where), **asdict(self.fit)}
        groups = ("where", "fit")
        return {
            name: value
            for name, value in everything.items()
            if name not in groups and value not in (None, (), False)
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """The experiments of a training run.

    Attributes:
        catalog: Every known experiment, overridden alike.
        chosen: Those to train.
    """

    catalog: tuple[ExperimentConfig, ...]
    chosen: tuple[ExperimentConfig, ...]


def choose_experiments(options: TrainingOptions, configs: Path | None) -> Choice:
    """Load, override and choose experiments.

    Args:
        options: What the user asked for.
        configs: Directory of the experiment files; None for the ones that came along.

    Raises:
        ConfigurationError: If a name, file or value is wrong, or nothing is chosen.
    """
    if not (options.models or options.all_models or options.config_files):
        raise ConfigurationError("name what to train: --model NAME, --all-models or --config FILE")
    if options.models and options.all_models:
        raise ConfigurationError("expected --model or --all-models, got both")
    given = [load_experiment(file) for file in options.config_files]
    shipped = load_catalog(experiments_directory(configs))
    known = _on_one_device(_distinct(given, shipped), options.where.device)
    catalog = tuple(override(experiment, options) for experiment in known)
    if options.all_models:
        return Choice(catalog, catalog)
    given_ids = {experiment.model.id for experiment in given}
    chosen = [_named(catalog, name) for name in options.models]
    chosen += [
        experiment
        for experiment, original in zip(catalog, known, strict=True)
        if original.model.id in given_ids and experiment not in chosen
    ]
    return Choice(catalog, tuple(chosen))


def _distinct(
    given: Sequence[ExperimentConfig], shipped: Sequence[ExperimentConfig]
) -> list[ExperimentConfig]:
    """Join both catalogs; a given experiment stands in for a shipped one of the same model."""
    places = [(experiment.model.id, experiment.edge.name) for experiment in given]
    for place in places:
        if places.count(place) > 1:
            raise ConfigurationError(
                f"two --config files train {place[0]} on {place[1]}; train them into different "
                "--output directories, or give the copy another model id"
            )
    ids = {experiment.model.id for experiment in given}
    return [*given, *(other for other in shipped if other.model.id not in ids)]


def _on_one_device(known: Sequence[ExperimentConfig], device: str | None) -> list[ExperimentConfig]:
    """Move every experiment to the named device; one configured for it wins over a moved one.

    The device that it is moved from becomes the first server: a sibling tells more than a card of
    another kind.
    """
    if device is None:
        return list(known)
    native = [experiment for experiment in known if experiment.edge.name == device]
    hardware = native[0].edge if native else revalidated(HardwareConfig, {"name": device})
    moved: dict[str, ExperimentConfig] = {experiment.model.id: experiment for experiment in native}
    for experiment in known:
        moved.setdefault(experiment.model.id, _moved(experiment, hardware))
    return list(moved.values())


def _moved(experiment: ExperimentConfig, hardware: HardwareConfig) -> ExperimentConfig:
    """Return an experiment on another device, to which its own serves as the first server."""
    changes = {"edge": hardware, "server": experiment.edge, "other_servers": experiment.servers}
    return experiment.model_copy(update=changes)


def _named(catalog: Sequence[ExperimentConfig], name: str) -> ExperimentConfig:
    """Return the experiment of a name."""
    found = find_experiment(catalog, name)
    devices = [e.edge.name for e in catalog if e.model.answers_to(name)]
    if len(devices) > 1:
        raise ConfigurationError(
            f"{name!r} is configured for {', '.join(devices)}; say which with --device"
        )
    return found


def override(experiment: ExperimentConfig, options: TrainingOptions) -> ExperimentConfig:
    """Put the values of the options in place of an experiment's own.

    Raises:
        ConfigurationError: If a value is not allowed.
    """
    return experiment.model_copy(
        update={
            "regression": _changed(
                experiment.regression, _regression_changes(experiment, options.fit)
            ),
            "calibration": _changed(experiment.calibration, _calibration_changes(options.fit)),
            "data": _changed(experiment.data, _data_changes(options)),
        }
    )


def _regression_changes(experiment: ExperimentConfig, options: FitOptions) -> dict[str, Any]:
    """Return the overridden values of the regression."""
    changes: dict[str, Any] = {
        "cross_validation_folds": options.folds,
        "test_size": options.test_size,
        "random_state": options.seed,
    }
    if options.regression is not None:
        family = _member(RegressionType, "--regression", options.regression)
        changes["type"] = family
        if family is not experiment.regression.type:
            changes["hyperparameters"] = {}
    return changes


def _calibration_changes(options: FitOptions) -> dict[str, Any]:
    """Return the overridden values of the calibration; a scale factor implies ``manual``."""
    method = None
    if options.calibration is not None:
        method = _member(CalibrationMethod, "--calibration", options.calibration)
    if options.scale_factor is None:
        return {"method": method}
    if method not in (None, CalibrationMethod.MANUAL):
        raise ConfigurationError(
            f"--scale-factor is the calibration manual, got --calibration {options.calibration} too"
        )
    return {"method": CalibrationMethod.MANUAL, "scale_factor": options.scale_factor}


def _data_changes(options: TrainingOptions) -> dict[str, Any]:
    """Return the overridden choice of measurements."""
    return {
        "paths": options.data or None,
        "power_mode": options.where.power_mode,
        "runtime": options.where.runtime,
        "precision": options.where.precision,
        "power_rail": options.power_rail,
    }


def _member(names: type[NameT], option: str, text: str) -> NameT:
    """Return the member that a text names; ``all`` searches like ``auto``."""
    spelled = text.strip().lower().replace("-", "_")
    for member in names:
        if spelled == member or (spelled == EVERY_CANDIDATE and member == RegressionType.AUTO):
            return member
    known = ", ".join((*names, EVERY_CANDIDATE))
    raise ConfigurationError(f"expected {option} to be one of {known}, got {text!r}")


def _changed(section: SectionT, changes: Mapping[str, Any]) -> SectionT:
    """Return a section with some values replaced, checked anew."""
    given = {name: value for name, value in changes.items() if value is not None}
    return revalidated(type(section), {**section.model_dump(), **given}) if given else section


def revalidated(kind: type[SectionT], values: Mapping[str, Any]) -> SectionT:
    """Build a section, turning what it refuses into one line.

    Raises:
        ConfigurationError: If a value is not allowed.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise first_problem(error) from error
