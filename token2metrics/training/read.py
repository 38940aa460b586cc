"""Read the measurements of a training run, once for experiments that share them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from token2metrics.columns import FILE
from token2metrics.config import DataConfig, ExperimentConfig
from token2metrics.data.bundled import bundled_paths
from token2metrics.data.formats import FormatContext, model_resolver
from token2metrics.doctor.examine import Diagnosis
from token2metrics.doctor.screen import Screen
from token2metrics.parallel import SINGLE
from token2metrics.processors.pipeline import PreparedData, prepare_measurements
from token2metrics.training.choice import Choice
from token2metrics.training.record import DataReading, DefectReading, FileReading

logger = logging.getLogger(__name__)

UNNAMED_SERVER = "server"
"""Device of server files where no experiment names one."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Measurements prepared for some experiments.

    Attributes:
        experiments: Those that share device and choice of measurements.
        data: The prepared measurements.
        reading: What was read.
    """

    experiments: tuple[ExperimentConfig, ...]
    data: PreparedData
    reading: DataReading


def prepare_groups(choice: Choice) -> list[Prepared]:
    """Prepare measurements once per device and choice of measurements.

    Raises:
        DataError: If a file cannot be read, or no row is left.
    """
    shared: dict[tuple[str, DataConfig], list[ExperimentConfig]] = {}
    for experiment in choice.chosen:
        shared.setdefault((experiment.edge.name, experiment.data), []).append(experiment)
    resolve = model_resolver(dict(_names(choice.catalog)))
    prepared = []
    for (device, config), experiments in shared.items():
        context = FormatContext(device, _server(experiments, choice.catalog), resolve)
        paths = config.paths or bundled_paths()
        screen = Screen(paths)
        data = prepare_measurements(paths, context, config, screen)
        _warn_of_strangers(data, choice.catalog)
        files = _files(paths, data)
        reading = _reading(device, files, data, screen.diagnoses)
        prepared.append(Prepared(tuple(experiments), data, reading))
    return prepared


def _warn_of_strangers(data: PreparedData, catalog: Sequence[ExperimentConfig]) -> None:
    """Say which models of the table no experiment knows: their rows are not used."""
    known = {name for _, name in _names(catalog)}
    counted = data.rows.get_column("model").value_counts(sort=True)
    for model, count in counted.iter_rows():
        if model not in known:
            logger.warning(
                "%d settings of model %r are not used: no experiment file names it; known: %s",
                count,
                model,
                ", ".join(sorted(known)),
            )


def _names(catalog: Sequence[ExperimentConfig]) -> Iterable[tuple[str, str]]:
    """Yield every known name of a model with its id."""
    for experiment in catalog:
        model = experiment.model
        yield from ((name, model.id) for name in (model.id, model.name, *model.aliases))
        if model.server_model is not None:
            yield model.server_model, model.server_model


def _server(experiments: Sequence[ExperimentConfig], catalog: Sequence[ExperimentConfig]) -> str:
    """Return the device of server files: of these experiments, else of any."""
    named = [other.server.name for other in (*experiments, *catalog) if other.server is not None]
    return named[0] if named else UNNAMED_SERVER


def _files(paths: Sequence[Path], data: PreparedData) -> tuple[FileReading, ...]:
    """Count the rows of each file, and those not used."""
    unused = dict(data.rejected.group_by(FILE).len().iter_rows())
    return tuple(
        FileReading(file=name, rows=data.read_by_file.get(name, 0), not_used=unused.get(name, 0))
        for name in dict.fromkeys(map(str, paths))
    )


def _beside(rows: pl.DataFrame) -> dict[str, int]:
    """Count the settings that inform a fit without being fitted."""
    several = rows.filter(pl.col("parallel") > SINGLE).height
    counts = {
        "in other power modes": rows.height - several,
        "of several samples at once": several,
    }
    return {words: count for words, count in counts.items() if count}


def _reading(
    device: str,
    files: tuple[FileReading, ...],
    data: PreparedData,
    diagnoses: Iterable[Diagnosis],
) -> DataReading:
    """Describe what was read."""
    return DataReading(
        device=device,
        files=files,
        read_rows=data.read_rows,
        settings=data.rows.height,
        beside=_beside(data.beside),
        rejected_counts=data.rejected_counts,
        energy_set_aside=data.energy_set_aside,
        defects=tuple(
            DefectReading(
                name=one.rule.name,
                severity=one.rule.severity,
                action=one.rule.action,
                rows=one.findings.height,
            )
            for one in diagnoses
        ),
        fingerprint=data.fingerprint,
        sources=data.sources,
    )
