"""Gather the rows a model can be fitted on: its own, its server's, its siblings', other modes'."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import polars as pl

from token2metrics.columns import UNSTATED
from token2metrics.config import ExperimentConfig
from token2metrics.modeling.candidates import Sources
from token2metrics.modeling.gguf_file import gguf_weight_bytes
from token2metrics.modeling.rows import FitRows, fit_rows, traffic_of
from token2metrics.parallel import SINGLE
from token2metrics.precision import is_known, normal_precision
from token2metrics.processors.batch import to_measurements
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import SourceKind
from token2metrics.workload import ModelTraffic

logger = logging.getLogger(__name__)


def model_traffic(
    experiment: ExperimentConfig, precision: str | None = None
) -> ModelTraffic[float]:
    """Return the arithmetic and memory traffic of an experiment's model.

    At the configured precision the bytes of the model's GGUF file count, where it names one.

    Args:
        experiment: The experiment.
        precision: Precision of the weights as measured; None for the configured one.

    Raises:
        ConfigurationError: If the precision is unknown, or the file is not the model's.
        MissingExtraError: If there is a file and ``gguf`` is not installed.
    """
    model = experiment.model
    wanted = precision or model.precision
    shape, file = model.architecture, model.gguf_file
    if file is not None and normal_precision(wanted) == normal_precision(model.precision):
        return traffic_of(shape, gguf_weight_bytes(file, shape, model.precision))
    return traffic_of(shape, shape.weight_bytes(wanted))


def measured_precision(data: PreparedData, device: str, model: str) -> str | None:
    """Return the known precision a model was measured at on a device; None without one."""
    rows = data.rows.filter(pl.col("device") == device, pl.col("model") == model)
    stated = rows.get_column("precision").unique().sort().to_list()
    for precision in stated:
        if is_known(precision):
            return str(precision)
        if precision != UNSTATED:
            logger.warning(
                "%s on %s: the bytes per weight of precision %r are not known; those of its "
                "experiment file are used, or of the GGUF file that it names",
                model,
                device,
                precision,
            )
    return None


def on_measured_server(data: PreparedData, experiment: ExperimentConfig) -> ExperimentConfig:
    """Return the experiment with the first of its servers that was measured as its server.

    Args:
        data: Prepared measurements.
        experiment: The experiment; as it is where no server has rows of the model.
    """
    for server in experiment.servers:
        placed = experiment.model_copy(update={"server": server})
        if _server_model(data, placed) is not None:
            return placed
    return experiment


def gather(
    data: PreparedData, catalog: Sequence[ExperimentConfig], experiment: ExperimentConfig
) -> Sources:
    """Gather the rows that can support an experiment.

    Args:
        data: Prepared measurements.
        catalog: Every known experiment; the shapes of the device's other models come from it.
        experiment: The model and device to be fitted.
    """
    model, device = experiment.model, experiment.edge.name
    siblings = {other.model.id: other for other in catalog if other.model.id != model.id}
    measured = set(data.rows.filter(pl.col("device") == device).get_column("model"))
    shapes = {
        name: model_traffic(other, measured_precision(data, device, name))
        for name, other in {**siblings, model.id: experiment}.items()
        if name in measured
    }
    server_model = _server_model(data, experiment)
    others: dict[SourceKind, FitRows | None] = {}
    if server_model is not None and experiment.server is not None:
        server = experiment.server.name
        precision = measured_precision(data, server, server_model)
        others[SourceKind.SERVER] = fit_rows(
            to_measurements(data.rows, server, [server_model]),
            {server_model: model_traffic(experiment, precision)},
        )
    others[SourceKind.SIBLINGS] = fit_rows(
        to_measurements(data.rows, device, list(siblings)), shapes
    )
    in_mode = other_mode_rows(data, device, model.id)
    if in_mode.height:
        precision = str(in_mode.item(0, "precision"))
        shape = model_traffic(experiment, precision if is_known(precision) else None)
        others[SourceKind.MODES] = fit_rows(
            to_measurements(in_mode, device, [model.id]), {model.id: shape}
        )
    return Sources(
        edge=fit_rows(to_measurements(data.rows, device, [model.id]), shapes),
        others={kind: rows for kind, rows in others.items() if rows is not None},
        server_model=server_model,
        other_mode=str(in_mode.item(0, "power_mode")) if in_mode.height else None,
    )


def other_mode_rows(data: PreparedData, device: str, model: str) -> pl.DataFrame:
    """Return the rows of a model in the other power mode that has the most; there may be none."""
    single = pl.col("parallel") == SINGLE
    rows = data.beside.filter(single, pl.col("device") == device, pl.col("model") == model)
    counted = rows.group_by("power_mode").len().sort("len", "power_mode", descending=[True, False])
    return rows.filter(pl.col("power_mode") == counted.item(0, 0)) if counted.height else rows


def _server_model(data: PreparedData, experiment: ExperimentConfig) -> str | None:
    """Return which model's server rows serve: the model's own, else its counterpart's."""
    if experiment.server is None:
        return None
    on_server = data.rows.filter(pl.col("device") == experiment.server.name)
    measured = set(on_server.get_column("model"))
    wanted = (experiment.model.id, experiment.model.server_model)
    return next((name for name in wanted if name is not None and name in measured), None)
