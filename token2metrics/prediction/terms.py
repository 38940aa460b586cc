"""What each term of a law adds to latency, and each part of a power head to energy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from token2metrics.algebra import FloatAlgebra, StepTable
from token2metrics.calibration import PowerLaw
from token2metrics.cost import PhaseCost, PhaseFormula, PhaseWeights, edge_latency_s
from token2metrics.curves import Curve, CurveWeights
from token2metrics.heads import LOAD_SHARE
from token2metrics.prediction.explanation import EnergyPart, Term
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

ALGEBRA = FloatAlgebra()
RELATIVE_STEP = 1e-6
"""How far a term is moved either way to see what the latency does."""

MATRICES = "arithmetic: matrices"
TILES = "tiles"
SLOPES = "slopes"
OFFSET = "offset"
EXPONENT = "exponent"
LEARNED_STEPS = "learned steps"
STEPS_WEIGHT = "step_levels"
OFFSET_WEIGHT = "offset_s"
SLOPE_PREFIX = "slope_from_"
MONOMIAL = re.compile(r"(?:s(?P<s>\d+))?_?(?:i(?P<i>\d+))?")

TERM_NAMES = {
    "s_per_flop": MATRICES,
    "s_per_tile_flop": MATRICES,
    "s_per_wide_tile_flop": MATRICES,
    "s_per_widest_tile_flop": MATRICES,
    "s_per_attention_flop": "arithmetic: attention",
    "s_per_byte": "bandwidth: weights",
    "s_per_kv_byte": "bandwidth: KV cache",
    "s_per_layer": "overhead: launches",
    "intercept": "constant",
    "token": "prompt tokens",
    "step": "decode steps",
    "attended": "attended keys",
    "tile": TILES,
    "wide_tile": TILES,
    "widest_tile": TILES,
    STEPS_WEIGHT: LEARNED_STEPS,
    OFFSET_WEIGHT: OFFSET,
}
"""What people call the term that a weight belongs to."""

BASE_POWER = "base power (idle)"
WORK = "work above idle"
CONTEXT = "saved by waiting for context"
RAMP = "saved while power ramps up"


def term_name(weight: str) -> str:
    """Return what people call the term that a weight belongs to."""
    if weight.startswith(SLOPE_PREFIX):
        return SLOPES
    powers = MONOMIAL.fullmatch(weight)
    if weight not in TERM_NAMES and powers is not None:
        factors = (("steps", powers["s"]), ("prompt", powers["i"]))
        return " * ".join(
            _power(name, exponent) for name, exponent in factors if int(exponent or 0)
        )
    return TERM_NAMES.get(weight, weight)


def _power(name: str, exponent: str) -> str:
    """Write a power of a count."""
    return name if exponent == "1" else f"{name}^{exponent}"


def curve_terms(curve: Curve, workload: Workload[float]) -> dict[str, tuple[str, ...]]:
    """Return the terms of a curve, and the weights that each is proportional to."""
    weights = list(curve.basis(ALGEBRA, workload))
    if curve.step_axis(workload) is not None:
        weights.append(STEPS_WEIGHT)
    return {
        name: tuple(weight for weight in weights if term_name(weight) == name)
        for name in dict.fromkeys(term_name(weight) for weight in weights)
    }


class _Law(Struct, frozen=True):
    """A phase whose weights can be scaled.

    Attributes:
        formula: The phase.
        weights: Its weights.
        workload: The request.
    """

    formula: PhaseFormula
    weights: PhaseWeights[float]
    workload: Workload[float]

    def terms(self) -> dict[str, tuple[str, ...]]:
        """Return every term, that of the calibration included, and its weights."""
        terms = curve_terms(self.formula.curve, self.workload)
        if OFFSET_WEIGHT in self.weights.calibration:
            terms[OFFSET] = (OFFSET_WEIGHT,)
        return terms

    def latency_s(self, factors: Mapping[str, float]) -> float:
        """Return the latency with some weights multiplied."""
        curve, calibration = self.weights.curve, self.weights.calibration
        steps = curve.steps
        if steps is not None:
            height = factors.get(STEPS_WEIGHT, 1.0)
            steps = StepTable(steps.edges, tuple(level * height for level in steps.levels))
        scaled = replace(
            self.weights,
            curve=CurveWeights(_multiplied(curve.values, factors), steps),
            calibration=_multiplied(calibration, factors),
        )
        return edge_latency_s(ALGEBRA, self.formula, self.workload, scaled)


def _multiplied(values: Mapping[str, float], factors: Mapping[str, float]) -> dict[str, float]:
    """Return weights, some of them multiplied."""
    return {name: value * factors.get(name, 1.0) for name, value in values.items()}


def latency_terms(
    formula: PhaseFormula, weights: PhaseWeights[float], workload: Workload[float]
) -> tuple[Term, ...]:
    """Say what each term of a law does to the latency.

    The share of a term is its elasticity. A law that is homogeneous of degree one, such as a sum
    or a p-norm, has shares that add up to one. An additive offset of the calibration is a term
    of its own; so is the exponent of a power law, with the share that the others leave or, below
    zero, exceed.

    Args:
        formula: The phase.
        weights: Its weights.
        workload: The request.
    """
    law = _Law(formula, weights, workload)
    latency_s, named = law.latency_s({}), law.terms()
    every = {weight for group in named.values() for weight in group}
    terms = []
    for name, group in named.items():
        share = _elasticity(law.latency_s, group) if latency_s > 0.0 else 0.0
        alone_s = law.latency_s(dict.fromkeys(every.difference(group), 0.0))
        terms.append(Term(name=name, share=share, seconds=share * latency_s, alone_s=alone_s))
    if isinstance(formula.calibration, PowerLaw) and latency_s > 0.0:
        share = 1.0 - weights.calibration[EXPONENT]
        terms.append(Term(name=EXPONENT, share=share, seconds=share * latency_s, alone_s=None))
    return tuple(terms)


def _elasticity(latency_s: Callable[[Mapping[str, float]], float], group: tuple[str, ...]) -> float:
    """Return the slope of the logarithm of the latency over that of some weights."""
    more, less = 1.0 + RELATIVE_STEP, 1.0 - RELATIVE_STEP
    longer, shorter = (latency_s(dict.fromkeys(group, factor)) for factor in (more, less))
    return math.log(longer / shorter) / math.log(more / less)


def energy_parts(
    formula: PhaseFormula, weights: PhaseWeights[float], cost: PhaseCost[float]
) -> tuple[EnergyPart, ...]:
    """Divide the energy of a phase; the parts add up to it.

    Args:
        formula: The phase, with a power head.
        weights: Its weights.
        cost: Its price.
    """
    head, bare_s, energy_j = formula.head, cost.bare_s, cost.energy_j
    assert head is not None
    assert bare_s is not None
    assert energy_j is not None

    def mean_w(**changed: float) -> float:
        values = {**weights.head, **changed}
        return head.mean_power_w(ALGEBRA, cost.latency_s, bare_s, values)

    idle_w = mean_w(**{LOAD_SHARE: 0.0})
    steady_w = mean_w(ramp_share=0.0, context_saving=0.0)
    waiting_w = mean_w(ramp_share=0.0)
    parts_w = {
        BASE_POWER: idle_w,
        WORK: steady_w - idle_w,
        CONTEXT: waiting_w - steady_w,
        RAMP: mean_w() - waiting_w,
    }
    if formula.curve.phase is Phase.PREFILL:
        del parts_w[CONTEXT]
    return tuple(
        EnergyPart(
            name=name,
            joules=power_w * cost.latency_s,
            share=power_w * cost.latency_s / energy_j if energy_j else 0.0,
        )
        for name, power_w in parts_w.items()
    )
