"""What the tests of plans share: models without meters, and what a prediction itself rejects."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from tests.comparing import known
from token2metrics.artifact.fitted import FittedModel, formula_of
from token2metrics.planning.limits import AtMost, Demand
from token2metrics.prediction.envelope import energy_envelope_j
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import price
from token2metrics.prediction.result import PhasePrediction, Prediction
from token2metrics.vocabulary import Phase

IDLE_W = 5.0
LIMIT_W = 60.0


def without_heads(model: FittedModel, phases: Collection[Phase]) -> FittedModel:
    """Return the model as if some phases had never been metered."""
    records = {
        phase: msgspec.structs.replace(record, head=None) if phase in phases else record
        for phase, record in model.record.phases.items()
    }
    formulas = {
        phase: replace(formula, head=None) if phase in phases else formula
        for phase, formula in model.formulas.items()
    }
    return replace(
        model, record=msgspec.structs.replace(model.record, phases=records), formulas=formulas
    )


def with_limit(model: FittedModel, power_limit_w: float) -> FittedModel:
    """Return the model on a device with a power limit."""
    hardware = msgspec.structs.replace(
        model.record.hardware, idle_power_w=IDLE_W, power_limit_w=power_limit_w
    )
    record = msgspec.structs.replace(model.record, hardware=hardware)
    formulas = {phase: formula_of(record, phase) for phase in record.phases}
    return replace(model, record=record, formulas=formulas)


def with_phases(model: FittedModel, phases: Collection[Phase]) -> FittedModel:
    """Return the model as if only some phases had been measured."""
    records = {phase: model.record.phases[phase] for phase in phases}
    return replace(
        model,
        record=msgspec.structs.replace(model.record, phases=records),
        formulas={phase: model.formulas[phase] for phase in phases},
    )


def without_saving(model: FittedModel) -> FittedModel:
    """Return the model with decode steps that draw the same power at any context."""
    weights = {
        phase: replace(drawn, head={**drawn.head, "context_saving": 0.0} if drawn.head else {})
        for phase, drawn in model.weights.items()
    }
    return replace(model, weights=weights)


def predicted_at_most(
    model: FittedModel, request: tuple[int, int], demand: Demand, power: bool = True
) -> AtMost:
    """Read off whole predictions what a request takes at most.

    Args:
        model: The model.
        request: Prompt and answer.
        demand: Confidence, prices and parallel samples.
        power: Whether its power is asked too, which takes a prediction of its own.
    """

    def priced(asked: FittedModel) -> Prediction:
        return ModelPredictor(asked)(
            *request, confidence=demand.confidence, parallel=demand.parallel
        )

    prediction = priced(model)
    energy = energy_envelope_j(prediction, model.record.hardware)
    latency_s = known(prediction.latency_interval_s).upper
    energy_j = None if energy is None else energy.upper
    cost = price(latency_s, energy_j, demand.prices)
    parts = [part for part in (cost.electricity, cost.ownership) if part is not None]
    if energy_j is None and demand.prices is not None and demand.prices.price_per_kwh > 0.0:
        parts = []
    hungry = priced(without_saving(model)) if power else prediction
    limit_w = model.record.hardware.power_limit_w
    hungriest_w = max(_power_w(part, limit_w) for part in (hungry.prefill, hungry.decode))
    return AtMost(
        latency_s=latency_s,
        ttft_s=known(prediction.prefill.latency_interval_s).upper,
        energy_j=energy_j,
        power_w=hungriest_w if power else None,
        cost=sum(parts) if parts else None,
    )


def _power_w(phase: PhasePrediction, limit_w: float) -> float:
    """Return the most mean power of a phase; the device's limit where it was not metered."""
    if not phase.latency_s:
        return 0.0
    return limit_w if phase.power_interval_w is None else phase.power_interval_w.upper


def rejected(model: FittedModel, request: tuple[int, int], demand: Demand) -> bool:
    """Return whether the predictions of a request break a limit."""
    stated = demand.limits.stated
    at_most = predicted_at_most(model, request, demand, "power_w" in stated)
    return any(known(getattr(at_most, name)) > allowed for name, allowed in stated.items())
