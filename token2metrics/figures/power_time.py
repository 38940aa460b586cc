"""Power over time: of a request as the power heads have it, and as meters logged it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import altair as alt
from msgspec import Struct

from token2metrics.figures.figure import Figure
from token2metrics.figures.points import SHORT, Row, inline, layered
from token2metrics.figures.series import SERIES, colour
from token2metrics.figures.style import BAND, PANEL_WIDTH_PX, PANELS_ACROSS

NAME, TITLE = "power-time", "Power over time"
LOGS_NAME, LOGS_TITLE = "power-logs", "Measured power"
LOW_PANEL_PX = 120
PARTS = ("prefill", "decode", "idle")


class Span(Struct, frozen=True, kw_only=True):
    """Power over a span of a request.

    Attributes:
        part: ``prefill``, ``decode`` or ``idle``.
        start_s: Its start.
        end_s: Its end.
        power_w: Mean power; None where no energy was measured.
        least_w: Least it can be.
        most_w: Most it can be; None where nobody stated a limit.
    """

    part: str
    start_s: float
    end_s: float
    power_w: float | None
    least_w: float
    most_w: float | None


class Powered(Struct, frozen=True, kw_only=True):
    """A model's power over a request.

    Attributes:
        series: Model.
        spans: Spans that follow each other.
    """

    series: str
    spans: tuple[Span, ...]


class Logged(Struct, frozen=True, kw_only=True):
    """A measured log.

    Attributes:
        name: Its file and rail.
        times_s: From its first reading.
        power_w: Mean power around each time.
    """

    name: str
    times_s: tuple[float, ...]
    power_w: tuple[float, ...]


def power_time(models: Sequence[Powered], request: tuple[int, int]) -> Figure:
    """Draw the power of a request over time, a panel for each model.

    Args:
        models: The models, at least one.
        request: Input and output tokens.
    """
    highest_w = max(
        value
        for one in models
        for span in one.spans
        for value in (span.power_w, span.least_w, span.most_w)
        if value is not None
    )
    panels = [_panel(one, highest_w) for one in models]
    chart = alt.concat(*panels, columns=min(len(panels), PANELS_ACROSS))
    return Figure(NAME, TITLE, _words(models, request), chart)


def power_logs(logs: Sequence[Logged]) -> Figure:
    """Draw measured logs, a panel for each.

    Args:
        logs: The logs, at least one.
    """
    panels = [_logged(one) for one in logs]
    chart = alt.concat(*panels, columns=min(len(panels), PANELS_ACROSS))
    words = "Power as meters logged it; each point is the mean over a span of readings."
    return Figure(LOGS_NAME, LOGS_TITLE, words, chart)


def _words(models: Sequence[Powered], request: tuple[int, int]) -> str:
    """Say what is drawn."""
    words = [
        f"A request of {request[0]:,} input and {request[1]:,} output tokens: prefill, decode, "
        "then idle. Time is stretched at the start, where power ramps up."
    ]
    spans = [span for one in models for span in one.spans]
    if any(span.power_w is None for span in spans):
        words.append(
            "Where no energy was measured, the band says what the device can draw at all: from "
            "idle power to its limit."
        )
    return " ".join(words)


def _panel(one: Powered, highest_w: float) -> alt.LayerChart:
    """Draw the power of one model."""
    shown = [part for part in PARTS if any(span.part == part for span in one.spans)]
    x = alt.X("time:Q", title="time / s", scale=alt.Scale(type="sqrt", nice=False))
    scale = alt.Scale(domain=[0, highest_w], nice=True)
    y = alt.Y("power:Q", title="power / W", scale=scale)
    colours = colour(PARTS)
    tooltip = [
        alt.Tooltip(f"{SERIES}:N", title="part"),
        alt.Tooltip("time:Q", title="time / s", format=SHORT),
        alt.Tooltip("power:Q", title="power / W", format=SHORT),
        alt.Tooltip("least:Q", title="at least / W", format=SHORT),
        alt.Tooltip("most:Q", title="at most / W", format=SHORT),
    ]
    line = (
        alt.Chart()
        .transform_filter("isValid(datum.power)")
        .mark_line(clip=True)
        .encode(x=x, y=y, color=colours, tooltip=tooltip)
    )
    band = (
        alt.Chart()
        .transform_filter("!isValid(datum.power)")
        .mark_area(style=BAND, clip=True)
        .encode(
            x=x,
            y=alt.Y("least:Q", scale=scale),
            y2=alt.Y2("most:Q"),
            color=colours,
            tooltip=tooltip,
        )
    )
    rows = [row for span in one.spans if span.part in shown for row in _rows(span, highest_w)]
    return layered(rows, band, line).properties(
        width=PANEL_WIDTH_PX, height=LOW_PANEL_PX, title=one.series
    )


def _rows(span: Span, highest_w: float) -> Iterator[Row]:
    """Yield both ends of a span, so that power is drawn as steps."""
    for time_s in (span.start_s, span.end_s):
        yield {
            SERIES: span.part,
            "time": time_s,
            "power": span.power_w,
            "least": span.least_w,
            "most": highest_w if span.most_w is None else span.most_w,
        }


def _logged(log: Logged) -> alt.Chart:
    """Draw one log."""
    rows: list[Row] = [
        {"time": time_s, "power": power_w}
        for time_s, power_w in zip(log.times_s, log.power_w, strict=True)
    ]
    drawn: alt.Chart = (
        alt.Chart(inline(rows))
        .mark_line(tooltip=True)
        .encode(
            x=alt.X("time:Q", title="time / s"),
            y=alt.Y("power:Q", title="power / W", scale=alt.Scale(zero=True)),
            tooltip=[
                alt.Tooltip("time:Q", title="time / s", format=SHORT),
                alt.Tooltip("power:Q", title="power / W", format=SHORT),
            ],
        )
        .properties(width=PANEL_WIDTH_PX, height=LOW_PANEL_PX, title=log.name)
    )
    return drawn
