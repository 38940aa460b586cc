"""Price a workload in many configurations at once, on Polars expressions.

Prefill is priced once per prompt length, and handed to every pair of lengths that begins with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from token2metrics.comparing.configurations import Configuration
from token2metrics.comparing.totals import HIGH, PhaseMeans, Totals, rank
from token2metrics.prediction.phase_expressions import PhaseExpressions, phase_expressions
from token2metrics.prediction.workload_file import COUNT, INPUT, LENGTHS, OUTPUT
from token2metrics.vocabulary import FITTED_PHASES, Phase

CELLS_AT_ONCE = 10_000_000
"""Prices held in memory together, 80 MB of them."""

LATENCY, ENERGY, OUTSIDE = "latency_s", "energy_j", "outside"
QUANTITIES = (LATENCY, ENERGY, OUTSIDE)
CELLS_OF_A_PAIR = len(QUANTITIES) * len(FITTED_PHASES)


def workload_totals(
    compared: Sequence[Configuration], pairs: pl.DataFrame, levels: Sequence[float]
) -> tuple[Totals, ...]:
    """Price a workload in every configuration.

    Args:
        compared: The configurations.
        pairs: ``input_tokens``, ``output_tokens`` and ``requests``, a row per pair of lengths, in
            ascending order.
        levels: Percentiles of the latency.

    Returns:
        The totals, in the order of the configurations.
    """
    found: dict[int, Totals] = {}
    prompt = _prompt_at(pairs, HIGH)
    for cap in dict.fromkeys(one.max_output_tokens for one in compared):
        capped = _capped(pairs, cap)
        places = [place for place, one in enumerate(compared) if one.max_output_tokens == cap]
        size = max(1, CELLS_AT_ONCE // (CELLS_OF_A_PAIR * capped.height))
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            priced = _priced(capped, [compared[place] for place in chosen], levels)
            for place, row in zip(chosen, priced, strict=True):
                found[place] = _totals(compared[place], row, capped, levels, prompt)
    return tuple(found[place] for place in range(len(compared)))


def _prompt_at(pairs: pl.DataFrame, percentile: float) -> int:
    """Return a percentile of the prompt lengths."""
    wanted = rank(int(pairs.get_column(COUNT).sum()), percentile)
    place = pairs.get_column(COUNT).cum_sum().search_sorted(wanted)
    return int(pairs.get_column(INPUT)[place])


def _capped(pairs: pl.DataFrame, cap: int | None) -> pl.DataFrame:
    """Cut answers at a cap, and count equal requests again."""
    if cap is None:
        return pairs
    cut = pairs.with_columns(pl.col(OUTPUT).clip(upper_bound=cap))
    return cut.group_by(LENGTHS).agg(pl.col(COUNT).sum()).sort(LENGTHS)


def _priced(
    pairs: pl.DataFrame, compared: Sequence[Configuration], levels: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Yield sums and percentiles of each configuration, all computed together."""
    phases = [
        phase_expressions(one.predictor.model, pl.col(INPUT), pl.col(OUTPUT), one.parallel)
        for one in compared
    ]
    prompts = pairs.select(pl.col(INPUT).unique(maintain_order=True))
    prefills = _columns(prompts, Phase.PREFILL, [one[Phase.PREFILL] for one in phases])
    decodes = _columns(pairs, Phase.DECODE, [one[Phase.DECODE] for one in phases])
    beginning = pairs.get_column(INPUT).rle_id()
    wide = pl.concat([pairs, prefills[beginning], decodes], how="horizontal").lazy()
    wanted = [rank(int(pairs.get_column(COUNT).sum()), level) for level in levels]
    sums = [one for place in range(len(compared)) for one in _sums(place, wanted)]
    row = wide.select(sums).collect().row(0, named=True)
    for place in range(len(compared)):
        yield {name: row[f"{place} {name}"] for name in (*_MEANS, OUTSIDE, LATENCY)}


_MEANS = tuple(f"{phase} {quantity}" for phase in FITTED_PHASES for quantity in (LATENCY, ENERGY))


def _columns(
    lengths: pl.DataFrame, phase: Phase, priced: Sequence[PhaseExpressions]
) -> pl.DataFrame:
    """Price a phase of every configuration."""
    columns = (
        getattr(one, quantity).alias(f"{place} {phase} {quantity}")
        for place, one in enumerate(priced)
        for quantity in QUANTITIES
    )
    rows = pl.int_range(pl.len()).alias(COUNT)
    return lengths.lazy().select(rows, *columns).drop(COUNT).collect()


def _sums(place: int, wanted: Sequence[int]) -> Iterator[pl.Expr]:
    """Yield what all requests of a configuration come to, null where one is unknown."""
    count = pl.col(COUNT)
    for name in _MEANS:
        value = pl.col(f"{place} {name}")
        known = pl.when(value.null_count() == 0)
        yield known.then((value * count).sum()).alias(f"{place} {name}")
    outside = pl.any_horizontal(f"{place} {phase} {OUTSIDE}" for phase in FITTED_PHASES)
    yield (outside * count).sum().alias(f"{place} {OUTSIDE}")
    latency = pl.sum_horizontal(
        (f"{place} {phase} {LATENCY}" for phase in FITTED_PHASES), ignore_nulls=False
    )
    taken = count.sort_by(latency).cum_sum()
    ranks = taken.search_sorted(pl.lit(pl.Series(wanted, dtype=pl.Int64)))
    yield latency.sort().gather(ranks).implode().alias(f"{place} {LATENCY}")


def _totals(
    configuration: Configuration,
    row: Mapping[str, Any],
    pairs: pl.DataFrame,
    levels: Sequence[float],
    prompt: int,
) -> Totals:
    """Turn sums into means.

    The time to the first token never falls as the prompt grows, so its percentile is that of the
    prompt lengths.
    """
    requests = int(pairs.get_column(COUNT).sum())
    means = [None if row[name] is None else row[name] / requests for name in _MEANS]
    prefill, decode = PhaseMeans(*means[:2]), PhaseMeans(*means[2:])
    known = prefill.latency_s is not None and decode.latency_s is not None
    first = configuration.predictor.phase_cost(Phase.PREFILL, prompt, 1, configuration.parallel)
    answered = pairs.select((pl.col(OUTPUT) * pl.col(COUNT)).sum()).item()
    return Totals(
        requests=requests,
        output_tokens=int(answered),
        prefill=prefill,
        decode=decode,
        latencies_s=dict(zip(levels, row[LATENCY] if known else [None] * len(levels), strict=True)),
        ttft_s=None if first is None else first.latency_s,
        outside_share=row[OUTSIDE] / requests if known else None,
    )
