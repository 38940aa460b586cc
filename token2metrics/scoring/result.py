"""What scoring traces came to."""

from __future__ import annotations

from token2metrics.prediction.result import Cost, Result


class Spread(Result, frozen=True):
    """One quantity of the requests of a group, in seconds or joules.

    Attributes:
        requests: Requests of which it is known.
        total: Its sum over them.
        mean: Its mean; None without requests.
        p50: Its median.
        p90: Its 90th percentile.
        p99: Its 99th percentile.
    """

    requests: int
    total: float
    mean: float | None
    p50: float | None
    p90: float | None
    p99: float | None


class ScoredGroup(Result, frozen=True):
    """The requests of a group, or all of them.

    Attributes:
        group: The value of each grouping column; empty for all requests.
        requests: How many were priced.
        input_tokens: Their prompt tokens.
        output_tokens: Their output tokens, of one answer each.
        extrapolated: How many lie outside the measured range.
        latency_s: Their latency.
        energy_j: Their energy; None where no energy is written, or none is known.
        cost: What they cost in money.
    """

    group: dict[str, str | None]
    requests: int
    input_tokens: int
    output_tokens: int
    extrapolated: int
    latency_s: Spread
    energy_j: Spread | None
    cost: Cost


class ScoreSummary(Result, frozen=True):
    """What became of traces.

    Attributes:
        inputs: What was asked for.
        files: Trace files read.
        directory: Where the priced partitions are.
        partitions: How many there are.
        resumed: How many of them an earlier run had finished.
        read_rows: Rows read.
        priced_rows: Rows priced.
        rejected_counts: Rows set aside, by reason.
        rejected_files: Pattern of the files they are in; None without any.
        confidence: Of the intervals.
        parallel: Answers to each prompt generated at once.
        percentile_error: How far a percentile may be off the exact one, as a share of it.
        wall_s: Seconds this run took.
        rows_per_s: Rows that this run read per second; None where nothing was left to do.
        overall: All requests.
        groups: The requests of each group, the most expensive first in latency.
    """

    inputs: tuple[str, ...]
    files: int
    directory: str
    partitions: int
    resumed: int
    read_rows: int
    priced_rows: int
    rejected_counts: dict[str, int]
    rejected_files: str | None
    confidence: float
    parallel: int
    percentile_error: float
    wall_s: float
    rows_per_s: float | None
    overall: ScoredGroup
    groups: tuple[ScoredGroup, ...]
