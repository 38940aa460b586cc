"""Say what a request costs: each phase, their sum, and what to know before trusting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.cost import AS_FITTED, PhaseCost
from token2metrics.intervals import Bounds, bounds_of_sum
from token2metrics.parallel import SINGLE
from token2metrics.prediction.bounded import PhaseBounds
from token2metrics.prediction.money import price
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction, Prices
from token2metrics.vocabulary import Phase

ALGEBRA = FloatAlgebra()
NOTHING_MEASURED = "no measured rows"
NO_ENERGY = "no measured energy"
NO_PARALLEL = "no measured rows of several samples at once"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
        confidence: Of every interval.
        parallel: Answers generated at once.
    """

    input_tokens: int
    output_tokens: int
    confidence: float
    parallel: int = SINGLE


def phase_prediction(
    record: PhaseRecord | None,
    cost: PhaseCost[float] | None,
    bounded: PhaseBounds[float] | None,
    request: Request,
) -> PhasePrediction:
    """Say what a phase costs, within which bounds, and what that rests on.

    Args:
        record: The fitted phase; None where there is none.
        cost: Its price; None where it has work and no fit.
        bounded: Its bounds; None without a fit.
        request: What was asked.
    """
    if cost is None:
        missing = NOTHING_MEASURED if record is None else NO_PARALLEL
        return PhasePrediction(
            latency_s=None,
            power_w=None,
            energy_j=None,
            rests_on=missing,
            energy_rests_on=missing,
            extrapolates=None,
        )
    working = record is not None and cost.latency_s > 0
    nothing = None if working else Interval(lower=0.0, upper=0.0)
    return PhasePrediction(
        latency_s=cost.latency_s,
        power_w=cost.power_w,
        energy_j=cost.energy_j if working or cost.power_w is not None else 0.0,
        rests_on=_rests_on(record, request.parallel),
        energy_rests_on=record.head.rests_on if record and record.head else NO_ENERGY,
        extrapolates=_extrapolates(record, request) if record and working else None,
        interval_rests_on=record.margin.method if record else None,
        latency_interval_s=nothing or _interval(bounded.latency_s if bounded else None),
        power_interval_w=_interval(bounded.power_w if bounded else None),
        energy_interval_j=nothing or _interval(bounded.energy_j if bounded else None),
    )


def _rests_on(record: PhaseRecord | None, parallel: int) -> str:
    """Say which measurements the latency of a phase rests on."""
    if record is None:
        return NOTHING_MEASURED
    told = [record.rests_on]
    if record.level != AS_FITTED:
        told.append(f"finished requests moved it by a factor of {record.level:.4g}")
    if parallel > SINGLE and record.parallel is not None:
        told.append(f"{parallel} samples at once: {record.parallel.rests_on}")
    return "; ".join(told)


def _interval(bounded: Bounds[float] | None) -> Interval | None:
    """Return bounds as a result."""
    return None if bounded is None else Interval(lower=bounded.lower, upper=bounded.upper)


def _latencies(phase: PhasePrediction) -> tuple[float | None, Interval | None]:
    """Return the latency of a phase and its interval."""
    return phase.latency_s, phase.latency_interval_s


def _energies(phase: PhasePrediction) -> tuple[float | None, Interval | None]:
    """Return the energy of a phase and its interval."""
    return phase.energy_j, phase.energy_interval_j


def _interval_of_sum(
    one: float | None, first: Interval | None, other: float | None, second: Interval | None
) -> Interval | None:
    """Bound the sum of two phases; None when a part is unknown."""
    if one is None or other is None or first is None or second is None:
        return None
    bounded = Bounds(first.lower, first.upper), Bounds(second.lower, second.upper)
    return _interval(bounds_of_sum(ALGEBRA, (one, other), bounded))


def request_prediction(
    record: ModelRecord,
    phases: Mapping[Phase, PhasePrediction],
    request: Request,
    prices: Prices | None,
) -> Prediction:
    """Add the phases of a request up."""
    prefill, decode = phases[Phase.PREFILL], phases[Phase.DECODE]
    output_tokens = request.output_tokens
    latency_s = _sum(prefill.latency_s, decode.latency_s)
    energy_j = _sum(prefill.energy_j, decode.energy_j)
    rails = [p.head.power_rail for p in record.phases.values() if p.head is not None]
    return Prediction(
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        input_tokens=request.input_tokens,
        output_tokens=output_tokens,
        parallel=request.parallel,
        prefill=prefill,
        decode=decode,
        latency_s=latency_s,
        energy_j=energy_j,
        power_w=_ratio(energy_j, latency_s),
        ttft_s=prefill.latency_s,
        tpot_s=_ratio(decode.latency_s, float(output_tokens - 1)) if output_tokens > 1 else None,
        output_tokens_per_s=_ratio(float(output_tokens * request.parallel), latency_s),
        output_tokens_per_j=_ratio(float(output_tokens * request.parallel), energy_j),
        power_rail=rails[0] if rails else None,
        cost=price(latency_s, energy_j, prices),
        confidence=request.confidence,
        latency_interval_s=_interval_of_sum(*_latencies(prefill), *_latencies(decode)),
        energy_interval_j=_interval_of_sum(*_energies(prefill), *_energies(decode)),
        extrapolated=bool(prefill.extrapolates or decode.extrapolates),
        notes=_notes(phases),
    )


def _extrapolates(record: PhaseRecord, request: Request) -> str | None:
    """Say in which direction a request leaves the measured range."""
    hull = record.hull
    if hull is None:
        return "no row of this model was measured on this device"
    reasons = []
    for name in ("input_tokens", "output_tokens"):
        count = getattr(request, name)
        measured = getattr(hull, name)
        if measured is not None and not measured[0] <= count <= measured[1]:
            reasons.append(f"{name} {count} outside {measured[0]:g}..{measured[1]:g} measured")
    most = request.parallel if record.parallel is None else record.parallel.samples[1]
    if request.parallel > most:
        reasons.append(f"parallel {request.parallel} above {most} measured")
    return "; ".join(reasons) or None


def _sum(left: float | None, right: float | None) -> float | None:
    """Return the sum; None when a part is unknown."""
    return None if left is None or right is None else left + right


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return the quotient; None when a side is unknown or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


def _notes(phases: Mapping[Phase, PhasePrediction]) -> tuple[str, ...]:
    """Collect what to know before trusting the numbers."""
    notes = []
    for phase, prediction in phases.items():
        if prediction.latency_s is None:
            notes.append(f"{phase}: {prediction.rests_on}, so the request has no total")
        elif prediction.energy_j is None:
            notes.append(f"{phase}: no measured energy, so the request has no total energy")
        if prediction.extrapolates:
            notes.append(f"{phase} extrapolates: {prediction.extrapolates}")
    return tuple(notes)
