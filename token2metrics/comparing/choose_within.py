"""The best quality within limits; where nothing keeps them, what comes nearest and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from token2metrics.comparing.comparison import (
    Choice,
    ChoiceLimits,
    ConfigurationResult,
    Objective,
    Shortfall,
)

PERCENT = 100.0


def choose_within(priced: Sequence[ConfigurationResult], limits: ChoiceLimits) -> Choice:
    """Return what the limits leave.

    Args:
        priced: The configurations.
        limits: What they must keep, at least one of them stated.

    Returns:
        The best quality among those that keep all limits for certain; of equal ones the fastest,
        then the one with the least energy. Without a quality the one that takes the least energy
        at most, or the fastest where the energy of one is unknown.
    """
    keeping = [place for place, one in enumerate(priced) if keeps(one, limits)]
    best, best_by = _best(priced, keeping) if keeping else (None, None)
    nearest, short = None, tuple[Shortfall, ...]()
    if not keeping:
        nearest = min(range(len(priced)), key=lambda place: _distance(priced[place], limits))
        short = shortfalls(priced[nearest], limits)
    return Choice(
        limits=limits,
        keeping=len(keeping),
        best=best,
        best_by=best_by,
        nearest=nearest,
        shortfalls=short,
    )


def keeps(one: ConfigurationResult, limits: ChoiceLimits) -> bool:
    """Return whether a configuration keeps every limit for certain."""
    return not shortfalls(one, limits)


def shortfalls(one: ConfigurationResult, limits: ChoiceLimits) -> tuple[Shortfall, ...]:
    """Return the limits that a configuration does not keep for certain.

    Args:
        one: The configuration. Where a phase was not metered, the most energy that it can take
            speaks.
        limits: The limits.
    """
    found = []
    for name, most in msgspec.structs.asdict(limits).items():
        value = limited_value(one, name)
        if most is None or (value is not None and value <= most):
            continue
        over = None if value is None else PERCENT * (value / most - 1.0)
        found.append(Shortfall(limit=name, most=most, value=value, over_percent=over))
    return tuple(found)


def limited_value(one: ConfigurationResult, limit: str) -> float | None:
    """Return what a configuration takes of a limited quantity, at most; None where unknown.

    Args:
        one: The configuration.
        limit: Name of a field of ``ChoiceLimits``.
    """
    return {
        "max_latency_s": one.latency.at_percentile_s,
        "max_energy_j": one.energy.at_most_j,
        "max_cost": one.cost.at_most_per_request,
    }[limit]


def _best(priced: Sequence[ConfigurationResult], keeping: Sequence[int]) -> tuple[int, Objective]:
    """Return the place of the best of some configurations, and what it is best by."""
    rated = [place for place in keeping if priced[place].quality is not None]
    metered = all(priced[place].energy.at_most_j is not None for place in keeping)
    by = Objective.QUALITY if rated else Objective.ENERGY if metered else Objective.LATENCY
    return min(rated or keeping, key=lambda place: _preference(priced[place], by)), by


def _preference(one: ConfigurationResult, by: Objective) -> tuple[float, ...]:
    """Return what makes a configuration better, less being better."""
    taken = _known(one.latency.at_percentile_s), _known(one.energy.at_most_j)
    if by is Objective.QUALITY:
        return (-_known(one.quality), *taken)
    return taken[::-1] if by is Objective.ENERGY else taken


def _distance(one: ConfigurationResult, limits: ChoiceLimits) -> float:
    """Return by how much the worst limit is missed; infinite where that is unknown."""
    return max(_known(short.over_percent) for short in shortfalls(one, limits))


def _known(value: float | None) -> float:
    """Return a value; infinite for an unknown one."""
    return math.inf if value is None else value
