"""Fitted numbers over what was believed of them, or over what the source curve has."""

from __future__ import annotations

import math
from collections.abc import Iterator

from token2metrics.artifact.fitted import FittedModel
from token2metrics.findings.shown import FactorFinding
from token2metrics.prediction.explanation import Factor
from token2metrics.prediction.factors import curve_factors
from token2metrics.prediction.laws import RATIO_PREFIX
from token2metrics.prediction.terms import ALGEBRA, OFFSET_WEIGHT
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind
from token2metrics.workload import workload_of

ANY_TOKENS = 1_000.0
"""Names and values of factors are the same for every request."""

BELIEVED = "what was believed before its own rows"
AS_THE_SOURCE = "the source curve as it is"

SOURCES = {
    SourceKind.SERVER: "the server's curve as it is",
    SourceKind.SIBLINGS: "the curve of the device's other models as it is",
    SourceKind.MODES: "the curve of the other power mode as it is",
    SourceKind.HARDWARE: "the nominal figures of the device as they are",
}

CALIBRATION_NAMES = {"gain": "gain, all terms", "exponent": "exponent"}
SECONDS = "s"
SHARED, SHARE = "arithmetic", "%"
"""Factors in percent divide the arithmetic: ``in tiles of 64``."""


def factors_of(model: FittedModel) -> tuple[FactorFinding, ...]:
    """Return the numbers of a model beside what they were compared with.

    Args:
        model: The fitted model.
    """
    return tuple(
        one
        for phase in FITTED_PHASES
        if phase in model.formulas
        for one in (*_believed(model, phase), *_calibrated(model, phase))
    )


def _believed(model: FittedModel, phase: Phase) -> Iterator[FactorFinding]:
    """Yield the numbers of a curve that were believed before."""
    record, formula, weights = model.record.phases[phase], model.formulas[phase], model.weights
    workload = workload_of(ALGEBRA, ANY_TOKENS, ANY_TOKENS, model.traffic)
    hardware = model.record.hardware
    for factor in curve_factors(record, formula, weights[phase], hardware, workload):
        if factor.believed is not None:
            yield _finding(phase, factor)


def _finding(phase: Phase, factor: Factor) -> FactorFinding:
    """Return a number beside what was believed of it."""
    return FactorFinding(
        phase=phase,
        name=f"{SHARED} {factor.name}" if factor.unit == SHARE else factor.name,
        unit=factor.unit,
        value=factor.value,
        reference=factor.believed,
        reference_is=BELIEVED,
        ratio=_ratio(factor.value, factor.believed),
        spread=factor.spread,
        lower=_exponential(factor.spread, -1.0),
        upper=_exponential(factor.spread, 1.0),
    )


def _calibrated(model: FittedModel, phase: Phase) -> Iterator[FactorFinding]:
    """Yield the weights of a calibration, which are 1 where the source needs no correction."""
    record, formula, weights = model.record.phases[phase], model.formulas[phase], model.weights
    for parameter in formula.calibration.parameters():
        value = weights[phase].calibration[parameter.name]
        is_offset = parameter.name == OFFSET_WEIGHT
        spread = None if is_offset else parameter.spread
        yield FactorFinding(
            phase=phase,
            name=_name(parameter.name),
            unit=SECONDS if is_offset else "",
            value=value,
            reference=parameter.initial,
            reference_is=SOURCES.get(record.source, AS_THE_SOURCE),
            ratio=_ratio(value, parameter.initial),
            spread=spread,
            lower=_exponential(spread, -1.0),
            upper=_exponential(spread, 1.0),
        )


def _name(weight: str) -> str:
    """Return what people call a weight of a calibration."""
    if weight.startswith(RATIO_PREFIX):
        return f"{weight.removeprefix(RATIO_PREFIX)}, over the gain"
    if weight == OFFSET_WEIGHT:
        return "offset"
    return CALIBRATION_NAMES.get(weight, weight)


def _ratio(value: float | None, reference: float | None) -> float | None:
    """Return a quotient; None where either is unknown or nothing can be divided by."""
    if value is None or not reference:
        return None
    quotient = value / reference
    return quotient if math.isfinite(quotient) else None


def _exponential(spread: float | None, sign: float) -> float | None:
    """Return how far a spread reaches, over the reference."""
    return None if spread is None else math.exp(sign * spread)
