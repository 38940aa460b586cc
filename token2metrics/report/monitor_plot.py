"""A watched stream as a picture: errors over requests, and the sums that alarm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from token2metrics.errors import DataError
from token2metrics.files import replacing
from token2metrics.monitoring.history import Series
from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.result import Event, Kind
from token2metrics.report.plots import COLOURS, DOTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, ROW_INCHES = 11.0, 2.3
WIDTHS = (2.0, 1.0)
POINT_AREA = 6.0
SHOWN_SHARE = 0.99
"""So much of the errors sets the height of a panel; outliers beyond it lie at its edge."""

ROOM = 1.3
LABEL_POINTS, LABEL_ROWS = 10, 4
LEAST_PERCENT = 1.0
ALARM_COLOUR = COLOURS[1]
COLOUR_OF_KIND = {Kind.DRIFT: COLOURS[1], Kind.BACK: COLOURS[2], Kind.OFF: COLOURS[3]}


def plot_stream(series: Sequence[Series], events: Sequence[Event], path: Path) -> None:
    """Draw a row per metric: errors on the left, sums on the right, events as lines.

    Args:
        series: What was seen of each metric.
        events: What happened.
        path: The PNG or SVG file.

    Raises:
        DataError: If there is nothing to draw.
        ConfigurationError: If it cannot be written.
    """
    if not series:
        raise DataError("expected at least one request to draw, got none")
    size = (WIDTH_INCHES, ROW_INCHES * len(series))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(series), 2, squeeze=False, width_ratios=WIDTHS, sharex="row")
    for (errors, sums), one in zip(rows, series, strict=True):
        own = [event for event in events if _name(event) == one.name]
        _draw_errors(errors, one, own)
        _draw_sums(sums, one, own)
    for panel in rows[-1]:
        panel.set_xlabel("request")
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH)


def _draw_errors(panel: Axes, one: Series, events: Sequence[Event]) -> None:
    """Draw by how much too much was predicted."""
    ordered = sorted(abs(error) for error in one.errors_percent)
    usual = ordered[min(int(SHOWN_SHARE * len(ordered)), len(ordered) - 1)]
    height = max(LEAST_PERCENT, ROOM * usual)
    shown = [min(max(error, -height), height) for error in one.errors_percent]
    panel.axhline(0.0, color="0.6", linewidth=0.8)
    panel.scatter(one.requests, shown, s=POINT_AREA, color=COLOURS[0], linewidths=0)
    panel.set(title=one.name, ylabel="predicted beyond\nmeasured / %", ylim=(-height, height))
    _draw_lines(panel, events)
    _label_lines(panel, events)


def _draw_sums(panel: Axes, one: Series, events: Sequence[Event]) -> None:
    """Draw the sums for predicting too much and too little, between their thresholds."""
    for threshold in (-1.0, 1.0):
        panel.axhline(threshold, color=ALARM_COLOUR, linewidth=0.8, linestyle="--")
    for sums in (one.too_much, one.too_little):
        panel.plot(one.requests, sums, color=COLOURS[0], linewidth=0.9)
    panel.set(title="CUSUM", ylabel="share of threshold", ylim=(-ROOM, ROOM))
    _draw_lines(panel, events)


def _draw_lines(panel: Axes, events: Sequence[Event]) -> None:
    """Draw since when something holds."""
    for event in events:
        panel.axvline(event.since_request, color=COLOUR_OF_KIND[event.kind], linewidth=0.9)


def _label_lines(panel: Axes, events: Sequence[Event]) -> None:
    """Say what the lines mean, each a little lower than the one before it, inside the panel."""
    middle = sum(panel.get_xlim()) / 2.0
    for number, event in enumerate(events):
        right = event.since_request > middle
        panel.annotate(
            f"{event.kind} {event.change_percent:+.1f} %",
            (event.since_request, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if right else 3, -3 - LABEL_POINTS * (number % LABEL_ROWS)),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            fontsize="small",
            color=COLOUR_OF_KIND[event.kind],
        )


def _name(event: Event) -> str:
    """Name model and metric as a series does."""
    return f"{event.model} {tracked_name(event.phase, event.metric)}"
