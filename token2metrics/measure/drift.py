"""Whether a device became slower or hotter over a run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec
from scipy.stats import kendalltau, theilslopes

from token2metrics.records import Record
from token2metrics.vocabulary import FITTED_PHASES, Phase

FEWEST_ROWS = 8
SIGNIFICANCE = 0.01
NOTABLE_SHARE = 0.02
"""A change over the run that is smaller hardly moves a fit."""

THROTTLING_RISE_C = 5.0
PERCENT = 100.0


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """How the latency of a phase changed over a run.

    Attributes:
        phase: The phase.
        rows: Rows that tell, those of points with several repeats.
        change_percent: Change from the first row to the last, by the Theil-Sen slope of the
            logarithms.
        p_value: Of Kendall's tau between time and latency.
        notable: Whether it is neither chance nor small.
    """

    phase: Phase
    rows: int
    change_percent: float
    p_value: float
    notable: bool


class Temperatures(msgspec.Struct, frozen=True, kw_only=True):
    """Hottest zone of the device in degrees Celsius: at the start, at the end, and at most."""

    first_c: float
    last_c: float
    highest_c: float


def trends(records: Sequence[Record]) -> tuple[Trend, ...]:
    """Return the trend of each phase that has enough repeats.

    Each latency counts as a share of the median of its point, so that points can be pooled.

    Args:
        records: Rows with ``started_at_s``.
    """
    found = (_trend(phase, _relative(records, phase)) for phase in FITTED_PHASES)
    return tuple(trend for trend in found if trend is not None)


def _relative(records: Iterable[Record], phase: Phase) -> list[tuple[float, float]]:
    """Return times, and logarithms of latencies over the median of their point."""
    repeats: dict[tuple[int | None, int | None], list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        if record.phase is phase and record.started_at_s is not None and record.latency_s:
            setting = (record.asked_input_tokens, record.asked_output_tokens)
            repeats[setting].append((record.started_at_s, math.log(record.latency_s)))
    pairs: list[tuple[float, float]] = []
    for repeated in repeats.values():
        middle = median(logarithm for _, logarithm in repeated)
        if len(repeated) > 1:
            pairs += [(time_s, logarithm - middle) for time_s, logarithm in repeated]
    return sorted(pairs)


def _trend(phase: Phase, pairs: Sequence[tuple[float, float]]) -> Trend | None:
    """Return the trend of pairs in the order of time; None where they are too few."""
    if len(pairs) < FEWEST_ROWS:
        return None
    times_s, logarithms = zip(*pairs, strict=True)
    if min(times_s) == max(times_s) or min(logarithms) == max(logarithms):
        return None
    p_value = float(kendalltau(times_s, logarithms).pvalue)
    slope = float(theilslopes(logarithms, times_s).slope)
    change = math.expm1(slope * (times_s[-1] - times_s[0]))
    return Trend(
        phase=phase,
        rows=len(pairs),
        change_percent=change * PERCENT,
        p_value=p_value,
        notable=p_value < SIGNIFICANCE and abs(change) > NOTABLE_SHARE,
    )


def temperatures(records: Iterable[Record]) -> Temperatures | None:
    """Return how hot the device was; None where nobody told."""
    known = [record.temperature_c for record in records if record.temperature_c is not None]
    if not known:
        return None
    return Temperatures(first_c=known[0], last_c=known[-1], highest_c=max(known))


def is_throttling(found: Sequence[Trend], heat: Temperatures | None) -> bool:
    """Return whether the device became slower as it became hotter."""
    slower = any(trend.notable and trend.change_percent > 0 for trend in found)
    return slower and heat is not None and heat.highest_c - heat.first_c >= THROTTLING_RISE_C
