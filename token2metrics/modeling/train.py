"""Train a model: gather its rows, choose family and calibration, fit, and describe the result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
import numpy as np
import polars as pl

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import HeadRecord, MeterRecord, ModelRecord, PhaseRecord
from token2metrics.config import CalibrationConfig, ExperimentConfig, RegressionConfig
from token2metrics.cost import PhaseFormula, PhaseWeights, edge_latency_s
from token2metrics.errors import DataError
from token2metrics.modeling.campaigns import Offset, levelled, phase_offsets
from token2metrics.modeling.candidates import Candidate, Choice, Sources, list_candidates
from token2metrics.modeling.describe import (
    describe_hardware,
    describe_phase,
    describe_traffic,
    plain_weights,
)
from token2metrics.modeling.energy import (
    EXPECTED_PAD_PERIODS,
    MeteredModel,
    build_head,
    carry_head,
    head_warnings,
    measured_heads,
    meter_of,
)
from token2metrics.modeling.gather import (
    gather,
    measured_precision,
    model_traffic,
    on_measured_server,
)
from token2metrics.modeling.hierarchy import NOMINAL
from token2metrics.modeling.margins import energy_margin
from token2metrics.modeling.search import (
    CandidateReport,
    Progress,
    Search,
    is_supported,
)
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import CalibrationMethod, Phase, SourceKind
from token2metrics.workload import ModelTraffic, workload_of

logger = logging.getLogger(__name__)

SECOND_TOKEN = 2.0
FLOATS = FloatAlgebra()


@dataclass(slots=True)
class PhaseFit:
    """One phase while it is put together."""

    formula: PhaseFormula
    weights: PhaseWeights[float]
    record: PhaseRecord


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fitted model and how it came about.

    Attributes:
        model: The fitted model.
        candidates: Every candidate of the search, best first per phase.
        warnings: What the user asked for and could not be done.
    """

    model: FittedModel
    candidates: tuple[CandidateReport, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains models from one prepared table.

    Attributes:
        data: Prepared measurements.
        catalog: Every known experiment: the shape of one model lets it inform another.
        progress: Told of each finished step.
        torch_device: Where fits run, such as ``cpu`` or ``cuda``.
    """

    data: PreparedData
    catalog: Sequence[ExperimentConfig]
    progress: Progress
    torch_device: str = "cpu"

    def train(self, experiment: ExperimentConfig) -> TrainedModel:
        """Train one model.

        Raises:
            DataError: If nothing measured can support a prediction.
        """
        experiment = on_measured_server(self.data, experiment)
        sources = gather(self.data, self.catalog, experiment)
        candidates = list_candidates(experiment, sources)
        if not candidates:
            raise DataError(
                f"nothing measured supports {experiment.model.id} on {experiment.edge.name}: "
                "expected rows of it, of its server model, or (for the roofline family) of other "
                "models on the device; add rows with --data"
            )
        heads = head_warnings(sources.edge, experiment.edge)
        warnings = (*_fallbacks(experiment, sources, candidates), *heads)
        for warning in warnings:
            logger.warning("%s: %s", experiment.model.id, warning)
        search, offsets = self._levelled(experiment, sources)
        choices, reports = search.best(candidates)
        phases = self._fitted_phases(search, choices, offsets)
        self._carry_decode_head(experiment, phases)
        self.progress(f"{experiment.model.name}: final fit")
        model = FittedModel(
            self._record(experiment, phases, sources),
            {phase: part.formula for phase, part in phases.items()},
            {phase: part.weights for phase, part in phases.items()},
        )
        return TrainedModel(model, tuple(reports), warnings)

    def _fitted_phases(
        self, search: Search, choices: Mapping[Phase, Choice], offsets: Sequence[Offset]
    ) -> dict[Phase, PhaseFit]:
        """Fit what was chosen on all rows, and describe each phase that something supports."""
        phases: dict[Phase, PhaseFit] = {}
        rail = self._rail(search.experiment)
        for candidate in dict.fromkeys(choice.candidate for choice in choices.values()):
            held = next(c.validated_on for c in choices.values() if c.candidate == candidate)
            fitted = search.fit_finally(candidate, held)
            for phase, choice in choices.items():
                if choice.candidate != candidate:
                    continue
                if not is_supported(phase, candidate, search.sources):
                    continue
                compared = phase_offsets(offsets, phase)
                phases[phase] = PhaseFit(
                    fitted.formulas[phase],
                    plain_weights(fitted.fit.weights[phase]),
                    describe_phase(search, phase, choice, fitted, rail, compared),
                )
        return phases

    def _levelled(
        self, experiment: ExperimentConfig, sources: Sources
    ) -> tuple[Search, tuple[Offset, ...]]:
        """Return the search over rows that are brought to one level, and the fitted offsets."""
        search = Search(experiment, sources, self.torch_device, self.progress)
        offsets = search.campaign_offsets()
        if sources.edge is None or not offsets:
            return search, ()
        level = replace(sources, edge=levelled(sources.edge, offsets))
        return replace(search, sources=level), offsets

    def steps(self, experiment: ExperimentConfig) -> int:
        """Return how often training the experiment will report progress."""
        experiment = on_measured_server(self.data, experiment)
        sources = gather(self.data, self.catalog, experiment)
        searched = 0 if sources.edge is None else len(list_candidates(experiment, sources))
        return searched + 1

    def _traffic(self, experiment: ExperimentConfig) -> ModelTraffic[float]:
        """Return the model's shape at the precision it was measured at."""
        precision = measured_precision(self.data, experiment.edge.name, experiment.model.id)
        return model_traffic(experiment, precision)

    def _rail(self, experiment: ExperimentConfig) -> str | None:
        """Return the rail whose energy the prepared rows of the device carry."""
        metered = self.data.rows.filter(
            pl.col("device") == experiment.edge.name, pl.col("energy_j").is_not_null()
        )
        rails = metered.get_column("power_rail").drop_nulls().unique().sort().to_list()
        return str(rails[0]) if rails else None

    def _carry_decode_head(
        self, experiment: ExperimentConfig, phases: dict[Phase, PhaseFit]
    ) -> None:
        """Give decode the power of the device's other models where its own was not metered."""
        decode = phases.get(Phase.DECODE)
        if decode is None or decode.formula.head is not None:
            return
        siblings = [
            other
            for other in self.catalog
            if other.model.id != experiment.model.id and other.edge.name == experiment.edge.name
        ]
        metered = [model for other in siblings if (model := self._metered(other)) is not None]
        if not metered:
            return
        head = build_head(experiment.edge)
        rate = _bytes_per_s(decode.formula, decode.weights, self._traffic(experiment))
        words = f"power carried over from {len(metered)} other models on {experiment.edge.name}"
        record = HeadRecord(
            power_rail=self._rail(experiment),
            rows=0,
            rests_on=words,
            meter=self._meter(experiment),
            margin=energy_margin(np.array([])),
        )
        decode.weights = replace(decode.weights, head=carry_head(head, metered, rate))
        decode.formula = replace(decode.formula, head=head)
        decode.record = msgspec.structs.replace(decode.record, head=record)

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
        plain = experiment.model_copy(
            update={"regression": RegressionConfig(), "calibration": CalibrationConfig()}
        )
        search = Search(plain, Sources(sources.edge), self.torch_device, self.progress)
        fitted = search.fit_finally(NOMINAL)
        weights = plain_weights(fitted.fit.weights[Phase.DECODE])
        rate = _bytes_per_s(fitted.formulas[Phase.DECODE], weights, self._traffic(experiment))
        return MeteredModel(rate, weights.head)

    def _record(
        self, experiment: ExperimentConfig, phases: dict[Phase, PhaseFit], sources: Sources
    ) -> ModelRecord:
        """Describe the whole model."""
        model, device = experiment.model, experiment.edge.name
        on_device = self.data.rows.filter(pl.col("device") == device)
        group = on_device.select("power_mode", "runtime").unique()
        setting = group.row(0, named=True) if len(group) else {}
        own = on_device.filter(pl.col("model") == model.id).get_column("precision")
        precision = own[0] if len(own) else model.precision
        return ModelRecord(
            id=model.id,
            name=model.name,
            aliases=model.aliases,
            device=device,
            power_mode=setting.get("power_mode"),
            runtime=setting.get("runtime"),
            precision=precision,
            traffic=describe_traffic(self._traffic(experiment)),
            hardware=describe_hardware(experiment.edge),
            phases={phase: part.record for phase, part in phases.items()},
            configuration=experiment.model_dump(mode="json"),
            data_fingerprint=self.data.fingerprint,
            data_sources=self.data.sources,
            trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _fallbacks(
    experiment: ExperimentConfig, sources: Sources, candidates: Sequence[Candidate]
) -> tuple[str, ...]:
    """Say where the configured calibration could not be used."""
    wanted = experiment.calibration.method
    if wanted in (CalibrationMethod.AUTO, *(candidate.method for candidate in candidates)):
        return ()
    if sources.edge is None:
        return (f"calibration {wanted} needs rows of the model on the device; none is used",)
    return (f"calibration {wanted} has no source curve to start from here; direct is used",)


def _bytes_per_s(
    formula: PhaseFormula, weights: PhaseWeights[float], traffic: ModelTraffic[float]
) -> float:
    """Return the weight bytes per second of a decode step without context."""
    step = workload_of(FLOATS, 0.0, SECOND_TOKEN, traffic)
    latency_s = edge_latency_s(FLOATS, formula, step, weights)
    return traffic.weight_bytes / latency_s if latency_s > 0 else 0.0
