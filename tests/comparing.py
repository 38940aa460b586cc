"""How the law tests compare: prices of requests, up to rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from tests.strategies import FLOATS, curve_parameters
from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.curves import CurveWeights, Parameter
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Prediction
from token2metrics.workload import Workload, workload_of

SLACK = 1e-12
"""Relative rounding of a formula evaluated in float64."""

SUBNORMAL = 1e-290
"""Below 2e-308 floats lose digits: powers there cost energies up to this much, absolutely."""

NEGLIGIBLE_S = 1e-30
"""Torch keeps powers away from zero to have gradients there; far below any clock."""

T = TypeVar("T")


def known(value: T | None) -> T:
    """Return a value that must not be missing."""
    assert value is not None
    return value


def never_falls(shorter: float, longer: float) -> bool:
    """Return whether the longer request costs at least as much, up to rounding."""
    return longer >= shorter * (1.0 - SLACK) - SUBNORMAL


def close(one: float, other: float) -> bool:
    """Return whether two numbers are equal up to rounding."""
    return math.isclose(one, other, rel_tol=SLACK, abs_tol=SUBNORMAL)


def predicted(model: FittedModel, request: tuple[int, int]) -> Prediction:
    """Price one request."""
    return ModelPredictor(model)(*request)


def workload_for(model: FittedModel, request: tuple[int, int]) -> Workload[float]:
    """Return what a request asks of a model."""
    return workload_of(FLOATS, float(request[0]), float(request[1]), model.traffic)


def at_end(formula: PhaseFormula, end: str, steps: StepTable[float]) -> PhaseWeights[float]:
    """Return weights that are all at their lower, or all at their upper bound."""

    def values(parameters: Iterable[Parameter]) -> dict[str, float]:
        return {parameter.name: getattr(parameter, end) for parameter in parameters}

    return PhaseWeights(
        curve=CurveWeights(values(curve_parameters(formula.curve)), steps),
        calibration=values(formula.calibration.parameters()),
        head=values(known(formula.head).parameters()),
    )
