"""What the device's other models tell where a model has no such rows of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import polars as pl

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.manifest import HeadRecord, MeterRecord
from token2metrics.config import CalibrationConfig, ExperimentConfig, RegressionConfig
from token2metrics.cost import PhaseFormula, PhaseWeights, edge_latency_s
from token2metrics.modeling.candidates import Sources
from token2metrics.modeling.describe import plain_weights
from token2metrics.modeling.energy import (
    EXPECTED_PAD_PERIODS,
    MeteredModel,
    build_head,
    carry_head,
    measured_heads,
    meter_of,
)
from token2metrics.modeling.gather import gather, measured_precision, model_traffic
from token2metrics.modeling.hierarchy import NOMINAL
from token2metrics.modeling.margins import energy_margin
from token2metrics.modeling.search import Progress, Search
from token2metrics.modeling.sharing import Sharing, carried_sharing, fit_sharing
from token2metrics.modeling.single_costs import FittedPhases
from token2metrics.parallel import SINGLE
from token2metrics.processors.batch import Measurements, to_measurements
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase, SourceKind
from token2metrics.workload import ModelTraffic, workload_of

FLOATS = FloatAlgebra()
SECOND_TOKEN = 2.0

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class CarriedHead:
    """The decode power head of a model nobody metered.

    Attributes:
        weights: Its weights.
        record: What an artifact says of it.
    """

    weights: Mapping[str, float]
    record: HeadRecord


@dataclass(frozen=True, slots=True)
class Asked:
    """What models fitted on their own rows told, by model id; None where they cannot tell."""

    metered: dict[str, MeteredModel | None] = field(default_factory=dict)
    sharing: dict[str, Sharing | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other models on a device.

    Attributes:
        data: Prepared measurements.
        catalog: Every known experiment.
        torch_device: Where fits run.
        progress: Told of each finished step.
        asked: What was already learned of each of them, by model id: every model on the device
            asks the same of the others.
    """

    data: PreparedData
    catalog: Sequence[ExperimentConfig]
    torch_device: str
    progress: Progress
    asked: Asked = field(default_factory=Asked)

    def decode_head(
        self, experiment: ExperimentConfig, formula: PhaseFormula, weights: PhaseWeights[float]
    ) -> CarriedHead | None:
        """Carry the decode power of other models over; None where none was metered.

        Args:
            experiment: The model.
            formula: Its decode.
            weights: The weights of it.
        """
        known = self.asked.metered
        others = [_told(known, self._metered, other) for other in self._of(experiment)]
        metered = [model for model in others if model is not None]
        if not metered:
            return None
        rate = _bytes_per_s(formula, weights, measured_traffic(self.data, experiment))
        words = f"power carried over from {len(metered)} other models on {experiment.edge.name}"
        record = HeadRecord(
            power_rail=rail_of(self.data, experiment),
            rows=0,
            rests_on=words,
            meter=self._meter(experiment),
            margin=energy_margin(np.array([])),
        )
        return CarriedHead(carry_head(build_head(experiment.edge), metered, rate), record)

    def sharing(self, experiment: ExperimentConfig, fitted: FittedPhases) -> Sharing:
        """Return how several samples share each phase: by the model's own rows, else by others'.

        Args:
            experiment: The model.
            fitted: It, as fitted for one sample.
        """
        own = self._own_sharing(experiment, fitted)
        if own is not None and own.records.keys() >= fitted.formulas.keys():
            return own
        known = self.asked.sharing
        others = [_told(known, self._fitted_sharing, other) for other in self._of(experiment)]
        found = [one for one in others if one is not None]
        carried = carried_sharing(found, f"on {experiment.edge.name}")
        if own is None:
            return carried
        return Sharing({**carried.shares, **own.shares}, {**carried.records, **own.records})

    def _of(self, experiment: ExperimentConfig) -> list[ExperimentConfig]:
        """Return the experiments of the device's other models."""
        return [
            other
            for other in self.catalog
            if other.model.id != experiment.model.id and other.edge.name == experiment.edge.name
        ]

    def _own_sharing(self, experiment: ExperimentConfig, fitted: FittedPhases) -> Sharing | None:
        """Fit a model's own rows of several samples."""
        model, device = experiment.model.id, experiment.edge.name
        rows = _rows_of_samples(self.data, device, model)
        return None if rows is None else fit_sharing(fitted, rows, f"of {model} on {device}")

    def _fitted_sharing(self, experiment: ExperimentConfig) -> Sharing | None:
        """Fit another model, and how its samples share; None without rows of several."""
        if _rows_of_samples(self.data, experiment.edge.name, experiment.model.id) is None:
            return None
        sources = gather(self.data, self.catalog, experiment)
        search = Search(_plain(experiment), Sources(sources.edge), self.torch_device, self.progress)
        fitted = search.fit_finally(NOMINAL)
        return self._own_sharing(
            experiment,
            FittedPhases(
                fitted.formulas,
                {phase: plain_weights(one) for phase, one in fitted.fit.weights.items()},
                measured_traffic(self.data, experiment),
            ),
        )

    def _meter(self, experiment: ExperimentConfig) -> MeterRecord:
        """Describe how decode is likely to be metered: as the device's other models were.

        The pad of their windows is not carried over: it depends on how long a step takes.
        """
        sources = gather(self.data, self.catalog, experiment)
        meter = meter_of(sources.others.get(SourceKind.SIBLINGS), Phase.DECODE)
        return MeterRecord(period_s=meter.period_s, pad_s=EXPECTED_PAD_PERIODS * meter.period_s)

    def _metered(self, experiment: ExperimentConfig) -> MeteredModel | None:
        """Fit a model's own decode rows and power; None without metered rows."""
        sources = gather(self.data, self.catalog, experiment)
        if Phase.DECODE not in measured_heads(sources.edge, experiment.edge):
            return None
        search = Search(_plain(experiment), Sources(sources.edge), self.torch_device, self.progress)
        fitted = search.fit_finally(NOMINAL)
        weights = plain_weights(fitted.fit.weights[Phase.DECODE])
        traffic = measured_traffic(self.data, experiment)
        rate = _bytes_per_s(fitted.formulas[Phase.DECODE], weights, traffic)
        return MeteredModel(rate, weights.head)


