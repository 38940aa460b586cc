"""The best quality within limits; where nothing keeps them, what comes nearest and by how much."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from token2metrics.comparing.comparison import (
    Choice,
    ChoiceLimits,
    ConfigurationResult,
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
        then the one with the least energy.
    """
    keeping = [place for place, one in enumerate(priced) if keeps(one, limits)]
    rated = [place for place in keeping if priced[place].quality is not None]
    best = min(rated, key=lambda place: _preference(priced[place]), default=None)
    nearest, short = None, tuple[Shortfall, ...]()
    if not keeping:
        nearest = min(range(len(priced)), key=lambda place: _distance(priced[place], limits))
        short = shortfalls(priced[nearest], limits)
    return Choice(limits=limits, keeping=len(keeping), best=best, nearest=nearest, shortfalls=short)


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


def _preference(one: ConfigurationResult) -> tuple[float, ...]:
    """Return what makes a configuration better, less being better."""
    return (
        -_known(one.quality),
        _known(one.latency.at_percentile_s),
        _known(one.energy.at_most_j),
    )


def _distance(one: ConfigurationResult, limits: ChoiceLimits) -> float:
    """Return by how much the worst limit is missed; infinite where that is unknown."""
    return max(_known(short.over_percent) for short in shortfalls(one, limits))


def _known(value: float | None) -> float:
    """Return a value; infinite for an unknown one."""
    return math.inf if value is None else value
