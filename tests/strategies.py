"""What the law tests draw: requests, model shapes, devices, and lawful weights of any formula.

Weights are drawn from a seed, by overwriting every one of them with wide noise inside its lawful
interval: this tests the structure, not the luck of a training run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests import profiles
from token2metrics.algebra import FloatAlgebra, StepTable
from token2metrics.artifact.fitted import (
    LARGEST_LEVEL,
    SMALLEST_LEVEL,
    FittedModel,
    formula_of,
)
from token2metrics.artifact.manifest import (
    ErrorSummary,
    HardwareRecord,
    HeadRecord,
    Hull,
    MarginRecord,
    MeterRecord,
    ModelRecord,
    ParallelRecord,
    PhaseRecord,
    TrafficRecord,
)
from token2metrics.cost import AS_FITTED, PhaseFormula, PhaseWeights
from token2metrics.curves import FAMILIES, Curve, CurveWeights, Parameter, build_curve
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.curves.mlp import MAX_HIDDEN
from token2metrics.curves.polynomial import MAX_DEGREE
from token2metrics.curves.roofline import MAX_NORM_ORDER
from token2metrics.curves.spline import KNOTS_TOKENS
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.vocabulary import (
    FITTED_PHASES,
    CalibrationMethod,
    Phase,
    RegressionType,
    SourceKind,
)
from token2metrics.workload import (
    TILE_TOKENS,
    WIDE_TILE_TOKENS,
    WIDEST_TILE_TOKENS,
    ModelTraffic,
    workload_of,
)

__all__ = ["COMBINATIONS", "Combination", "lawful_model", "ordered_requests", "profiles"]

FLOATS = FloatAlgebra()

MAX_REQUEST_TOKENS = 131_072
SMALLEST_EXPONENT = -30.0
BALANCED_DECADES = 2.0
MAX_TEST_STEPS = 8
LARGEST_SMOOTHNESS = 1e3
SEED_LIMIT = 2**32 - 1
REFERENCE_REQUEST = (1_000.0, 500.0)

EDGE_COUNTS = (
    0,
    1,
    2,
    3,
    TILE_TOKENS - 1,
    TILE_TOKENS,
    TILE_TOKENS + 1,
    WIDE_TILE_TOKENS - 1,
    WIDE_TILE_TOKENS,
    WIDE_TILE_TOKENS + 1,
    WIDEST_TILE_TOKENS - 1,
    WIDEST_TILE_TOKENS,
    WIDEST_TILE_TOKENS + 1,
    KNOTS_TOKENS[-1],
    KNOTS_TOKENS[-1] + 1,
    MAX_REQUEST_TOKENS - 1,
    MAX_REQUEST_TOKENS,
)
"""Where formulas change: no token, the first step, ends of tiles, the last knot, the longest."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A curve family with a calibration method."""

    family: RegressionType
    method: CalibrationMethod

    def __str__(self) -> str:
        """Return the name of the parametrised test."""
        return f"{self.family}-{self.method}"


COMBINATIONS = tuple(
    Combination(family, method)
    for family in FAMILIES
    for method in CalibrationMethod
    if method is not CalibrationMethod.AUTO
)
"""Every family with every calibration."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A request and one with at least as many input and output tokens."""

    shorter: tuple[int, int]
    longer: tuple[int, int]


def _pair(request: tuple[int, int], more: tuple[int, int]) -> Pair:
    """Lengthen a request, at most up to the longest one."""
    prompt, answer = (
        min(count + extra, MAX_REQUEST_TOKENS) for count, extra in zip(request, more, strict=True)
    )
    return Pair(request, (prompt, answer))


seeds = st.integers(0, SEED_LIMIT)
token_counts = st.sampled_from(EDGE_COUNTS) | st.integers(0, MAX_REQUEST_TOKENS)
requests = st.tuples(token_counts, token_counts)
ordered_requests = st.builds(_pair, requests, requests)


class Noise(Enum):
    """How the weights of one model are drawn."""

    ENDS = auto()
    """Each at one end of its interval, or at its start."""

    WILD = auto()
    """Each of any magnitude, so that one usually dominates."""

    BALANCED = auto()
    """Each so that its term weighs about as much as the others."""


def magnitude(chance: Random, least: float, most: float) -> float:
    """Draw a positive number whose decimal logarithm is uniform."""
    return math.pow(10.0, chance.uniform(least, most))


def draw_weight(chance: Random, parameter: Parameter, noise: Noise, scale: float = 1.0) -> float:
    """Draw one lawful weight.

    Args:
        chance: Where the noise comes from.
        parameter: Bounds the weight.
        noise: How it is drawn.
        scale: The middle of balanced noise.
    """
    lower, upper = parameter.lower, parameter.upper
    if noise is Noise.ENDS:
        return chance.choice((lower, upper, parameter.initial))
    if noise is Noise.BALANCED:
        value = scale * magnitude(chance, -BALANCED_DECADES, BALANCED_DECADES)
    else:
        value = magnitude(chance, SMALLEST_EXPONENT, math.log10(max(upper, -lower)))
    if lower < 0.0:
        value *= chance.choice((-1.0, 1.0))
    elif upper < MAX_WEIGHT and chance.random() < 0.5:
        value = chance.choice((upper - value, chance.uniform(lower, upper)))
    return min(max(value, lower), upper)


