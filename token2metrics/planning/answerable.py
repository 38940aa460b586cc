"""Whether a model can tell about every limit of a plan, and what to know where it can."""

from __future__ import annotations

from collections.abc import Collection

from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.parallel import SINGLE
from token2metrics.planning.at_most import (
    COST_LIMIT,
    ENERGY_LIMITS,
    UpperBounds,
    stated_limit_w,
)
from token2metrics.planning.limits import Demand
from token2metrics.prediction.checks import check_tokens
from token2metrics.vocabulary import FITTED_PHASES, Phase

SHORTEST = 1
"""Fewest tokens that a plan gives a prompt or an answer."""


def bounds_for(model: FittedModel, demand: Demand) -> UpperBounds:
    """Prepare the bounds of a model, if it can tell about every limit.

    Raises:
        RequestError: If nothing measured tells about one.
    """
    phases = [model.formulas.get(phase) for phase in FITTED_PHASES]
    for phase, formula in zip(FITTED_PHASES, phases, strict=True):
        if formula is None:
            raise _untold(model, f"{phase}, of which no row was measured")
        if demand.parallel > SINGLE and formula.parallel is None:
            raise _untold(model, f"{demand.parallel} samples at once, of which no row was measured")
    stated = demand.limits.stated
    blind = unmetered_phases(model) and stated_limit_w(model.record.hardware) is None
    if blind and ENERGY_LIMITS.difference({COST_LIMIT}) & set(stated):
        raise _untold(
            model,
            f"the energy of {' and '.join(unmetered_phases(model))}, which was never metered, on a "
            "device whose power limit is not stated",
        )
    bounds = UpperBounds.of(model, demand, stated)
    if COST_LIMIT in stated and bounds(SHORTEST, SHORTEST).cost is None:
        raise _untold(
            model,
            "its cost: its energy is not known, or neither electricity nor the device has a price",
        )
    return bounds


def room_beside(name: str, count: int, demand: Demand) -> int:
    """Return how many tokens a context leaves beside a prompt or an answer.

    Raises:
        RequestError: If it leaves none, or the count is impossible.
    """
    check_tokens(name, count)
    if count > demand.context_tokens - SHORTEST:
        raise RequestError(
            f"expected {name} to leave room in a context of {demand.context_tokens} tokens, "
            f"got {count}"
        )
    return demand.context_tokens - count


def notes_on(model: FittedModel, demand: Demand, watched: Collection[str]) -> tuple[str, ...]:
    """Say which numbers rest on the device's limit, or leave a part out.

    Args:
        model: The model.
        demand: What has to be kept.
        watched: Names of the limits whose numbers matter.
    """
    notes = []
    limit_w = stated_limit_w(model.record.hardware)
    unmetered = " and ".join(unmetered_phases(model))
    if unmetered and limit_w is not None and ENERGY_LIMITS & set(watched):
        notes.append(
            f"{unmetered}: no measured energy, so power counts with the device's limit of "
            f"{limit_w:g} W"
        )
    prices = demand.prices
    if COST_LIMIT in watched and prices is not None and prices.device_price is None:
        notes.append("the cost leaves the device out: its price is not known")
    return tuple(notes)


def unmetered_phases(model: FittedModel) -> list[Phase]:
    """Return the phases without measured energy."""
    return [phase for phase, formula in model.formulas.items() if formula.head is None]


def _untold(model: FittedModel, what: str) -> RequestError:
    """Say what nothing measured tells."""
    return RequestError(
        f"expected {model.record.name} to tell about every limit, got nothing about {what}; "
        "train on rows that do, or leave the limit out"
    )
