"""What requests take at most: the upper ends of their intervals, which never fall with tokens."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct
from msgspec.structs import replace

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import HardwareRecord, PhaseRecord
from token2metrics.cost import PhaseCost, PhaseFormula, PhaseWeights, phase_cost
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import Bounds
from token2metrics.planning.limits import AtMost, Demand
from token2metrics.prediction.bounded import phase_bounds
from token2metrics.prediction.envelope import (
    Extent,
    PhaseExtent,
    bounds_of_both,
    energy_bounds_j,
)
from token2metrics.prediction.money import price
from token2metrics.prediction.result import Prices
from token2metrics.vocabulary import Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of, workload_of_steps

ALGEBRA = FloatAlgebra()
CONTEXT_SAVING = "context_saving"
POWER_LIMIT = "power_w"
COST_LIMIT = "cost"
ENERGY_LIMITS = frozenset({"energy_j", POWER_LIMIT, COST_LIMIT})
"""Limits that power has a say in."""

NOTHING = Extent(0.0, Bounds(0.0, 0.0))


class _PhaseAtMost(Struct, frozen=True):
    """What a phase takes.

    Attributes:
        extent: Its latency and energy.
        power_w: Its mean watts at most; None where nothing bounds them.
    """

    extent: PhaseExtent
    power_w: float | None


NO_WORK = _PhaseAtMost(PhaseExtent(NOTHING, NOTHING), 0.0)


class _BoundedPhase(Struct, frozen=True):
    """A phase of a model, ready to be bounded.

    Attributes:
        record: Its margins and measured range.
        hardware: The device's power range.
        formula: How it is priced.
        weights: Its weights.
        hungry: The same, but context saves no power; None where power is not watched.
        traffic: The model's shape.
        confidence: Of the intervals.
        parallel: Samples at once.
    """

    record: PhaseRecord
    hardware: HardwareRecord
    formula: PhaseFormula
    weights: PhaseWeights[float]
    hungry: PhaseWeights[float] | None
    traffic: ModelTraffic[float]
    confidence: float
    parallel: int

    def __call__(self, input_tokens: int, output_tokens: int) -> _PhaseAtMost:
        """Bound what the phase takes of a request, as its prediction does."""
        workload = self._workload(input_tokens, output_tokens)
        cost = self._cost(workload, self.weights)
        if cost.latency_s <= 0.0:
            return NO_WORK
        hungriest = cost if self.hungry is None else self._cost(workload, self.hungry)
        bounded = phase_bounds(
            ALGEBRA,
            self.record,
            self.hardware,
            hungriest,
            self._price,
            workload,
            self.confidence,
            self.parallel,
        )
        latency = Extent(cost.latency_s, bounded.latency_s)
        if cost.energy_j is None or bounded.energy_j is None or bounded.power_w is None:
            return _PhaseAtMost(PhaseExtent(latency, None), stated_limit_w(self.hardware))
        energy = Extent(cost.energy_j, bounded.energy_j)
        watts = None if self.hungry is None else bounded.power_w.upper
        return _PhaseAtMost(PhaseExtent(latency, energy), watts)

    def _cost(self, workload: Workload[float], weights: PhaseWeights[float]) -> PhaseCost[float]:
        """Return what the phase costs."""
        return phase_cost(ALGEBRA, self.formula, workload, weights, self.parallel)

    def _price(self, prompt: float, steps: float) -> PhaseCost[float]:
        """Return what the phase costs at any, even fractional, lengths."""
        return self._cost(workload_of_steps(ALGEBRA, prompt, steps, self.traffic), self.weights)

    def _workload(self, input_tokens: float, output_tokens: float) -> Workload[float]:
        """Return what a request asks of the model."""
        return workload_of(ALGEBRA, float(input_tokens), float(output_tokens), self.traffic)


class UpperBounds(Struct, frozen=True):
    """What requests of one model take at most; no number falls as tokens rise.

    Latency, time to first token and energy are the upper ends of the prediction's intervals,
    energy that of its envelope (``envelope``) where a phase was not metered. The cost is the
    price of both upper ends: for errors of a common shape, however correlated, the upper end of a
    sum is at most the sum of the upper ends.

    The mean power of a request can fall as it gets longer: decode steps over a long context draw
    less. What is limited is therefore the mean power of the hungrier phase as if context saved
    nothing. It is never below the request's own, which is a mean over its phases, and never falls,
    since each phase climbs its ramp. An unmetered phase counts with the device's limit.

    Attributes:
        hardware: The device.
        prefill: The first phase.
        decode: The second.
        prices: What money is counted with.
    """

    hardware: HardwareRecord
    prefill: _BoundedPhase
    decode: _BoundedPhase
    prices: Prices | None

    @classmethod
    def of(cls, model: FittedModel, demand: Demand, watched: Collection[str]) -> UpperBounds:
        """Prepare a model that has a fit of both phases.

        Args:
            model: The model.
            demand: Confidence, prices and parallel samples.
            watched: Names of the limits that matter; leaving out those of energy, power and cost
                saves half of the time, and their numbers are then loose or None.
        """
        prefill, decode = (
            _bounded_phase(model, phase, demand, watched) for phase in (Phase.PREFILL, Phase.DECODE)
        )
        return cls(model.record.hardware, prefill, decode, demand.prices)

    def __call__(self, input_tokens: int, output_tokens: int) -> AtMost:
        """Return what a request takes at most."""
        return self.after(input_tokens)(output_tokens)

    def after(self, input_tokens: int) -> Callable[[int], AtMost]:
        """Return what answers to a prompt take at most, the prompt priced once for all."""
        prefill = self.prefill(input_tokens, 1)

        def at_most(output_tokens: int) -> AtMost:
            return self._sum(prefill, self.decode(input_tokens, output_tokens))

        return at_most

    def _sum(self, prefill: _PhaseAtMost, decode: _PhaseAtMost) -> AtMost:
        """Add the phases of a request up."""
        one, other = prefill.extent, decode.extent
        latency_s = bounds_of_both(one.latency_s, other.latency_s).upper
        energy = energy_bounds_j(one, other, self.hardware)
        energy_j = None if energy is None else energy.upper
        powers_w = prefill.power_w, decode.power_w
        hungrier_w = None if None in powers_w else max(w for w in powers_w if w is not None)
        return AtMost(
            latency_s=latency_s,
            ttft_s=one.latency_s.bounds.upper,
            energy_j=energy_j,
            power_w=hungrier_w,
            cost=total_cost(latency_s, energy_j, self.prices),
        )


def _bounded_phase(
    model: FittedModel, phase: Phase, demand: Demand, watched: Collection[str]
) -> _BoundedPhase:
    """Prepare one phase."""
    formula, weights = model.formulas[phase], model.weights[phase]
    if not ENERGY_LIMITS & set(watched):
        formula = replace(formula, head=None)
    hungry = None
    if formula.head is not None and POWER_LIMIT in watched:
        hungry = replace(weights, head={**weights.head, CONTEXT_SAVING: 0.0})
    return _BoundedPhase(
        record=model.record.phases[phase],
        hardware=model.record.hardware,
        formula=formula,
        weights=weights,
        hungry=hungry,
        traffic=model.traffic,
        confidence=demand.confidence,
        parallel=demand.parallel,
    )


def stated_limit_w(hardware: HardwareRecord) -> float | None:
    """Return the most a device draws; None where nobody stated it."""
    stated = hardware.power_limit_w < UNLIMITED_POWER_W
    return hardware.power_limit_w if stated else None


def total_cost(latency_s: float, energy_j: float | None, prices: Prices | None) -> float | None:
    """Return the money for electricity, where it costs anything, and for wear, where it is known.

    None without either, or where electricity costs and nobody knows how much is used.
    """
    if prices is None or (energy_j is None and prices.price_per_kwh > 0.0):
        return None
    cost = price(latency_s, energy_j, prices)
    known = [part for part in (cost.electricity, cost.ownership) if part is not None]
    return sum(known) if known else None
