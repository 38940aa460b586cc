"""The families a fleet is fitted with, and their features by phase.

A batched exact fit needs a latency that is a sum of non-negative weights times features, the same
features for every curve: ``linear``, ``polynomial``, ``spline``, and the trend of ``tree`` (whole
tiles; without the learned steps, whose thresholds differ from curve to curve). ``mlp`` and the
prefill of ``roofline`` are no such sums. The decode of ``roofline`` is one, but within one curve,
so of one model, its columns for weights and launches are the same up to a factor: it is
``linear`` without an intercept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from token2metrics.algebra import Algebra, FloatAlgebra, T
from token2metrics.curves import Curve, build_curve
from token2metrics.vocabulary import FITTED_PHASES, Phase, RegressionType
from token2metrics.workload import ANY_REQUEST, ModelTraffic, Workload, workload_of

FLOATS = FloatAlgebra()
INTERCEPT = "intercept"


class FleetFamily(StrEnum):
    """Families that are linear in their weights."""

    LINEAR = "linear"
    POLYNOMIAL = "polynomial"
    SPLINE = "spline"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class Smoothness:
    """Weights that should resemble each other, in the columns of one phase.

    Attributes:
        penalty: Of the differences of neighbours, in shares of the latency.
        columns: The weights, in order.
    """

    penalty: float
    columns: tuple[int, ...]


def build_curves(family: FleetFamily) -> dict[Phase, Curve]:
    """Return the curve of each fitted phase, at the family's defaults."""
    return {phase: build_curve(RegressionType(family), phase) for phase in FITTED_PHASES}


def weight_name(phase: Phase, name: str) -> str:
    """Return the name of a weight in a table of curves, such as ``prefill_token``."""
    return f"{phase}_{name}"


def weight_names(family: FleetFamily, phase: Phase) -> tuple[str, ...]:
    """Return the names of the weights of a phase, in order."""
    return tuple(_named(family, phase, FLOATS, ANY_REQUEST))


def every_weight(family: FleetFamily) -> tuple[str, ...]:
    """Return the names of the weights of all phases, in order."""
    return tuple(name for phase in FITTED_PHASES for name in weight_names(family, phase))


def features(
    family: FleetFamily, phase: Phase, algebra: Algebra[T], input_tokens: T, output_tokens: T
) -> dict[str, T]:
    """Return the features of a phase by weight name.

    A request has those of both phases but for the start of decode, which whole latencies do not
    tell from that of prefill.

    Args:
        family: The family.
        phase: ``prefill``, ``decode`` or ``request``.
        algebra: Where the quantities live.
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
    """
    one = algebra.number(1.0)
    unit = ModelTraffic(one, one, one, one, one)
    workload = workload_of(algebra, input_tokens, output_tokens, unit)
    return _named(family, phase, algebra, workload)


def _named(
    family: FleetFamily, phase: Phase, algebra: Algebra[T], workload: Workload[T]
) -> dict[str, T]:
    """Return the features of a workload by weight name."""
    curves = build_curves(family)
    return {
        weight_name(part, name): feature
        for part in phase.parts
        for name, feature in curves[part].basis(algebra, workload).items()
        if not (phase is Phase.REQUEST and part is Phase.DECODE and name == INTERCEPT)
    }


def smoothness(family: FleetFamily, phase: Phase) -> tuple[Smoothness, ...]:
    """Return which weights of a phase resemble each other; a request has those of both."""
    names = weight_names(family, phase)
    curves = build_curves(family)
    found = []
    for part in phase.parts:
        regularity = curves[part].regularity()
        if regularity.differences > 0:
            columns = tuple(names.index(weight_name(part, one)) for one in regularity.neighbours)
            found.append(Smoothness(regularity.differences, columns))
    return tuple(found)
