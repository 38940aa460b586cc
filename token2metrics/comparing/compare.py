"""Configurations side by side: the Pareto front, and the best one within limits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from token2metrics.comparing.choose_within import choose_within, keeps
from token2metrics.comparing.comparison import (
    ChoiceLimits,
    Comparison,
    ConfigurationResult,
    Objective,
)
from token2metrics.comparing.configurations import Configuration
from token2metrics.comparing.pareto import Point, pareto_front
from token2metrics.comparing.summarise import summarise
from token2metrics.comparing.totals import DEFAULT_PERCENTILE, Totals
from token2metrics.comparing.unranked import METERED, check_latencies, unranked_notes
from token2metrics.errors import DataError, RequestError
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.workload import WorkloadSummary

NO_LIMITS = ChoiceLimits()


def compare_totals(
    compared: Sequence[Configuration],
    totals: Sequence[Totals],
    workload: WorkloadSummary,
    objectives: Sequence[Objective] = (),
    limits: ChoiceLimits = NO_LIMITS,
    percentile: float = DEFAULT_PERCENTILE,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Comparison:
    """Compare configurations that were priced.

    Args:
        compared: The configurations.
        totals: What the workload costs in each.
        workload: What was asked.
        objectives: What the front is about; by default latency, energy where it is known, and
            quality where it was given.
        limits: What a configuration must keep.
        percentile: Of the latency that limits and the front look at.
        confidence: Of intervals.

    Raises:
        RequestError: If a limit is no number above 0.
        DataError: If no configuration has a latency, or none has a chosen objective.
    """
    check_limits(limits)
    priced = [summarise(*pair, percentile) for pair in zip(compared, totals, strict=True)]
    check_latencies(priced)
    decode_only = all(one.energy.mean_j is None for one in priced)
    wanted = _objectives(priced, objectives, decode_only)
    fronted = _with_front(priced, wanted, decode_only)
    if limits != NO_LIMITS:
        fronted = [msgspec.structs.replace(one, keeps_limits=keeps(one, limits)) for one in fronted]
    return Comparison(
        workload=workload,
        percentile=percentile,
        confidence=confidence,
        objectives=wanted,
        decode_only=decode_only and any(one in METERED for one in wanted),
        configurations=tuple(fronted),
        choice=choose_within(fronted, limits) if limits != NO_LIMITS else None,
        notes=(*unranked_notes(fronted, wanted), *_notes(fronted)),
    )


def check_limits(limits: ChoiceLimits) -> None:
    """Refuse limits that nothing can keep.

    Raises:
        RequestError: If a limit is not a finite number above 0.
    """
    for name, most in msgspec.structs.asdict(limits).items():
        if most is not None and not (math.isfinite(most) and most > 0):
            raise RequestError(f"expected {name} to be a number above 0, got {most}")


def _objectives(
    priced: Sequence[ConfigurationResult], chosen: Sequence[Objective], decode_only: bool
) -> tuple[Objective, ...]:
    """Return what the front is about, in one order."""
    known = [
        one for one in Objective if any(_value(p, one, decode_only) is not None for p in priced)
    ]
    lacking = [one for one in dict.fromkeys(chosen) if one not in known]
    if lacking:
        advice = "give --quality FILE" if Objective.QUALITY in lacking else "train on such rows"
        raise DataError(
            f"expected a measured {lacking[0]} of at least one configuration, got none; {advice}"
        )
    wanted = chosen or (Objective.LATENCY, Objective.ENERGY, Objective.QUALITY)
    return tuple(one for one in known if one in wanted)


def _value(one: ConfigurationResult, objective: Objective, decode_only: bool) -> float | None:
    """Return what a configuration has of an objective; less is better."""
    energy, cost = one.energy, one.cost
    match objective:
        case Objective.LATENCY:
            return one.latency.at_percentile_s
        case Objective.ENERGY:
            return energy.decode_mean_j if decode_only else energy.mean_j
        case Objective.COST:
            return cost.decode_per_request if decode_only else cost.per_request
        case Objective.QUALITY:
            return None if one.quality is None else -one.quality


def _with_front(
    priced: Sequence[ConfigurationResult], objectives: Sequence[Objective], decode_only: bool
) -> list[ConfigurationResult]:
    """Mark the front among the configurations whose objectives are all known."""
    points: dict[int, Point] = {}
    for place, one in enumerate(priced):
        values = [_value(one, objective, decode_only) for objective in objectives]
        known = tuple(value for value in values if value is not None)
        if values and len(known) == len(values):
            points[place] = known
    front = dict(zip(points, pareto_front(list(points.values())), strict=True))
    return [
        msgspec.structs.replace(one, on_front=front.get(place)) for place, one in enumerate(priced)
    ]


def _notes(priced: Sequence[ConfigurationResult]) -> tuple[str, ...]:
    """Say where energies or costs are not alike."""
    rails = {one.power_rail for one in priced if one.energy.decode_mean_j is not None}
    notes = []
    if len(rails) > 1:
        named = ", ".join(sorted(str(rail) for rail in rails))
        notes.append(f"energies of different rails are not alike: {named}")
    unpriced = dict.fromkeys(one.device for one in priced if one.cost.prices.device_price is None)
    if unpriced:
        notes.append(f"costs are electricity alone on {', '.join(unpriced)}: no device price")
    return tuple(notes)
