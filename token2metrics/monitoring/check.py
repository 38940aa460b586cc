"""Whether predictions are good enough, for a machine to decide on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from token2metrics.monitoring.change import error_words
from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.result import (
    MetricReport,
    ModelReport,
    MonitorReport,
    Status,
    Verdict,
)

DEFAULT_MIN_REQUESTS = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What predictions have to keep.

    Attributes:
        max_mape_percent: Largest mean absolute percentage error.
        max_p90_percent: Largest 90th percentile of the absolute percentage error; None for any.
        min_requests: A metric with fewer requests is not judged.
    """

    max_mape_percent: float
    max_p90_percent: float | None
    min_requests: int


def judge(report: MonitorReport, limits: Limits) -> Verdict:
    """Judge every metric that has enough requests, and whether one of them drifts.

    Args:
        report: Where everything stands.
        limits: What predictions have to keep.
    """
    metrics = [(model, metric) for model in report.models for metric in model.metrics]
    enough = [pair for pair in metrics if pair[1].requests >= limits.min_requests]
    if not enough:
        most = max((metric.requests for _, metric in metrics), default=0)
        missing = f"expected at least {limits.min_requests} requests to judge, got {most}"
        return Verdict(holds=None, reasons=(missing,))
    reasons = [reason for pair in enough for reason in _excesses(*pair, limits)]
    reasons += [reason for pair in metrics for reason in _drifts(*pair)]
    return Verdict(
        holds=not reasons,
        reasons=tuple(reasons),
        max_mape_percent=limits.max_mape_percent,
        max_p90_percent=limits.max_p90_percent,
    )


def _excesses(model: ModelReport, metric: MetricReport, limits: Limits) -> Iterator[str]:
    """Say which limit a metric exceeds."""
    name = _name(model, metric)
    if metric.mape_percent > limits.max_mape_percent:
        yield f"{name}: MAPE {metric.mape_percent:.2f} % above {limits.max_mape_percent:g} %"
    most = limits.max_p90_percent
    if most is not None and metric.p90_ape_percent > most:
        yield f"{name}: p90 {metric.p90_ape_percent:.2f} % above {most:g} %"


def _drifts(model: ModelReport, metric: MetricReport) -> Iterator[str]:
    """Say whether a metric drifts."""
    if metric.status is Status.DRIFTING and metric.change_percent is not None:
        yield (
            f"{_name(model, metric)}: drifts since request {metric.since_request:,}, predicts "
            f"{error_words(metric.change_percent)} against usual"
        )


def _name(model: ModelReport, metric: MetricReport) -> str:
    """Name a metric of a model."""
    return f"{model.name} {tracked_name(metric.phase, metric.metric)}"
