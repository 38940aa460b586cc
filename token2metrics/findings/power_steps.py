"""Power over time of a request, as the power heads have it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.cost import PhaseCost
from token2metrics.findings.shown import PowerOverTime, PowerStep
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import FITTED_PHASES, Phase

ALGEBRA = FloatAlgebra()

SPANS = 40
"""Spans of a phase, short at its start where power ramps up."""

IDLE_SHARE = 0.15
"""Idle time shown after a request, as a share of its length."""

IDLE = "idle"


def power_of(
    predictor: ModelPredictor, input_tokens: int, output_tokens: int
) -> PowerOverTime | None:
    """Return the power of a request over time; None where a phase has work and no fit.

    The energy of a head up to an instant is its mean power up to there times the time, so what
    it adds over a span is exact, and all spans of a phase add up to the energy of the phase.

    Args:
        predictor: The model.
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
    """
    costs = {
        phase: predictor.phase_cost(phase, input_tokens, output_tokens) for phase in FITTED_PHASES
    }
    hardware = predictor.model.record.hardware
    steps: list[PowerStep] = []
    for phase, cost in costs.items():
        if cost is None:
            return None
        begun_s = steps[-1].end_s if steps else 0.0
        steps += _steps(predictor, phase, cost, begun_s)
    if not steps:
        return None
    ended_s = steps[-1].end_s
    idle_w = hardware.idle_power_w
    steps.append(
        PowerStep(
            part=IDLE,
            start_s=ended_s,
            end_s=ended_s * (1.0 + IDLE_SHARE),
            power_w=idle_w,
            least_w=idle_w,
            most_w=idle_w,
        )
    )
    return PowerOverTime(rail=_rail(predictor), steps=tuple(steps))


def _rail(predictor: ModelPredictor) -> str | None:
    """Return the rail of the first phase with measured energy."""
    records = predictor.model.record.phases
    heads = (records[phase].head for phase in FITTED_PHASES if phase in records)
    return next((head.power_rail for head in heads if head is not None), None)


def _steps(
    predictor: ModelPredictor, phase: Phase, cost: PhaseCost[float], begun_s: float
) -> Iterator[PowerStep]:
    """Yield the spans of one phase."""
    if not cost.latency_s > 0.0:
        return
    hardware = predictor.model.record.hardware
    if cost.power_w is None:
        yield _unmetered(phase, begun_s, cost.latency_s, hardware)
        return
    instants_s = [cost.latency_s * (place / SPANS) ** 2 for place in range(SPANS + 1)]
    energies_j = [_energy_j(predictor, phase, cost, instant_s) for instant_s in instants_s]
    spans = zip(pairwise(instants_s), pairwise(energies_j), strict=True)
    for (start_s, end_s), (before_j, after_j) in spans:
        if end_s > start_s:
            power_w = (after_j - before_j) / (end_s - start_s)
            yield PowerStep(
                part=str(phase),
                start_s=begun_s + start_s,
                end_s=begun_s + end_s,
                power_w=power_w,
                least_w=power_w,
                most_w=power_w,
            )


def _unmetered(
    phase: Phase, begun_s: float, latency_s: float, hardware: HardwareRecord
) -> PowerStep:
    """Return a phase of which only the ends of its power are known."""
    limit_w = hardware.power_limit_w
    return PowerStep(
        part=str(phase),
        start_s=begun_s,
        end_s=begun_s + latency_s,
        power_w=None,
        least_w=hardware.idle_power_w,
        most_w=limit_w if limit_w < UNLIMITED_POWER_W else None,
    )


def _energy_j(
    predictor: ModelPredictor, phase: Phase, cost: PhaseCost[float], instant_s: float
) -> float:
    """Return the energy of a phase up to an instant of it."""
    head = predictor.model.formulas[phase].head
    assert head is not None
    assert cost.bare_s is not None
    bare_s = cost.bare_s * (instant_s / cost.latency_s)
    weights = predictor.model.weights[phase].head
    return head.mean_power_w(ALGEBRA, instant_s, bare_s, weights) * instant_s
