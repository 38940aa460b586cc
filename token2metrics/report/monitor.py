"""Prediction errors of finished requests as a table, and what happened as lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from token2metrics.monitoring.change import error_words
from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.result import (
    Event,
    Kind,
    MetricReport,
    ModelReport,
    MonitorReport,
    Status,
    Verdict,
)
from token2metrics.prediction.result import Interval
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import counted, percent

BAD_STYLE = "bold red"
STYLES = {Status.DRIFTING: BAD_STYLE, Status.OFF: WARNING_STYLE}


def event_words(event: Event) -> str:
    """Say in one line what happened."""
    name = f"{event.model} {tracked_name(event.phase, event.metric)}"
    amount = error_words(event.change_percent)
    bounds = _bounds(event.interval_percent)
    when = f"request {event.request:,}" + (f", {event.timestamp}" if event.timestamp else "")
    match event.kind:
        case Kind.OFF:
            return (
                f"{name}: the calibration is off: predicts {amount}{bounds} "
                f"({when}); calibrate again, or let --update follow"
            )
        case Kind.BACK:
            return f"{name}: the drift is over, predicts {amount} against usual{bounds} ({when})"
        case Kind.DRIFT:
            since = f"since request {event.since_request:,}"
            return (
                f"{name}: drift, predicts {amount} against usual{bounds} {since} (seen at {when})"
            )


def show_monitor(console: Console, report: MonitorReport) -> None:
    """Print where every metric stands, what was set aside, and the verdict of a check.

    Args:
        console: Where to print.
        report: Where everything stands.
    """
    if report.models:
        _show_metrics(console, report.models)
        _show_sharpness(console, report)
    for model in report.models:
        _show_levels(console, model)
    set_aside = sum(report.set_aside.values())
    show_line(
        console, f"{counted(report.requests, 'request')}, {counted(set_aside, 'line')} set aside"
    )
    for reason, count in sorted(report.set_aside.items(), key=lambda pair: -pair[1]):
        show_line(console, f"  {count:,}: {reason}", WARNING_STYLE)
    _show_verdict(console, report)


def _show_metrics(console: Console, models: Sequence[ModelReport]) -> None:
    """Print a row per model and metric; errors are those of what was predicted at the time."""
    places = {_place(model) for model in models}
    if len(places) == 1:
        show_title(console, f"Errors in percent on {places.pop()}")
        places = set()
    table = build_table(
        ["model", "on", "metric"] if places else ["model", "metric"],
        ["requests", "MAPE", "p90", "bias", "recent", "status"],
    )
    table.columns[-1].no_wrap = False
    for model in models:
        for metric in model.metrics:
            where = (model.name, _place(model)) if places else (model.name,)
            table.add_row(
                *where, *_cells(metric), _status(metric), style=STYLES.get(metric.status, "")
            )
    console.print(table)


def _cells(metric: MetricReport) -> tuple[str, ...]:
    """Write what is known of a metric."""
    return (
        tracked_name(metric.phase, metric.metric),
        f"{metric.requests:,}",
        percent(metric.mape_percent),
        percent(metric.p90_ape_percent),
        f"{metric.bias_percent:+.2f}",
        f"{metric.recent_bias_percent:+.2f}",
    )


def _status(metric: MetricReport) -> str:
    """Write where a metric stands."""
    if metric.change_percent is None:
        return str(metric.status)
    since = "" if metric.since_request is None else f" since request {metric.since_request:,}"
    return f"{metric.status}{since}, {error_words(metric.change_percent)}"


def _show_sharpness(console: Console, report: MonitorReport) -> None:
    """Print how soon a change shows, and how rare false alarms are meant to be."""
    metrics = [metric for model in report.models for metric in model.metrics]
    waits = [one.requests_to_see for one in metrics if one.requests_to_see is not None]
    if waits:
        fewest, most = min(waits), max(waits)
        span = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
        change = f"{report.smallest_change_percent:g} %"
        rate = f"one false alarm in {report.requests_per_false_alarm:,}"
        show_line(console, f"a change of {change} shows in about {span} requests; at most {rate}")


def _show_levels(console: Console, model: ModelReport) -> None:
    """Print how far the levels of a model moved."""
    moved = (
        f"{one.phase} {one.before:.4g} "
        + (f"to {one.now:.4g}" if one.refused is None else f"kept, {one.refused:,.4g} refused")
        for one in model.levels
    )
    if model.levels:
        show_line(console, f"levels of {model.name}: {', '.join(moved)}")


def _show_verdict(console: Console, report: MonitorReport) -> None:
    """Print the outcome of a check."""
    verdict = report.verdict
    if verdict is None:
        return
    for reason in verdict.reasons:
        show_line(console, reason, BAD_STYLE)
    words = {True: "check: holds", False: "check: fails", None: "check: cannot be judged"}
    why = _why_off_holds(report, verdict)
    show_line(console, words[verdict.holds] + why, "bold" if verdict.holds else BAD_STYLE)


def _why_off_holds(report: MonitorReport, verdict: Verdict) -> str:
    """Say why a check holds beside a metric that is off; nothing where neither is so."""
    statuses = {metric.status for model in report.models for metric in model.metrics}
    if not verdict.holds or Status.OFF not in statuses or verdict.max_mape_percent is None:
        return ""
    limits = f"MAPE is at most {verdict.max_mape_percent:g} %"
    if verdict.max_p90_percent is not None:
        limits += f", p90 at most {verdict.max_p90_percent:g} %"
    return f" ({limits}, and nothing drifts; being off alone does not fail it)"


def _place(model: ModelReport) -> str:
    """Name a device and its conditions."""
    parts = (model.device, model.power_mode, model.runtime, model.precision)
    return ", ".join(part for part in parts if part)


def _bounds(interval: Interval | None) -> str:
    """Write the interval of a change."""
    if interval is None:
        return ""
    return f" ({interval.lower:+.1f} to {interval.upper:+.1f} %)"
