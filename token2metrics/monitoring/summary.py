"""Where everything stands, from the state of a monitor."""

from __future__ import annotations

import math
from statistics import median

from token2metrics.monitoring.change import (
    PERCENT,
    error_interval_percent,
    error_percent_of,
)
from token2metrics.monitoring.model_monitor import ModelMonitor
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.result import (
    LevelReport,
    MetricReport,
    ModelReport,
    MonitorReport,
    Status,
)
from token2metrics.monitoring.thresholds import CAPS_PER_THRESHOLD
from token2metrics.monitoring.tracker import Rules, Tracker


def report(monitor: Monitor) -> MonitorReport:
    """Return where everything stands."""
    state = monitor.state
    options = state.options
    return MonitorReport(
        requests=state.requests,
        set_aside=dict(state.set_aside),
        smallest_change_percent=options.smallest_change_percent,
        requests_per_false_alarm=options.requests_per_false_alarm,
        updates=options.updates,
        models=tuple(_model_report(one, options.rules()) for one in monitor.models),
        events=tuple(state.events),
    )


def _model_report(monitor: ModelMonitor, rules: Rules) -> ModelReport:
    """Return where a model stands."""
    record, state = monitor.record, monitor.state
    refused = monitor.refused_levels()
    levels = (
        LevelReport(phase=phase, before=state.births[phase], now=now, refused=refused.get(phase))
        for phase, now in monitor.levels().items()
    )
    return ModelReport(
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        requests=state.requests,
        metrics=tuple(metric_report(one, rules) for one in state.trackers.values()),
        levels=tuple(levels) if rules.follows else (),
    )


def metric_report(tracker: Tracker, rules: Rules) -> MetricReport:
    """Return where a metric stands.

    Args:
        tracker: Its state.
        rules: What counts as a drift.
    """
    tally, spread = tracker.tally, tracker.scale.value
    status = _status(tracker, rules)
    deviations = {
        Status.DRIFTING: tracker.moved,
        Status.OFF: tracker.opening.logarithms,
    }.get(status)
    return MetricReport(
        phase=tracker.phase,
        metric=tracker.metric,
        requests=tally.requests,
        judged=tracker.judged,
        mape_percent=tally.mape_percent,
        p90_ape_percent=tally.p90_ape_percent,
        bias_percent=tally.bias_percent,
        recent_bias_percent=tally.recent_bias_percent,
        spread_percent=PERCENT * spread,
        status=status,
        since_request=tracker.since_request,
        change_percent=None if deviations is None else error_percent_of(median(deviations)),
        interval_percent=(
            None if deviations is None else error_interval_percent(deviations, spread)
        ),
        requests_to_see=requests_to_see(spread, rules) if tracker.judged else None,
    )


def _status(tracker: Tracker, rules: Rules) -> Status:
    """Return where a metric stands; what levels follow is not off any more."""
    if tracker.since_request is not None:
        return Status.DRIFTING
    if tracker.opening.is_off and not rules.follows:
        return Status.OFF
    return Status.STEADY if tracker.judged else Status.LEARNING


def requests_to_see(spread: float, rules: Rules) -> int:
    """Return after how many requests the smallest change worth an alarm shows.

    Args:
        spread: How far requests of one kind lie apart.
        rules: What counts as a drift.
    """
    lawful = max(spread, rules.smallest_spread)
    allowance = rules.allowance(lawful)
    threshold = rules.thresholds.at(allowance)
    step = min(allowance, threshold / CAPS_PER_THRESHOLD)
    return math.ceil(threshold / step)
