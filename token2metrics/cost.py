"""The composed formula: curve, calibration and head of each phase, and their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from msgspec import Struct, field

from token2metrics.algebra import Algebra, T
from token2metrics.calibration import Calibration
from token2metrics.curves import Curve, CurveWeights
from token2metrics.curves.curve import present
from token2metrics.heads import PowerHead
from token2metrics.parallel import SINGLE, ParallelSamples
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

AS_FITTED = 1.0
"""Level of a phase that no finished request has moved."""


class PhaseFormula(Struct, frozen=True):
    """How one phase is priced.

    Attributes:
        curve: Source latency.
        calibration: Source to edge device.
        head: Power on the edge device, or None without measured energy.
        parallel: Several samples at once, or None where nothing measured tells.
        level: Factor on the latency by which finished requests moved the fit, above 0.
    """

    curve: Curve
    calibration: Calibration
    head: PowerHead | None = None
    parallel: ParallelSamples | None = None
    level: float = AS_FITTED


class PhaseWeights(Struct, Generic[T], frozen=True):
    """The fitted numbers of one phase, by part."""

    curve: CurveWeights[T]
    calibration: Mapping[str, T]
    head: Mapping[str, T]
    parallel: Mapping[str, T] = field(default_factory=dict)


class PhaseCost(Struct, Generic[T], frozen=True):
    """What one phase of a request costs.

    Attributes:
        latency_s: Seconds, >= 0.
        power_w: Mean watts over the phase, or None without measured energy.
        bare_s: Seconds it would take without the prompt's context; None without power.
    """

    latency_s: T
    power_w: T | None
    bare_s: T | None = None

    @property
    def energy_j(self) -> T | None:
        """Joules: power times latency, so that the three always agree."""
        if self.power_w is None:
            return None
        energy: T = self.power_w * self.latency_s
        return energy


def source_latency_s(
    algebra: Algebra[T], formula: PhaseFormula, workload: Workload[T], weights: PhaseWeights[T]
) -> T:
    """Return the phase latency on the source, before calibration, in seconds."""
    terms = formula.curve.terms(algebra, workload, weights.curve)
    return formula.curve.combine(algebra, terms, weights.curve)


def edge_latency_s(
    algebra: Algebra[T], formula: PhaseFormula, workload: Workload[T], weights: PhaseWeights[T]
) -> T:
    """Return the phase latency on the edge device in seconds."""
    terms = formula.curve.terms(algebra, workload, weights.curve)
    prefilling = formula.curve.phase is Phase.PREFILL
    started = present(workload.input_tokens) if prefilling else workload.started

    def join(parts: Mapping[str, T]) -> T:
        return formula.curve.combine(algebra, parts, weights.curve)

    latency = formula.calibration.apply(
        algebra, join, terms, algebra.constant(started), weights.calibration
    )
    return latency if formula.level == AS_FITTED else latency * formula.level


def bare_latency_s(
    algebra: Algebra[T],
    formula: PhaseFormula,
    workload: Workload[T],
    weights: PhaseWeights[T],
    latency_s: T,
) -> T:
    """Return what decode would take after an empty prompt; of prefill, its latency.

    Args:
        algebra: Where the quantities live.
        formula: The phase.
        workload: The request.
        weights: The phase's weights.
        latency_s: Latency of the phase.
    """
    if formula.curve.phase is Phase.PREFILL:
        return latency_s
    return edge_latency_s(algebra, formula, workload.without_prompt(), weights)


def phase_cost(
    algebra: Algebra[T],
    formula: PhaseFormula,
    workload: Workload[T],
    weights: PhaseWeights[T],
    parallel: int = SINGLE,
) -> PhaseCost[T]:
    """Return latency and mean power of one phase on the edge device.

    Args:
        algebra: Where the quantities live.
        formula: The phase.
        workload: The request, of one sample.
        weights: The phase's weights.
        parallel: Samples generated at once; more than one only where the formula knows them.
    """
    latency = edge_latency_s(algebra, formula, workload, weights)
    bare = power = None
    if formula.head is not None:
        bare = bare_latency_s(algebra, formula, workload, weights, latency)
        power = formula.head.mean_power_w(algebra, latency, bare, weights.head)
    if parallel == SINGLE:
        return PhaseCost(latency, power, bare)
    assert formula.parallel is not None
    shared = formula.parallel.share(algebra, latency, power, parallel, weights.parallel)
    return PhaseCost(shared.latency_s, shared.power_w)
