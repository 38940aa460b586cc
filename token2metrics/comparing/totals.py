"""What the requests of a workload cost together, and how one request stands for a workload."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from token2metrics.comparing.configurations import Configuration
from token2metrics.errors import RequestError
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.result import Interval, PhasePrediction

PERCENT = 100
MEDIAN, HIGH, HIGHEST = 50.0, 95.0, 99.0
REPORTED_PERCENTILES = (MEDIAN, HIGH, HIGHEST)
DEFAULT_PERCENTILE = HIGH


@dataclass(frozen=True, slots=True)
class PhaseMeans:
    """What a phase costs per request.

    Attributes:
        latency_s: Mean seconds; None where a request has work that nothing measured tells of.
        energy_j: Mean joules; None where a request has work that was not metered.
    """

    latency_s: float | None
    energy_j: float | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What a workload costs in one configuration, one request after the other.

    Attributes:
        requests: How many requests.
        output_tokens: Of all requests, one sample each, cut at the cap.
        prefill: Per request.
        decode: Per request.
        latencies_s: Percentiles of the latency, by percent.
        ttft_s: The 95th percentile of the time to the first token.
        outside_share: Share of requests outside the measured range; None where a latency is
            unknown.
        latency_interval_s: Of a single request; None for a workload.
        energy_interval_j: Of a single request; None for a workload.
    """

    requests: int
    output_tokens: int
    prefill: PhaseMeans
    decode: PhaseMeans
    latencies_s: Mapping[float, float | None]
    ttft_s: float | None
    outside_share: float | None
    latency_interval_s: Interval | None = None
    energy_interval_j: Interval | None = None


def percentiles(percentile: float) -> tuple[float, ...]:
    """Return the percentiles to compute: those reported, and one more.

    Args:
        percentile: Above 0, at most 100.

    Raises:
        RequestError: If it is not.
    """
    if not (math.isfinite(percentile) and 0.0 < percentile <= PERCENT):
        raise RequestError(f"expected percentile above 0 and at most {PERCENT}, got {percentile}")
    return tuple(sorted({*REPORTED_PERCENTILES, percentile}))


def rank(requests: int, percentile: float) -> int:
    """Return which request, counted from the least, has a percentile: the nearest rank.

    The least value that at least ``percentile`` percent of the requests do not exceed.

    Args:
        requests: How many there are.
        percentile: In percent.
    """
    return max(1, math.ceil(requests * Fraction(str(percentile)) / PERCENT))


def request_totals(
    configuration: Configuration,
    lengths: tuple[int, int],
    levels: Sequence[float],
    confidence: float = DEFAULT_CONFIDENCE,
) -> Totals:
    """Price a single request, as a workload of one.

    Args:
        configuration: What answers it.
        lengths: Prompt and output tokens.
        levels: Percentiles of the latency, all the same here.
        confidence: Of the intervals.

    Raises:
        RequestError: If the request is impossible, or no interval is offered.
    """
    prompt, answer = lengths[0], configuration.answer_tokens(lengths[1])
    priced = configuration.predictor(
        prompt, answer, confidence=confidence, parallel=configuration.parallel
    )
    return Totals(
        requests=1,
        output_tokens=answer,
        prefill=_means(priced.prefill),
        decode=_means(priced.decode),
        latencies_s=dict.fromkeys(levels, priced.latency_s),
        ttft_s=priced.ttft_s,
        outside_share=None if priced.latency_s is None else float(priced.extrapolated),
        latency_interval_s=priced.latency_interval_s,
        energy_interval_j=priced.energy_interval_j,
    )


def _means(phase: PhasePrediction) -> PhaseMeans:
    """Return what a phase of one request costs."""
    return PhaseMeans(phase.latency_s, phase.energy_j)
