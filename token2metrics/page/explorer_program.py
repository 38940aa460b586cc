"""What the explorer computes: predictions at any confidence, and what plans compare with limits."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseWeights
from token2metrics.intervals import Bounds, bounds_of_sum
from token2metrics.page.later_widths import (
    RECORDED_CONFIDENCE,
    LaterWidthAlgebra,
    with_later_widths,
)
from token2metrics.planning.at_most import CONTEXT_SAVING, stated_limit_w
from token2metrics.prediction.program import Program
from token2metrics.prediction.quantities import (
    ENERGY,
    INPUTS,
    LATENCY,
    POWER,
    QUANTITIES,
    Asked,
    ends_of,
    request_quantities,
)
from token2metrics.symbolic import Node
from token2metrics.vocabulary import FITTED_PHASES, Phase

MOST_ENERGY = "most_energy_j"
"""Joules of a request at most, the device's limit standing for what was not metered."""


def most_power(phase: Phase) -> str:
    """Return the name of the mean watts of a phase at most, as if context saved none."""
    return f"{phase}_most_power_w"


EXPLORED = (*QUANTITIES, MOST_ENERGY, *(most_power(phase) for phase in FITTED_PHASES))
"""Every result of an explorer's program; what is unknown is not a number."""

Quantities = Mapping[str, Node]


def explorer_program(model: FittedModel) -> Program:
    """Record everything that the explorer shows of a model.

    The inputs are the token counts and the half-widths ``later_widths.WIDTHS``. Its upper bounds
    are those of ``planning.at_most.UpperBounds``, for one answer to a prompt.

    Args:
        model: The fitted model.
    """
    algebra, later = LaterWidthAlgebra(), with_later_widths(model)
    prompt, answer = (algebra.input(name) for name in INPUTS)
    asked = Asked(prompt, answer, RECORDED_CONFIDENCE)
    found = request_quantities(algebra, later, asked)
    hungry = request_quantities(algebra, _without_saving(later), asked)
    return Program(
        {
            **found,
            MOST_ENERGY: _most_energy_j(algebra, later, found),
            **{
                most_power(one): _most_power_w(algebra, later, one, hungry) for one in FITTED_PHASES
            },
        }
    )


def _without_saving(model: FittedModel) -> FittedModel:
    """Return a model whose decode steps draw the same at any context."""
    return replace(model, weights={phase: _hungry(one) for phase, one in model.weights.items()})


def _hungry(weights: PhaseWeights[float]) -> PhaseWeights[float]:
    """Return the weights of a phase to which context saves no power."""
    return replace(weights, head={**weights.head, CONTEXT_SAVING: 0.0} if weights.head else {})


def _most_energy_j(algebra: LaterWidthAlgebra, model: FittedModel, found: Quantities) -> Node:
    """Return the upper end of the energy of both phases, metered or not."""
    one, other = (_energy_extent(algebra, model, phase, found) for phase in FITTED_PHASES)
    parts = (one[0], other[0])
    return bounds_of_sum(algebra, parts, (Bounds(*one), Bounds(*other))).upper


def _energy_extent(
    algebra: LaterWidthAlgebra, model: FittedModel, phase: Phase, found: Quantities
) -> tuple[Node, Node]:
    """Return the energy of a phase and its upper end; without a meter, of the device's limit."""
    if _is_metered(model, phase):
        return _value_and_upper(f"{phase}_{ENERGY}", found)
    limit_w = stated_limit_w(model.record.hardware)
    value, upper = _value_and_upper(f"{phase}_{LATENCY}", found)
    if limit_w is not None:
        return value * limit_w, upper * limit_w
    energy = _when_working(algebra, found[f"{phase}_{LATENCY}"], algebra.unknown())
    return energy, energy


def _most_power_w(
    algebra: LaterWidthAlgebra, model: FittedModel, phase: Phase, hungry: Quantities
) -> Node:
    """Return the mean watts of a phase at most, none where it takes no time."""
    if _is_metered(model, phase):
        watts = hungry[f"{phase}_{ends_of(POWER)[1]}"]
    else:
        limit_w = stated_limit_w(model.record.hardware)
        watts = algebra.unknown() if limit_w is None else algebra.number(limit_w)
    return _when_working(algebra, hungry[f"{phase}_{LATENCY}"], watts)


def _when_working(algebra: LaterWidthAlgebra, latency_s: Node, value: Node) -> Node:
    """Return a value; nothing where a phase takes no time."""
    idle = algebra.at_least(latency_s * -1.0, 0.0)
    return algebra.select(idle, algebra.number(0.0), value)


def _is_metered(model: FittedModel, phase: Phase) -> bool:
    """Return whether energy of a phase was measured."""
    formula = model.formulas.get(phase)
    return formula is not None and formula.head is not None


def _value_and_upper(quantity: str, found: Quantities) -> tuple[Node, Node]:
    """Return a quantity and its upper end."""
    return found[quantity], found[ends_of(quantity)[1]]
