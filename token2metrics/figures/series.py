"""How series are told apart: a colour, a shape and a dash each, by their order."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from token2metrics.figures.style import DASHES

LEGEND_LINE_AREA_PX = 500
"""Of the square whose side is the length of a line in a legend: long enough for its dashes."""

LEGEND_POINT_AREA_PX = 80
"""Of a symbol of a legend where points are drawn on lines, whose own symbols would be larger."""

SERIES = "series"
"""The field of a row that names its series, unless told."""

NOBODY = "-"
"""Names no series."""


def colour(names: Sequence[str], title: str | None = None, field: str = SERIES) -> alt.Color:
    """Return the colours of series.

    Channels of one field, names and title share one legend.

    Args:
        names: The series in their order, the same on every panel.
        title: Above the legend; None for none.
        field: Field of a row that holds its series.
    """
    return alt.Color(f"{field}:N", title=title, scale=alt.Scale(domain=list(names)))


def shape(names: Sequence[str], title: str | None = None, field: str = SERIES) -> alt.Shape:
    """Return the shapes of series, as ``colour`` does."""
    return alt.Shape(f"{field}:N", title=title, scale=alt.Scale(domain=list(names)))


def dash(names: Sequence[str], title: str | None = None, field: str = SERIES) -> alt.StrokeDash:
    """Return the dashes of series, as ``colour`` does, for lines without points."""
    legend = alt.Legend(symbolSize=LEGEND_LINE_AREA_PX)
    return alt.StrokeDash(f"{field}:N", title=title, scale=_dashes(names), legend=legend)


def dashed(lines: alt.Chart, names: Sequence[str], field: str = SERIES) -> alt.Chart:
    """Give lines the dashes of series, beside points whose shapes the legend shows.

    Channels of the same names share a legend or have none; with a name more there is no sharing.
    """
    scale = _dashes((*names, NOBODY))
    channel = alt.StrokeDash(f"{field}:N", scale=scale, legend=None)
    drawn: alt.Chart = lines.encode(strokeDash=channel)
    return drawn


def _dashes(names: Sequence[str]) -> alt.Scale:
    """Return a dash for each series."""
    dashes = [DASHES[index % len(DASHES)] for index in range(len(names))]
    return alt.Scale(domain=list(names), range=dashes)
