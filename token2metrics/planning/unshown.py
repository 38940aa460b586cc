"""Where a cap of power is out of reach only because a phase was never metered."""

from __future__ import annotations

from token2metrics.artifact.fitted import FittedModel
from token2metrics.planning.answerable import unmetered_phases
from token2metrics.planning.at_most import POWER_LIMIT, UpperBounds, stated_limit_w
from token2metrics.planning.limits import Demand
from token2metrics.vocabulary import Phase


def unshown_power(
    model: FittedModel, demand: Demand, bounds: UpperBounds, request: tuple[int, int]
) -> str | None:
    """Say why a cap of power cannot be shown to be kept, though no metered phase breaks it.

    Args:
        model: The model.
        demand: What has to be kept.
        bounds: What its requests take at most, power watched.
        request: Prompt and answer.

    Returns:
        The reason; None where the request keeps every limit, idling or a metered phase breaks the
        cap, or another limit is broken.
    """
    unmetered, most_w = unmetered_phases(model), demand.limits.power_w
    broken = {one.limit for one in demand.limits.broken_by(bounds(*request))}
    if broken != {POWER_LIMIT} or most_w is None:
        return None
    if most_w < model.record.hardware.idle_power_w:
        return None
    metered = {Phase.PREFILL: bounds.prefill, Phase.DECODE: bounds.decode}
    powers_w = [one(*request).power_w for phase, one in metered.items() if phase not in unmetered]
    if any(power_w is None or power_w > most_w for power_w in powers_w):
        return None
    return unshown_words(model)


def unshown_words(model: FittedModel) -> str | None:
    """Say which power no meter showed; None where every phase has one or no limit is stated.

    Args:
        model: The model.
    """
    unmetered, limit_w = unmetered_phases(model), stated_limit_w(model.record.hardware)
    if limit_w is None or not unmetered:
        return None
    counts = "it counts" if len(unmetered) == 1 else "they count"
    return (
        f"power of {' and '.join(unmetered)} was not measured, so {counts} with the device's "
        f"limit of {limit_w:g} W"
    )
