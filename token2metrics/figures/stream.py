"""A watched stream as a picture: errors over requests, and the sums that alarm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt

from token2metrics.errors import DataError
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import SHORT, Row, inline
from token2metrics.figures.series import colour
from token2metrics.figures.style import LIMIT, NOTE, REFERENCE, THIN_LINE_PX
from token2metrics.monitoring.history import Series
from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.result import Event, Kind

NAME, TITLE = "stream", "Predictions against finished requests"
READING = (
    "Left: by how much each request was predicted beyond what was measured. Right: sums of these "
    "errors (CUSUM), as a share of what alarms; beyond a dashed line something has changed."
)
ERRORS_WIDTH_PX, SUMS_WIDTH_PX, PANEL_PX = 460, 240, 150
SHOWN_SHARE = 0.99
"""So much of the errors sets the height of a panel; outliers beyond it lie at its edge."""

ROOM = 1.3
LABEL_PX, LABEL_ROWS = 13, 4
LEAST_PERCENT = 1.0
DOT_AREA_PX = 10
LABEL_AWAY_PX = 4
REQUEST, ERROR, SHOWN, KIND = "request", "error", "shown", "kind"
SUM, DIRECTION, EVENT = "share of threshold", "predictions", "event"
TOO_MUCH, TOO_LITTLE = "too much", "too little"
ALIGN, ACROSS, DOWN = "align", "across", "down"


def watched_stream(series: Sequence[Series], events: Sequence[Event]) -> Figure:
    """Draw a row per metric: errors on the left, sums on the right, events as lines.

    Args:
        series: What was seen of each metric.
        events: What happened.

    Raises:
        DataError: If there is nothing to draw.
    """
    if not series:
        raise DataError("expected at least one request to draw, got none")
    seen = {event.kind for event in events}
    looks = colour([REQUEST, *(kind for kind in Kind if kind in seen)], field=KIND)
    panels: list[alt.LayerChart] = []
    for one in series:
        own = [event for event in events if _name(event) == one.name]
        panels += [_errors(one, own, looks), _sums(one, own, looks)]
    return Figure(NAME, TITLE, READING, alt.concat(*panels, columns=2))


def _errors(one: Series, events: Sequence[Event], looks: alt.Color) -> alt.LayerChart:
    """Draw by how much too much was predicted."""
    height = _height_percent(one)
    rows: list[Row] = [
        {REQUEST: request, ERROR: error, SHOWN: min(max(error, -height), height), KIND: REQUEST}
        for request, error in zip(one.requests, one.errors_percent, strict=True)
    ]
    words = ["predicted beyond", "measured / %"]
    scale = alt.Scale(domain=[-height, _top(height, len(events))], nice=False)
    dots = alt.Chart(inline(rows)).mark_point(filled=True, size=DOT_AREA_PX)
    drawn = dots.encode(
        x=_across(one),
        y=alt.Y(f"{SHOWN}:Q", title=words, scale=scale),
        color=looks,
        tooltip=[f"{REQUEST}:Q", alt.Tooltip(f"{ERROR}:Q", title="error / %", format=SHORT)],
    )
    happened = _happened(one, events, looks, labelled=True)
    return _panel(one.name, ERRORS_WIDTH_PX, _level(0.0, REFERENCE), drawn, *happened)


def _sums(one: Series, events: Sequence[Event], looks: alt.Color) -> alt.LayerChart:
    """Draw the sums for predicting too much and too little, between their thresholds."""
    rows: list[Row] = [
        {REQUEST: request, SUM: height, DIRECTION: direction, KIND: REQUEST}
        for direction, sums in ((TOO_MUCH, one.too_much), (TOO_LITTLE, one.too_little))
        for request, height in zip(one.requests, sums, strict=True)
    ]
    scale = alt.Scale(domain=[-ROOM, ROOM], nice=False)
    lines = alt.Chart(inline(rows)).mark_line(strokeWidth=THIN_LINE_PX, clip=True)
    drawn = lines.encode(
        x=_across(one),
        y=alt.Y(f"{SUM}:Q", title=SUM, scale=scale),
        detail=f"{DIRECTION}:N",
        color=looks,
    )
    limits = (_level(-1.0, LIMIT), _level(1.0, LIMIT))
    happened = _happened(one, events, looks, labelled=False)
    return _panel("CUSUM", SUMS_WIDTH_PX, *limits, drawn, *happened)


def _happened(
    one: Series, events: Sequence[Event], looks: alt.Color, labelled: bool
) -> Iterator[alt.Chart]:
    """Draw since when something holds and say what, each a little lower than the one before."""
    if not events:
        return
    middle = (one.requests[0] + one.requests[-1]) / 2.0
    rows: list[Row] = [
        {
            REQUEST: event.since_request,
            KIND: event.kind,
            EVENT: f"{event.kind} {event.change_percent:+.1f} %",
            ALIGN: "right" if event.since_request > middle else "left",
            ACROSS: -LABEL_AWAY_PX if event.since_request > middle else LABEL_AWAY_PX,
            DOWN: LABEL_PX * (number % LABEL_ROWS + 1),
        }
        for number, event in enumerate(events)
    ]
    base = alt.Chart(inline(rows)).encode(x=_across(one))
    yield base.mark_rule().encode(color=looks, tooltip=[f"{EVENT}:N", f"{REQUEST}:Q"])
    if labelled:
        yield base.mark_text(
            style=NOTE,
            align=alt.expr(f"datum.{ALIGN}"),
            dx=alt.expr(f"datum.{ACROSS}"),
            dy=alt.expr(f"datum.{DOWN}"),
        ).encode(y=alt.value(0), text=f"{EVENT}:N")


def _height_percent(one: Series) -> float:
    """Return how high a panel is, above and below zero."""
    ordered = sorted(abs(error) for error in one.errors_percent)
    usual = ordered[min(int(SHOWN_SHARE * len(ordered)), len(ordered) - 1)]
    return max(LEAST_PERCENT, ROOM * usual)


def _top(height: float, labels: int) -> float:
    """Return the upper end of a panel, so that labels stand above the errors."""
    taken = LABEL_PX * (min(labels, LABEL_ROWS) + 1) / PANEL_PX if labels else 0.0
    return height + 2.0 * height * taken / (1.0 - taken)


def _across(one: Series) -> alt.X:
    """Return the axis of requests."""
    ends = [one.requests[0] - 1, one.requests[-1] + 1]
    scale = alt.Scale(domain=ends, nice=False)
    return alt.X(f"{REQUEST}:Q", title=REQUEST, scale=scale, axis=alt.Axis(format=",d"))


def _level(height: float, style: str) -> alt.Chart:
    """Draw a line from side to side."""
    line: alt.Chart = alt.Chart().mark_rule(style=style).encode(y=alt.YDatum(height))
    return line


def _panel(title: str, width_px: int, *layers: alt.Chart) -> alt.LayerChart:
    """Lay what is drawn into a panel."""
    panel: alt.LayerChart = alt.LayerChart(
        layer=list(layers), width=width_px, height=PANEL_PX, title=title
    )
    return panel


def _name(event: Event) -> str:
    """Name model and metric as a series does."""
    return f"{event.model} {tracked_name(event.phase, event.metric)}"
