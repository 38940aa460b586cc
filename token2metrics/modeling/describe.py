"""Turn fits into the records an artifact keeps: errors, ranges, and what it all rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.artifact.manifest import (
    BelievedWeight,
    CampaignRecord,
    ErrorSummary,
    HardwareRecord,
    HeadRecord,
    Hull,
    OutlierRecord,
    PhaseRecord,
    TrafficRecord,
)
from token2metrics.config import ExperimentConfig, HardwareConfig
from token2metrics.cost import PhaseWeights
from token2metrics.curves import CurveWeights
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.modeling.beliefs import Belief
from token2metrics.modeling.campaigns import Offset
from token2metrics.modeling.candidates import Candidate, Choice, Sources
from token2metrics.modeling.energy import meter_of
from token2metrics.modeling.exact import robust_scale
from token2metrics.modeling.margins import energy_margin, latency_margin
from token2metrics.modeling.objective import log_errors
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.search import Fitted, Search
from token2metrics.vocabulary import CalibrationMethod, Phase, SourceKind
from token2metrics.workload import ModelTraffic

NINETY = 90
PERCENT = 100.0
NESTED_PROTOCOL = "nested cross-validation"
TEST_PROTOCOL = "held-out test settings"
OUTLIER_SPREADS = 6.0
OUTLIER_ERROR = 0.15
"""A row is an outlier beyond both: this many robust spreads, and this relative error."""

ENERGY_PROTOCOL = "cross-validation of the energy over its window"


def summarise(protocol: str, relative: NDArray[np.float64]) -> ErrorSummary:
    """Summarise signed relative errors, ``(rows,)``, at least one."""
    ape = np.abs(relative) * PERCENT
    return ErrorSummary(
        protocol=protocol,
        rows=len(relative),
        mape_percent=float(ape.mean()),
        median_ape_percent=float(np.median(ape)),
        p90_ape_percent=float(np.percentile(ape, NINETY)),
        bias_percent=float(relative.mean() * PERCENT),
    )


def plain_weights(weights: PhaseWeights[Tensor]) -> PhaseWeights[float]:
    """Return the weights of the first problem of a batch as floats."""
    steps = weights.curve.steps
    table: StepTable[float] = (
        StepTable((), ())
        if steps is None
        else StepTable(tuple(steps.edges), tuple(steps.levels[0].tolist()))
    )
    return PhaseWeights(
        curve=CurveWeights({k: float(v[0, 0]) for k, v in weights.curve.values.items()}, table),
        calibration={k: float(v[0, 0]) for k, v in weights.calibration.items()},
        head={k: float(v[0, 0]) for k, v in weights.head.items()},
    )


def describe_phase(
    search: Search,
    phase: Phase,
    choice: Choice,
    fitted: Fitted,
    rail: str | None,
    offsets: Sequence[Offset] = (),
) -> PhaseRecord:
    """Describe one fitted phase.

    Args:
        search: The model, its device and its rows.
        phase: The phase.
        choice: What the search chose, and its held-out errors.
        fitted: The final fit.
        rail: Rail of the device's energy.
        offsets: Fitted offsets of the phase's data sets.
    """
    experiment, sources = search.experiment, search.sources
    candidate, edge = choice.candidate, sources.edge
    formula = fitted.formulas[phase]
    steps = fitted.fit.steps.get(phase)
    errors = ((NESTED_PROTOCOL, choice.nested), (TEST_PROTOCOL, choice.test))
    return PhaseRecord(
        family=candidate.family,
        hyperparameters=formula.curve.hyperparameters(),
        calibration=candidate.method,
        terms=formula.calibration.terms,
        source=candidate.source,
        source_rows=_rows_of(sources.others.get(candidate.source), phase),
        edge_rows=_rows_of(edge, phase),
        rests_on=_rests_on(experiment, sources, candidate, phase),
        hull=_hull(edge, phase),
        errors=tuple(summarise(protocol, e) for protocol, e in errors if len(e)),
        margin=latency_margin(
            phase, candidate.source, _rows_of(edge, phase), np.log1p(choice.nested)
        ),
        beliefs=_beliefs(fitted.beliefs.get(phase)),
        outliers=_outliers(edge, phase, fitted),
        campaigns=tuple(_campaign(one) for one in offsets),
        iterations=fitted.fit.iterations,
        converged=fitted.fit.converged,
        step_count=len(steps.edges) if steps is not None else 0,
        head=_measured_head(experiment, edge, phase, rail, fitted) if formula.head else None,
    )


def _rows_of(rows: FitRows | None, phase: Phase) -> int:
    """Count the rows whose latency includes a phase."""
    return 0 if rows is None else int((rows.includes[phase] > 0).sum())


def _measured_head(
    experiment: ExperimentConfig,
    edge: FitRows | None,
    phase: Phase,
    rail: str | None,
    fitted: Fitted,
) -> HeadRecord:
    """Describe a power head fitted on measured energy."""
    metered = 0
    if edge is not None:
        metered = int((~edge.energy_j.isnan() & (edge.includes[phase] > 0)).sum())
    words = f"{metered} metered rows on {experiment.edge.name}, rail {rail or 'unnamed'}"
    errors = fitted.energy_errors.get(phase, np.array([]))
    summaries = (summarise(ENERGY_PROTOCOL, errors),) if len(errors) else ()
    return HeadRecord(
        power_rail=rail,
        rows=metered,
        rests_on=words,
        meter=meter_of(edge, phase),
        margin=energy_margin(np.log1p(errors)),
        errors=summaries,
    )


def _rests_on(
    experiment: ExperimentConfig, sources: Sources, candidate: Candidate, phase: Phase
) -> str:
    """Say in words which measurements a phase rests on."""
    device, model = experiment.edge.name, experiment.model.id
    own = _rows_of(sources.edge, phase)
    measured = f"{own} rows of {model} on {device}" if own else ""
    if candidate.source is SourceKind.NONE:
        return measured
    base = _base(experiment, sources, candidate.source, phase)
    if experiment.calibration.method is CalibrationMethod.MANUAL:
        return f"{base}, times {experiment.calibration.scale_factor:g} as given"
    if own:
        return f"{base}, calibrated ({candidate.method}) on {measured}"
    if sources.edge is not None:
        return f"{base}; no row of this phase was measured for {model}"
    return f"{base}, uncalibrated: no row of {model} was measured"


def _beliefs(belief: Belief | None) -> dict[str, BelievedWeight]:
    """Describe what was believed of the weights of a phase."""
    if belief is None:
        return {}
    spreads = np.sqrt(np.diag(belief.covariance))
    return {
        name: BelievedWeight(median=float(np.exp(mean)), spread=float(spread))
        for name, mean, spread in zip(belief.names, belief.means, spreads, strict=True)
    }


def _campaign(offset: Offset) -> CampaignRecord:
    """Describe one data set of a comparison."""
    return CampaignRecord(
        source=offset.campaign.source,
        rows=int(offset.campaign.rows.sum()),
        offset_percent=float(PERCENT * np.expm1(offset.logarithm)),
    )


def _outliers(edge: FitRows | None, phase: Phase, fitted: Fitted) -> tuple[OutlierRecord, ...]:
    """List the rows of a phase that lie far off the fit and far off what the others scatter."""
    if edge is None:
        return ()
    errors = log_errors(fitted.formulas, fitted.fit.weights, edge, on_edge=True)[0].numpy()
    own = edge.pure[phase].numpy()
    scatter = robust_scale(errors[own]) if own.any() else 0.0
    far = own & (np.abs(errors) > max(OUTLIER_SPREADS * scatter, OUTLIER_ERROR))
    prompt = edge.workload.input_tokens.numpy()
    answer = edge.workload.steps.numpy() + 1.0
    measured = edge.latency_s.numpy()
    return tuple(
        OutlierRecord(
            input_tokens=float(prompt[row]),
            output_tokens=float(answer[row]),
            measured_s=float(measured[row]),
            fitted_s=float(measured[row] * np.exp(errors[row])),
        )
        for row in np.flatnonzero(far)
    )


def _base(experiment: ExperimentConfig, sources: Sources, kind: SourceKind, phase: Phase) -> str:
    """Say in words what a phase starts from, beside the model's own rows."""
    count = _rows_of(sources.others.get(kind), phase)
    if kind is SourceKind.HARDWARE:
        return f"the nominal figures of {experiment.edge.name} and the architecture"
    if kind is SourceKind.SERVER and experiment.server is not None:
        return f"{count} rows of {sources.server_model} on {experiment.server.name}"
    if kind is SourceKind.MODES:
        mode = f"in power mode {sources.other_mode}"
        return f"{count} rows of {experiment.model.id} on {experiment.edge.name} {mode}"
    return f"{count} rows of other models on {experiment.edge.name}, through the architecture"


