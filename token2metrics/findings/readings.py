"""Measured rows to judge models by: those they were trained on, or those somebody brings."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from pydantic import ValidationError

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.experiments import experiments_directory, load_catalog
from token2metrics.training.choice import Choice
from token2metrics.training.read import Prepared, prepare_groups
from token2metrics.training.record import DataReading

logger = logging.getLogger(__name__)

Catalog = tuple[ExperimentConfig, ...]
Experiments = Mapping[str, ExperimentConfig]
"""What models were configured as, by their keys in the artifact."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A model with rows to judge it by.

    Attributes:
        model: The model.
        experiment: What it was configured as; None where the artifact does not hold it.
        prepared: The rows; None where there are none.
        trained_on: The rows it was trained on; None where they are not at hand.
    """

    model: FittedModel
    experiment: ExperimentConfig | None = None
    prepared: Prepared | None = None
    trained_on: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Everything that was read.

    Attributes:
        judged: The models, in the order given.
        catalog: Every known experiment.
        readings: The tables of rows, each once.
        remarks: Which rows are missing, and why.
    """

    judged: tuple[Judged, ...]
    catalog: Catalog
    readings: tuple[Prepared, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows by the key of the model they are for, and why others have none."""

    prepared: dict[str, Prepared] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


def read_rows(models: Sequence[FittedModel], data: Sequence[Path], configs: Path | None) -> Rows:
    """Read the rows to judge models by.

    Without files that is what the models were trained on, where the same rows can be read again;
    else the bundled measurements made under their conditions. An artifact may name any file, so
    the rows of one count only if they are those that it was trained on, by their digest.

    Args:
        models: The models.
        data: Measurement files; none means those above.
        configs: Directory of experiment files; None for the ones that came along.

    Raises:
        DataError: If files were given, and one cannot be read or none has a usable row.
    """
    configured = {model.record.key: experiment_of(model.record) for model in models}
    experiments = {key: one for key, one in configured.items() if one is not None}
    records = {model.record.key: model.record for model in models}
    catalog = _catalog(experiments, configs)
    trained = {
        key: prepared
        for key, prepared in _prepared(experiments, catalog).prepared.items()
        if prepared.data.fingerprint == records[key].data_fingerprint
    }
    wanted = {key: one for key, one in experiments.items() if data or key not in trained}
    brought = _prepared(
        {key: _under_conditions(one, records[key], data) for key, one in wanted.items()}, catalog
    )
    if data and not brought.prepared and brought.refusals:
        raise DataError("; ".join(dict.fromkeys(brought.refusals.values())))
    rows = brought.prepared if data else trained | brought.prepared
    judged = tuple(
        Judged(model, configured[key], rows.get(key), trained.get(key))
        for key, model in ((model.record.key, model) for model in models)
    )
    readings = tuple({id(one): one for one in rows.values()}.values())
    return Rows(judged, catalog, readings, _remarks(records, configured, brought))


def experiment_of(record: ModelRecord) -> ExperimentConfig | None:
    """Return what a model was configured as; None where the artifact does not hold it."""
    try:
        return ExperimentConfig.model_validate(record.configuration)
    except ValidationError:
        return None


def by_name(reading: DataReading) -> DataReading:
    """Return a reading whose files are named without their directories."""
    files = tuple(
        msgspec.structs.replace(file, file=Path(file.file).name) for file in reading.files
    )
    return msgspec.structs.replace(reading, files=files)


def _catalog(experiments: Experiments, configs: Path | None) -> Catalog:
    """Return the experiments of the artifact, and of other models those that came along."""
    own = {one.model.id: one for one in experiments.values()}
    try:
        shipped = load_catalog(experiments_directory(configs))
    except ConfigurationError as error:
        logger.warning("only the models of the artifact are known: %s", error)
        shipped = []
    return (*own.values(), *(other for other in shipped if other.model.id not in own))


def _prepared(experiments: Experiments, catalog: Catalog) -> _Read:
    """Read the rows of experiments, once for all that share device and choice of measurements."""
    alike: dict[tuple[str, DataConfig], list[str]] = {}
    for key, one in experiments.items():
        alike.setdefault((one.edge.name, one.data), []).append(key)
    read = _Read()
    for keys in alike.values():
        try:
            (prepared,) = prepare_groups(Choice(catalog, tuple(experiments[key] for key in keys)))
        except DataError as error:
            read.refusals.update(dict.fromkeys(keys, str(error)))
        else:
            read.prepared.update(dict.fromkeys(keys, prepared))
    return read


def _under_conditions(
    experiment: ExperimentConfig, record: ModelRecord, data: Sequence[Path]
) -> ExperimentConfig:
    """Return an experiment on rows measured as its model was, and the energy of its rail."""
    heads = [phase.head for phase in record.phases.values() if phase.head is not None]
    choice = DataConfig(
        paths=tuple(data),
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        power_rail=next((head.power_rail for head in heads if head.power_rail), None),
    )
    return experiment.model_copy(update={"data": choice})


def _remarks(
    records: Mapping[str, ModelRecord],
    configured: Mapping[str, ExperimentConfig | None],
    brought: _Read,
) -> tuple[str, ...]:
    """Say which models are judged by no row, and why."""
    unknown = [records[key].name for key, one in configured.items() if one is None]
    remarks = []
    if unknown:
        names = ", ".join(unknown)
        remarks.append(f"{names}: the artifact does not say how it was configured, so no rows")
    for key, refusal in brought.refusals.items():
        remarks.append(f"{records[key].name} is compared with no measurement: {refusal}")
    return tuple(remarks)
