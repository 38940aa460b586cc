"""Price requests from a saved artifact, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import Hull, PhaseRecord
from token2metrics.cost import PhaseCost, phase_cost
from token2metrics.errors import RequestError
from token2metrics.prediction.result import Cost, PhasePrediction, Prediction, Prices
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import workload_of

MAX_TOKENS = 10_000_000
JOULES_PER_KWH = 3_600_000.0
SECONDS_PER_YEAR = 365.25 * 24 * 3600
ALGEBRA = FloatAlgebra()


@dataclass(frozen=True, slots=True)
class ModelPredictor:
    """Prices requests of one model on one device.

    Attributes:
        model: The fitted model.
    """

    model: FittedModel

    def __call__(
        self, input_tokens: int, output_tokens: int, prices: Prices | None = None
    ) -> Prediction:
        """Price one request.

        Args:
            input_tokens: Prompt tokens, >= 0.
            output_tokens: Generated tokens, >= 0; the first one ends prefill.
            prices: Electricity and device prices; without them there is no cost.

        Raises:
            RequestError: If a token count is negative, fractional or absurdly large.
        """
        for name, count in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
            check_tokens(name, count)
        record = self.model.record
        costs = {
            phase: self.phase_cost(phase, input_tokens, output_tokens) for phase in FITTED_PHASES
        }
        phases = {
            phase: _phase_prediction(record.phases.get(phase), cost, input_tokens, output_tokens)
            for phase, cost in costs.items()
        }
        latency_s = _total([phase.latency_s for phase in phases.values()])
        energy_j = _total([phase.energy_j for phase in phases.values()])
        rails = [p.head.power_rail for p in record.phases.values() if p.head is not None]
        decode_s = phases[Phase.DECODE].latency_s
        return Prediction(
            model=record.id,
            name=record.name,
            device=record.device,
            power_mode=record.power_mode,
            runtime=record.runtime,
            precision=record.precision,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            prefill=phases[Phase.PREFILL],
            decode=phases[Phase.DECODE],
            latency_s=latency_s,
            energy_j=energy_j,
            power_w=_ratio(energy_j, latency_s),
            ttft_s=phases[Phase.PREFILL].latency_s,
            tpot_s=_ratio(decode_s, float(output_tokens - 1)) if output_tokens > 1 else None,
            output_tokens_per_s=_ratio(float(output_tokens), latency_s),
            output_tokens_per_j=_ratio(float(output_tokens), energy_j),
            power_rail=rails[0] if rails else None,
            cost=_cost(latency_s, energy_j, prices),
            extrapolated=any(phase.extrapolates for phase in phases.values()),
            notes=_notes(phases),
        )

    def phase_cost(
        self, phase: Phase, input_tokens: int, output_tokens: int
    ) -> PhaseCost[float] | None:
        """Return latency and power of one phase; None where the phase has no fit."""
        formula = self.model.formulas.get(phase)
        if formula is None:
            return None
        workload = workload_of(
            ALGEBRA, float(input_tokens), float(output_tokens), self.model.traffic
        )
        return phase_cost(ALGEBRA, formula, workload, self.model.weights[phase])


@dataclass(frozen=True, slots=True)
class Predictor:
    """Every model of an artifact.

    Attributes:
        models: One predictor per model and device.
    """

    models: tuple[ModelPredictor, ...]

    @classmethod
    def load(cls, directory: Path | str) -> Predictor:
        """Load an artifact directory.

        Raises:
            ArtifactError: If the artifact cannot be trusted.
        """
        return cls(tuple(ModelPredictor(m) for m in load_artifact(Path(directory)).models))

    def select(self, name: str, device: str | None = None) -> ModelPredictor:
        """Return the predictor of a model by any of its names.

        Args:
            name: Short name, full id or alias.
            device: Needed when the model was trained for several devices.

        Raises:
            RequestError: If no model, or more than one, answers.
        """
        named = [p for p in self.models if p.model.record.answers_to(name)]
        found = [p for p in named if device is None or p.model.record.device == device]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{p.model.record.name} on {p.model.record.device}" for p in self.models)
        if not found:
            wanted = name if device is None else f"{name} on {device}"
            raise RequestError(f"no trained model answers to {wanted!r}; trained: {known}")
        raise RequestError(f"{name!r} was trained more than once ({known}); give --device")


def check_tokens(name: str, count: int) -> None:
    """Refuse token counts no request can have.

    Raises:
        RequestError: If the count is not a whole number between 0 and ten million.
    """
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 0 <= count <= MAX_TOKENS:
        raise RequestError(f"expected {name} to be a whole number 0..{MAX_TOKENS}, got {count!r}")


def _phase_prediction(
    record: PhaseRecord | None,
    cost: PhaseCost[float] | None,
    input_tokens: int,
    output_tokens: int,
) -> PhasePrediction:
    """Say what a phase costs and what that rests on."""
    if record is None or cost is None:
        nothing = "no measured rows"
        return PhasePrediction(
            latency_s=None,
            power_w=None,
            energy_j=None,
            rests_on=nothing,
            energy_rests_on=nothing,
            extrapolates=None,
        )
    return PhasePrediction(
        latency_s=cost.latency_s,
        power_w=cost.power_w,
        energy_j=cost.energy_j if cost.latency_s > 0 or cost.power_w is not None else 0.0,
        rests_on=record.rests_on,
        energy_rests_on=record.head.rests_on if record.head else "no measured energy",
        extrapolates=(
            _extrapolates(record.hull, input_tokens, output_tokens) if cost.latency_s > 0 else None
        ),
    )


def _extrapolates(hull: Hull | None, input_tokens: int, output_tokens: int) -> str | None:
    """Say in which direction a request leaves the measured range."""
    if hull is None:
        return "no row of this model was measured on this device"
    reasons = []
    for name, count in (("input_tokens", input_tokens), ("output_tokens", output_tokens)):
        measured = getattr(hull, name)
        if measured is not None and not measured[0] <= count <= measured[1]:
            reasons.append(f"{name} {count} outside {measured[0]:g}..{measured[1]:g} measured")
    return "; ".join(reasons) or None


def _total(parts: list[float | None]) -> float | None:
    """Return the sum; None when a part is unknown."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return the quotient; None when a side is unknown or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator


def _cost(latency_s: float | None, energy_j: float | None, prices: Prices | None) -> Cost:
    """Turn energy and occupied seconds into money."""
    if prices is None:
        return Cost(electricity=None, ownership=None)
    per_second = (
        None
        if prices.device_price is None
        else prices.device_price / (prices.lifetime_years * SECONDS_PER_YEAR)
    )
    return Cost(
        electricity=(
            None if energy_j is None else energy_j / JOULES_PER_KWH * prices.price_per_kwh
        ),
        ownership=None if latency_s is None or per_second is None else latency_s * per_second,
    )


def _notes(phases: dict[Phase, PhasePrediction]) -> tuple[str, ...]:
    """Collect what to know before trusting the numbers."""
    notes = []
    for phase, prediction in phases.items():
        if prediction.latency_s is None:
            notes.append(f"{phase}: no measured rows, so the request has no total")
        elif prediction.energy_j is None:
            notes.append(f"{phase}: no measured energy, so the request has no total energy")
        if prediction.extrapolates:
            notes.append(f"{phase} extrapolates: {prediction.extrapolates}")
    return tuple(notes)