def _told(
    known: dict[str, Told], ask: Callable[[ExperimentConfig], Told], other: ExperimentConfig
) -> Told:
    """Return what a model tells, asked once."""
    name = other.model.id
    if name not in known:
        known[name] = ask(other)
    return known[name]


def rail_of(data: PreparedData, experiment: ExperimentConfig) -> str | None:
    """Return the rail whose energy the prepared rows of the device carry."""
    metered = data.rows.filter(
        pl.col("device") == experiment.edge.name, pl.col("energy_j").is_not_null()
    )
    rails = metered.get_column("power_rail").drop_nulls().unique().sort().to_list()
    return str(rails[0]) if rails else None


def measured_traffic(data: PreparedData, experiment: ExperimentConfig) -> ModelTraffic[float]:
    """Return a model's shape at the precision it was measured at."""
    precision = measured_precision(data, experiment.edge.name, experiment.model.id)
    return model_traffic(experiment, precision)


def _rows_of_samples(data: PreparedData, device: str, model: str) -> Measurements | None:
    """Return a model's rows of several samples, and those of one in the same data sets."""
    several = data.beside.filter(
        pl.col("parallel") > SINGLE, pl.col("device") == device, pl.col("model") == model
    )
    if several.is_empty():
        return None
    sources = several.get_column("source").unique().implode()
    alone = data.rows.filter(pl.col("source").is_in(sources))
    return to_measurements(pl.concat((several, alone)), device, [model])


def _plain(experiment: ExperimentConfig) -> ExperimentConfig:
    """Return an experiment at its defaults."""
    plain = {"regression": RegressionConfig(), "calibration": CalibrationConfig()}
    return experiment.model_copy(update=plain)


def _bytes_per_s(
    formula: PhaseFormula, weights: PhaseWeights[float], traffic: ModelTraffic[float]
) -> float:
    """Return the weight bytes per second of a decode step without context."""
    step = workload_of(FLOATS, 0.0, SECOND_TOKEN, traffic)
    latency_s = edge_latency_s(FLOATS, formula, step, weights)
    return traffic.weight_bytes / latency_s if latency_s > 0 else 0.0