def draw_values(
    chance: Random,
    parameters: Iterable[Parameter],
    noise: Noise,
    scales: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Draw a lawful value for every parameter."""
    around = scales or {}
    return {
        parameter.name: draw_weight(chance, parameter, noise, around.get(parameter.name, 1.0))
        for parameter in parameters
    }


def draw_steps(chance: Random, noise: Noise, most: int = MAX_TEST_STEPS) -> StepTable[float]:
    """Draw an ascending staircase."""
    count = chance.randint(0, most)
    edges = sorted(
        float(chance.choice((chance.choice(EDGE_COUNTS), chance.randint(0, MAX_REQUEST_TOKENS))))
        for _ in range(count)
    )
    height = Parameter("height", 0.0)
    heights = [draw_weight(chance, height, noise) for _ in edges]
    levels = [min(level, MAX_WEIGHT) for level in accumulate(heights)]
    return StepTable(tuple(edges), tuple(levels))


def draw_hyperparameters(chance: Random, family: RegressionType) -> dict[str, Any]:
    """Draw hyperparameters that change the formula of a family, over their allowed ranges."""
    match family:
        case RegressionType.LINEAR:
            return {"fit_intercept": chance.random() < 0.5}
        case RegressionType.POLYNOMIAL:
            return {
                "degree": chance.randint(1, MAX_DEGREE),
                "interactions": chance.random() < 0.5,
                "fit_intercept": chance.random() < 0.5,
            }
        case RegressionType.SPLINE:
            return {"smoothness": chance.choice((0.0, LARGEST_SMOOTHNESS))}
        case RegressionType.MLP:
            return {"hidden": chance.choice((1, 2, 4, MAX_HIDDEN))}
        case RegressionType.ROOFLINE:
            return {"norm_order": chance.choice((1.0, 3.5, chance.uniform(1.0, MAX_NORM_ORDER)))}
        case _:
            return {}


def draw_traffic(chance: Random) -> TrafficRecord:
    """Draw the shape of a model, from a toy to a trillion weights."""
    return TrafficRecord(
        flop_per_token=magnitude(chance, 4, 13),
        attention_flop=magnitude(chance, 2, 7),
        weight_bytes=magnitude(chance, 4, 13),
        kv_bytes_per_token=magnitude(chance, 1, 7),
        layers=float(chance.randint(1, 200)),
    )


def draw_hardware(chance: Random) -> HardwareRecord:
    """Draw a device; some draw nothing when idle, some have no stated limit."""
    idle_w = chance.choice((0.0, 5.5, chance.uniform(0.0, 100.0)))
    limit_w = chance.choice((60.0, UNLIMITED_POWER_W, chance.uniform(1.0, 1_000.0)))
    return HardwareRecord(
        memory_bandwidth_bytes_per_s=chance.choice((None, magnitude(chance, 9, 13))),
        compute_flop_per_s=chance.choice((None, magnitude(chance, 11, 16))),
        idle_power_w=idle_w,
        power_limit_w=limit_w if limit_w > idle_w else idle_w + limit_w,
        purchase_price=1_999.0,
        lifetime_years=5.0,
    )


def plain_traffic(record: TrafficRecord) -> ModelTraffic[float]:
    """Return a record's shape as the formulas take it."""
    return ModelTraffic(
        flop_per_token=record.flop_per_token,
        attention_flop=record.attention_flop,
        weight_bytes=record.weight_bytes,
        kv_bytes_per_token=record.kv_bytes_per_token,
        layers=record.layers,
    )


def curve_parameters(curve: Curve) -> tuple[Parameter, ...]:
    """Return every scalar weight of a curve: the factors of its basis, then its shape."""
    unit: ModelTraffic[float] = ModelTraffic(1.0, 1.0, 1.0, 1.0, 1.0)
    basis = curve.basis(FLOATS, workload_of(FLOATS, 1.0, 1.0, unit))
    return (*(Parameter(name, 0.0) for name in basis), *curve.shape_parameters())


def draw_phase_weights(
    chance: Random, formula: PhaseFormula, traffic: ModelTraffic[float], noise: Noise
) -> PhaseWeights[float]:
    """Draw every weight of a phase."""
    curve = formula.curve
    reference = curve.basis(FLOATS, workload_of(FLOATS, *REFERENCE_REQUEST, traffic))
    scales = {name: 1.0 / feature for name, feature in reference.items() if feature > 0.0}
    has_steps = curve.step_axis(workload_of(FLOATS, *REFERENCE_REQUEST, traffic)) is not None
    return PhaseWeights(
        curve=CurveWeights(
            draw_values(chance, curve_parameters(curve), noise, scales),
            draw_steps(chance, noise) if has_steps else StepTable((), ()),
        ),
        calibration=draw_values(chance, formula.calibration.parameters(), noise),
        head=draw_values(chance, formula.head.parameters() if formula.head else (), noise),
        parallel=draw_values(
            chance, formula.parallel.parameters() if formula.parallel else (), noise
        ),
    )


DRAWN_MARGIN = MarginRecord(
    method="drawn",
    rows=1,
    confidences=(LOWEST_CONFIDENCE, 0.9, HIGHEST_CONFIDENCE),
    half_widths=(0.02, 0.1, 0.3),
)

DRAWN_HEAD = HeadRecord(
    power_rail="gpu",
    rows=1,
    rests_on="drawn weights",
    meter=MeterRecord(period_s=0.1, pad_s=0.05),
    margin=DRAWN_MARGIN,
)


DRAWN_PARALLEL = ParallelRecord(
    rows=1, samples=(2, 32), rests_on="drawn weights", margin=DRAWN_MARGIN
)


def phase_record(
    combination: Combination,
    phase: Phase,
    hyperparameters: Mapping[str, Any],
    metered: bool = True,
    step_count: int = 0,
) -> PhaseRecord:
    """Describe a phase whose formula is given and whose training never happened."""
    curve = build_curve(combination.family, phase, hyperparameters)
    unit: ModelTraffic[float] = ModelTraffic(1.0, 1.0, 1.0, 1.0, 1.0)
    terms = curve.term_names(FLOATS, workload_of(FLOATS, 1.0, 1.0, unit))
    return PhaseRecord(
        family=combination.family,
        hyperparameters=curve.hyperparameters(),
        calibration=combination.method,
        terms=terms,
        source=SourceKind.NONE,
        source_rows=0,
        edge_rows=1,
        rests_on="drawn weights",
        hull=Hull(
            input_tokens=(1.0, 4_096.0),
            output_tokens=None if phase is Phase.PREFILL else (1.0, 2_048.0),
        ),
        errors=(
            ErrorSummary(
                protocol="none",
                rows=1,
                mape_percent=1.0,
                median_ape_percent=1.0,
                p90_ape_percent=1.0,
                bias_percent=0.0,
            ),
        ),
        margin=DRAWN_MARGIN,
        iterations=0,
        converged=True,
        step_count=step_count,
        head=DRAWN_HEAD if metered else None,
        parallel=DRAWN_PARALLEL,
    )


def model_record(
    name: str,
    phases: Mapping[Phase, PhaseRecord],
    traffic: TrafficRecord,
    hardware: HardwareRecord,
) -> ModelRecord:
    """Describe a model of which only the formulas matter."""
    return ModelRecord(
        id=f"drawn-{name}",
        name=name,
        aliases=(),
        device="device",
        power_mode="maxn",
        runtime="vllm",
        precision="bf16",
        traffic=traffic,
        hardware=hardware,
        phases=dict(phases),
        configuration={},
        data_fingerprint="none",
        data_sources=("drawn",),
        trained_at="2025-01-01T00:00:00+00:00",
    )


def lawful_model(
    combination: Combination, seed: int, metered: bool = True, name: str = "model"
) -> FittedModel:
    """Build a fitted model with drawn shape, device, hyperparameters and lawful weights.

    Args:
        combination: Family and calibration of both phases.
        seed: Of every draw.
        metered: Whether the phases have power heads.
        name: Of the model.
    """
    chance = Random(seed)
    noise = chance.choice(tuple(Noise))
    traffic = draw_traffic(chance)
    hyperparameters = draw_hyperparameters(chance, combination.family)
    phases = {
        phase: phase_record(combination, phase, hyperparameters, metered) for phase in FITTED_PHASES
    }
    hardware = draw_hardware(chance)
    levelled = {phase: with_level(record, chance) for phase, record in phases.items()}
    return redrawn_model(model_record(name, levelled, traffic, hardware), chance, noise)


def redrawn_model(record: ModelRecord, chance: Random, noise: Noise) -> FittedModel:
    """Draw the weights of a described model and count its steps in its record."""
    traffic = plain_traffic(record.traffic)
    formulas = {phase: formula_of(record, phase) for phase in record.phases}
    weights = {
        phase: draw_phase_weights(chance, formula, traffic, noise)
        for phase, formula in formulas.items()
    }
    phases = {
        phase: with_steps(described, weights[phase].curve.steps)
        for phase, described in record.phases.items()
    }
    return FittedModel(
        model_record(record.name, phases, record.traffic, record.hardware), formulas, weights
    )


def with_level(record: PhaseRecord, chance: Random) -> PhaseRecord:
    """Return a record at a drawn level, often the one it was fitted at."""
    level = chance.choice((AS_FITTED, SMALLEST_LEVEL, LARGEST_LEVEL, magnitude(chance, -0.5, 0.5)))
    return msgspec.structs.replace(record, level=level)


def with_steps(record: PhaseRecord, steps: StepTable[float] | None) -> PhaseRecord:
    """Return a record that counts the steps of its staircase."""
    count = len(steps.edges) if steps is not None else 0
    return msgspec.structs.replace(record, step_count=count)