def _hull(edge: FitRows | None, phase: Phase) -> Hull | None:
    """Return the measured token range of a phase."""
    if edge is None or not edge.measures(phase):
        return None
    present = edge.includes[phase] > 0
    prompt = edge.workload.input_tokens[present]
    answer = edge.workload.steps[present] + 1.0
    return Hull(
        input_tokens=(float(prompt.min()), float(prompt.max())),
        output_tokens=(
            None if phase is Phase.PREFILL else (float(answer.min()), float(answer.max()))
        ),
    )


def describe_traffic(traffic: ModelTraffic[float]) -> TrafficRecord:
    """Describe a model's shape."""
    return TrafficRecord(
        flop_per_token=traffic.flop_per_token,
        attention_flop=traffic.attention_flop,
        weight_bytes=traffic.weight_bytes,
        kv_bytes_per_token=traffic.kv_bytes_per_token,
        layers=traffic.layers,
    )


def describe_hardware(hardware: HardwareConfig) -> HardwareRecord:
    """Describe a device."""
    return HardwareRecord(
        memory_bandwidth_bytes_per_s=hardware.memory_bandwidth_bytes_per_s,
        compute_flop_per_s=hardware.compute_flop_per_s,
        idle_power_w=hardware.idle_power_w,
        power_limit_w=hardware.power_limit_w or UNLIMITED_POWER_W,
        purchase_price=hardware.purchase_price,
        lifetime_years=hardware.lifetime_years,
    )
