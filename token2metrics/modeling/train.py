"""Train a model: gather its rows, choose family and calibration, fit, and describe the result."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import msgspec
import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.columns import UNSTATED
from token2metrics.config import ExperimentConfig
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.errors import DataError
from token2metrics.modeling.campaigns import Offset, levelled, phase_offsets
from token2metrics.modeling.candidates import Candidate, Choice, Sources, list_candidates
from token2metrics.modeling.describe import (
    describe_hardware,
    describe_phase,
    describe_traffic,
    plain_weights,
)
from token2metrics.modeling.energy import build_head, build_samples, head_warnings
from token2metrics.modeling.gather import gather, on_measured_server
from token2metrics.modeling.search import (
    CandidateReport,
    Progress,
    Search,
    is_supported,
)
from token2metrics.modeling.siblings import Asked, Siblings, measured_traffic, rail_of
from token2metrics.modeling.single_costs import FittedPhases
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import CalibrationMethod, Phase

logger = logging.getLogger(__name__)


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
        asked: What other models on the device already told.
    """

    data: PreparedData
    catalog: Sequence[ExperimentConfig]
    progress: Progress
    torch_device: str = "cpu"
    asked: Asked = field(default_factory=Asked)

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
        self._ask_siblings(experiment, phases)
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
        rail = rail_of(self.data, search.experiment)
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

    def _ask_siblings(self, experiment: ExperimentConfig, phases: dict[Phase, PhaseFit]) -> None:
        """Let the device's other models tell what the model's own rows do not."""
        siblings = Siblings(self.data, self.catalog, self.torch_device, self.progress, self.asked)
        traffic = measured_traffic(self.data, experiment)
        decode = phases.get(Phase.DECODE)
        if decode is not None and decode.formula.head is None:
            carried = siblings.decode_head(experiment, decode.formula, decode.weights)
            if carried is not None:
                decode.formula = msgspec.structs.replace(
                    decode.formula, head=build_head(experiment.edge)
                )
                decode.weights = msgspec.structs.replace(decode.weights, head=carried.weights)
                decode.record = msgspec.structs.replace(decode.record, head=carried.record)
        fitted = FittedPhases(
            {phase: part.formula for phase, part in phases.items()},
            {phase: part.weights for phase, part in phases.items()},
            traffic,
        )
        sharing = siblings.sharing(experiment, fitted)
        for phase, part in phases.items():
            if phase in sharing.records:
                part.formula = msgspec.structs.replace(
                    part.formula, parallel=build_samples(experiment.edge)
                )
                part.weights = msgspec.structs.replace(part.weights, parallel=sharing.shares[phase])
                record = sharing.records[phase]
                part.record = msgspec.structs.replace(part.record, parallel=record)

    def _record(
        self, experiment: ExperimentConfig, phases: dict[Phase, PhaseFit], sources: Sources
    ) -> ModelRecord:
        """Describe the whole model."""
        model, device = experiment.model, experiment.edge.name
        on_device = self.data.rows.filter(pl.col("device") == device)
        setting = {name: _most_stated(on_device, name) for name in ("power_mode", "runtime")}
        own = on_device.filter(pl.col("model") == model.id).get_column("precision")
        precision = own[0] if len(own) else model.precision
        return ModelRecord(
            id=model.id,
            name=model.name,
            aliases=model.aliases,
            device=device,
            power_mode=setting["power_mode"],
            runtime=setting["runtime"],
            precision=precision,
            traffic=describe_traffic(measured_traffic(self.data, experiment)),
            hardware=describe_hardware(experiment.edge),
            phases={phase: part.record for phase, part in phases.items()},
            configuration=experiment.model_dump(mode="json"),
            data_fingerprint=self.data.fingerprint,
            data_sources=self.data.sources,
            trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _most_stated(rows: pl.DataFrame, condition: str) -> str | None:
    """Return the condition that most rows state; unstated where none does, None without rows."""
    counted = rows.group_by(condition).len()
    stated = counted.filter(pl.col(condition) != UNSTATED)
    ranked = (stated if stated.height else counted).sort("len", condition, descending=[True, False])
    return str(ranked.item(0, condition)) if ranked.height else None


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
