"""The curve over shots: how errors fall as rows of the model itself are added."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from msgspec import Struct

from token2metrics.figures.axes import logarithmic
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import SHORT, Row, layered
from token2metrics.figures.series import LEGEND_POINT_AREA_PX, SERIES, colour, shape
from token2metrics.figures.style import (
    INTERVAL,
    PANEL_HEIGHT_PX,
    PANEL_WIDTH_PX,
    PANELS_ACROSS,
)
from token2metrics.vocabulary import Phase

NAME, TITLE = "shots", "Errors after a few rows"
SMALLEST_PERCENT = 0.01
"""Errors below it are drawn at it, since a logarithmic axis has no zero."""

APART, ROOM = 0.07, 0.4
"""Between models with as many rows, and at both ends of the axis, in rows."""


class Shots(Struct, frozen=True, kw_only=True):
    """Errors of refits on so many rows.

    Attributes:
        series: Model.
        phase: Kind of row.
        shots: Rows of each kind that a refit saw.
        draws: Refits, each on other rows.
        forecasts: Rows forecast, over all draws.
        median_percent: Median of the absolute errors.
        p90_percent: Their 90th percentile.
    """

    series: str
    phase: Phase
    shots: int
    draws: int
    forecasts: int
    median_percent: float
    p90_percent: float


def shots(found: Sequence[Shots], draws: int) -> Figure:
    """Draw errors over the number of rows, a panel for each kind of row.

    Args:
        found: The errors, at least one.
        draws: Random draws of each number of rows.
    """
    names = list(dict.fromkeys(one.series for one in found))
    panels = [
        _panel(own, names, phase)
        for phase in Phase
        if (own := [one for one in found if one.phase is phase])
    ]
    chart = alt.concat(*panels, columns=min(len(panels), PANELS_ACROSS))
    return Figure(NAME, TITLE, _words(found, draws), chart)


def _words(found: Sequence[Shots], draws: int) -> str:
    """Say how the errors came about."""
    words = [
        f"Each model fitted again on a few of its rows, {draws} random draws of each number, and "
        "judged on the rows not drawn; family and source stay as training chose them on all rows. "
        "Lines are medians of the errors of latency, thin lines reach to the 90th percentile."
    ]
    if any(one.shots == 0 for one in found):
        words.append("At 0 it is what is known without any row of the model.")
    return " ".join(words)


def _panel(own: Sequence[Shots], names: Sequence[str], phase: Phase) -> alt.LayerChart:
    """Draw one panel."""
    rows = [_row(one, names) for one in own]
    counts = sorted({one.shots for one in own})
    reach = [value for row in rows for value in (row["median"], row["p90"])]
    ends = [float(value) for value in reach if isinstance(value, float)]
    x = alt.X(
        "place:Q",
        title="rows seen of each kind",
        axis=alt.Axis(values=counts, grid=False, format="d"),
        scale=alt.Scale(domain=[counts[0] - ROOM, counts[-1] + ROOM], nice=False),
    )
    y = alt.Y("median:Q", title="error / %", **logarithmic(ends))
    base = alt.Chart().encode(
        x=x, y=y, color=colour(names).legend(symbolSize=LEGEND_POINT_AREA_PX), tooltip=_tooltip()
    )
    whiskers = base.mark_rule(style=INTERVAL).encode(y2=alt.Y2("p90:Q"))
    lines = base.mark_line()
    points = base.mark_point(filled=True).encode(shape=shape(names))
    return layered(rows, whiskers, lines, points).properties(
        width=PANEL_WIDTH_PX, height=PANEL_HEIGHT_PX, title=str(phase)
    )


def _row(one: Shots, names: Sequence[str]) -> Row:
    """Return a point, beside those of other models with as many rows."""
    return {
        SERIES: one.series,
        "place": one.shots + APART * (names.index(one.series) - (len(names) - 1) / 2.0),
        "rows": one.shots,
        "median": max(one.median_percent, SMALLEST_PERCENT),
        "p90": max(one.p90_percent, SMALLEST_PERCENT),
        "draws": one.draws,
        "forecasts": one.forecasts,
    }


def _tooltip() -> list[alt.Tooltip]:
    """Return what is told of a point."""
    return [
        alt.Tooltip(f"{SERIES}:N"),
        alt.Tooltip("rows:Q"),
        alt.Tooltip("median:Q", title="median error / %", format=SHORT),
        alt.Tooltip("p90:Q", title="90 % of errors below / %", format=SHORT),
        alt.Tooltip("draws:Q"),
        alt.Tooltip("forecasts:Q", format=","),
    ]
