"""What a comparison says: every configuration with its costs, the front, and the best choice."""

from __future__ import annotations

from enum import StrEnum

from token2metrics.prediction.result import Interval, Prices, Result
from token2metrics.prediction.workload import WorkloadSummary


class Objective(StrEnum):
    """What configurations are compared by; quality should be high, the others low."""

    LATENCY = "latency"
    ENERGY = "energy"
    COST = "cost"
    QUALITY = "quality"


class LatencySummary(Result, frozen=True):
    """Latencies of a workload, one request after the other; all None where nothing was measured.

    Attributes:
        mean_s: Mean.
        p50_s: Median.
        p95_s: What 95 % of the requests do not exceed.
        p99_s: What 99 % do not exceed.
        at_percentile_s: What the chosen percentage do not exceed.
        ttft_p95_s: The 95th percentile of the time to the first token.
        interval_s: Interval of a single request's latency; None for a workload.
    """

    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    at_percentile_s: float | None
    ttft_p95_s: float | None
    interval_s: Interval | None


class EnergySummary(Result, frozen=True):
    """Energies of a workload.

    Attributes:
        mean_j: Per request; None unless both phases were metered.
        decode_mean_j: Of decode alone, per request.
        at_most_j: The most that a request can take on average: a phase that was not metered at
            the device's power limit; None where a latency or the limit is unknown.
        total_j: Of all requests.
        power_w: Mean while working.
        decode_power_w: Mean while decoding.
        output_tokens_per_j: Output tokens of all samples over the energy.
        interval_j: Interval of a single request's energy; None for a workload.
    """

    mean_j: float | None
    decode_mean_j: float | None
    at_most_j: float | None
    total_j: float | None
    power_w: float | None
    decode_power_w: float | None
    output_tokens_per_j: float | None
    interval_j: Interval | None


class MoneySummary(Result, frozen=True):
    """Money, in the currency of the prices: electricity, and the device for the busy seconds.

    Attributes:
        per_request: Mean; None without measured energy.
        decode_per_request: With the electricity of decode alone.
        at_most_per_request: With the most energy that a request can take on average.
        per_1000_requests: For a thousand requests.
        per_million_output_tokens: For a million output tokens of all samples.
        decode_per_million_output_tokens: The same with the electricity of decode alone.
        prices: What it was counted with; without a device price it is electricity alone.
    """

    per_request: float | None
    decode_per_request: float | None
    at_most_per_request: float | None
    per_1000_requests: float | None
    per_million_output_tokens: float | None
    decode_per_million_output_tokens: float | None
    prices: Prices


class ConfigurationResult(Result, frozen=True):
    """What a workload costs in one configuration.

    Attributes:
        artifact: Directory of the model's artifact.
        parallel: Answers to each prompt that are generated at once.
        max_output_tokens: Cap on the tokens of an answer; None without one.
        quality: As the user told it.
        output_tokens_per_s: Output tokens of all samples over the busy time.
        busy_s: Time of all requests, one after the other.
        outside_share: Share of requests outside the measured range.
        power_rail: Rail the energy was measured on.
        on_front: Whether no other configuration is better; None where an objective is unknown.
        keeps_limits: Whether it keeps every limit for certain; None without limits.
        notes: What to know before trusting the numbers.
    """

    artifact: str
    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    parallel: int
    max_output_tokens: int | None
    quality: float | None
    latency: LatencySummary
    energy: EnergySummary
    cost: MoneySummary
    output_tokens_per_s: float | None
    busy_s: float | None
    outside_share: float | None
    power_rail: str | None
    on_front: bool | None
    keeps_limits: bool | None
    notes: tuple[str, ...]


class ChoiceLimits(Result, frozen=True):
    """What a configuration must keep; None leaves it open.

    Attributes:
        max_latency_s: Of the latency at the chosen percentile.
        max_energy_j: Of the mean energy of a request.
        max_cost: Of the mean cost of a request.
    """

    max_latency_s: float | None = None
    max_energy_j: float | None = None
    max_cost: float | None = None


class Shortfall(Result, frozen=True):
    """A limit that a configuration does not keep.

    Attributes:
        limit: Name of the limit.
        most: The limit.
        value: What the configuration takes, for certain at most; None where that is unknown.
        over_percent: By how much that is above the limit.
    """

    limit: str
    most: float
    value: float | None
    over_percent: float | None


class Choice(Result, frozen=True):
    """What the limits leave.

    Attributes:
        limits: The limits.
        keeping: How many configurations keep all of them.
        best: Place of the best one in the comparison, by quality; without qualities by energy, or
            by latency where the energy of one is unknown; None where none keeps them.
        best_by: What it is best by; None where none keeps them.
        nearest: Place of the one that comes nearest where none keeps them.
        shortfalls: What that one does not keep.
    """

    limits: ChoiceLimits
    keeping: int
    best: int | None
    best_by: Objective | None
    nearest: int | None
    shortfalls: tuple[Shortfall, ...]


class Comparison(Result, frozen=True):
    """Configurations side by side.

    Attributes:
        workload: What was asked.
        percentile: Of the latency that limits and the front look at.
        confidence: Of intervals; only single requests have some.
        objectives: What the front is about.
        decode_only: Whether energies and costs on the front are those without prefill, since no
            configuration has another.
        configurations: The configurations, in the order of artifacts, models, samples and caps.
        choice: What the limits leave; None without limits.
        notes: What to know before trusting the comparison.
    """

    workload: WorkloadSummary
    percentile: float
    confidence: float
    objectives: tuple[Objective, ...]
    decode_only: bool
    configurations: tuple[ConfigurationResult, ...]
    choice: Choice | None
    notes: tuple[str, ...]
