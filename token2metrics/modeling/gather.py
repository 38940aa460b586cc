"""Gather the rows a model can be fitted on: its own, its server's, its siblings'."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.config import ExperimentConfig
from token2metrics.modeling.candidates import Sources
from token2metrics.modeling.rows import FitRows, fit_rows, traffic_of
from token2metrics.processors.batch import to_measurements
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import SourceKind
from token2metrics.workload import ModelTraffic


def model_traffic(experiment: ExperimentConfig) -> ModelTraffic[float]:
    """Return the arithmetic and memory traffic of an experiment's model."""
    return traffic_of(experiment.model.architecture, experiment.model.precision)


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
    traffic = {other.model.id: model_traffic(other) for other in catalog}
    traffic[model.id] = model_traffic(experiment)
    others: dict[SourceKind, FitRows | None] = {}
    if model.server_model is not None and experiment.server is not None:
        others[SourceKind.SERVER] = fit_rows(
            to_measurements(data.rows, experiment.server.name, [model.server_model]),
            {model.server_model: traffic[model.id]},
        )
    siblings = [name for name in traffic if name != model.id]
    others[SourceKind.SIBLINGS] = fit_rows(to_measurements(data.rows, device, siblings), traffic)
    return Sources(
        edge=fit_rows(to_measurements(data.rows, device, [model.id]), traffic),
        others={kind: rows for kind, rows in others.items() if rows is not None},
    )
