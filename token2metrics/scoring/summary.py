"""Groups of scored requests in seconds, joules and money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from token2metrics.prediction.money import price
from token2metrics.prediction.quantities import ENERGY, LATENCY
from token2metrics.prediction.result import Cost, Prices
from token2metrics.scoring.result import ScoredGroup, Spread
from token2metrics.scoring.sketch import quantile
from token2metrics.scoring.tally import Key, Measure, Tally

MEDIAN, NINETIETH, NINETY_NINTH = 0.5, 0.9, 0.99

Tallies = Mapping[tuple[Key, str], Tally]
"""By group and key of the model."""


def overall(tallies: Tallies, prices: Mapping[str, Prices], measured: Sequence[str]) -> ScoredGroup:
    """Return all requests as one group.

    Args:
        tallies: What requests add up to.
        prices: What money is counted with, by model.
        measured: Quantities that were summed.
    """
    parts = [(model, tally) for (_, model), tally in tallies.items()]
    return _group({}, parts, prices, measured)


def scored_groups(
    tallies: Tallies,
    columns: Sequence[str],
    prices: Mapping[str, Prices],
    measured: Sequence[str],
) -> tuple[ScoredGroup, ...]:
    """Return every group, the one with the longest latency in all first.

    Args:
        tallies: What requests add up to.
        columns: The grouping columns; none for no groups.
        prices: What money is counted with, by model.
        measured: Quantities that were summed.
    """
    by_key: dict[Key, list[tuple[str, Tally]]] = {}
    if columns:
        for (key, model), tally in tallies.items():
            by_key.setdefault(key, []).append((model, tally))
    groups = [
        _group(dict(zip(columns, key, strict=True)), parts, prices, measured)
        for key, parts in by_key.items()
    ]
    groups.sort(key=lambda one: (-one.latency_s.total, *(v or "" for v in one.group.values())))
    return tuple(groups)


def _group(
    group: dict[str, str | None],
    parts: Sequence[tuple[str, Tally]],
    prices: Mapping[str, Prices],
    measured: Sequence[str],
) -> ScoredGroup:
    """Return the requests of a group, priced by one or several models."""
    whole = Tally(measures={name: Measure() for name in measured})
    for _, tally in parts:
        whole.add(tally)
    return ScoredGroup(
        group=group,
        requests=whole.requests,
        input_tokens=whole.input_tokens,
        output_tokens=whole.output_tokens,
        extrapolated=whole.extrapolated,
        latency_s=_spread(whole.measures[LATENCY]),
        energy_j=_energy(whole),
        cost=_cost(parts, prices),
    )


def _energy(tally: Tally) -> Spread | None:
    """Return the energy of a group, if any of it is known."""
    measure = tally.measures.get(ENERGY)
    return _spread(measure) if measure is not None and measure.requests else None


def _spread(measure: Measure) -> Spread:
    """Return sum, mean and percentiles of a quantity."""
    total, requests = float(measure.total), measure.requests
    return Spread(
        requests=requests,
        total=total,
        mean=total / requests if requests else None,
        p50=quantile(measure.buckets, MEDIAN),
        p90=quantile(measure.buckets, NINETIETH),
        p99=quantile(measure.buckets, NINETY_NINTH),
    )


def _cost(parts: Sequence[tuple[str, Tally]], prices: Mapping[str, Prices]) -> Cost:
    """Return what requests cost, each on its own device; unknown where a part is."""
    costs = [_cost_of(tally, prices.get(model)) for model, tally in parts]
    shared = {cost.prices for cost in costs}
    return Cost(
        electricity=_sum([cost.electricity for cost in costs]),
        ownership=_sum([cost.ownership for cost in costs]),
        prices=shared.pop() if len(shared) == 1 else None,
    )


def _cost_of(tally: Tally, prices: Prices | None) -> Cost:
    """Return what the requests of one model cost."""
    energy = tally.measures.get(ENERGY)
    known = energy is not None and energy.requests == tally.requests
    energy_j = float(energy.total) if energy is not None and known else None
    latency = tally.measures[LATENCY]
    latency_s = float(latency.total) if latency.requests == tally.requests else None
    return price(latency_s, energy_j, prices)


def _sum(values: Sequence[float | None]) -> float | None:
    """Return a sum; None where a part is unknown, or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
