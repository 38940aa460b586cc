"""What every picture of the study is drawn from: errors over known rows, as lines with points."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from benchmarks.study_base import Summary
from token2metrics.figures.axes import PLAIN, Drawn
from token2metrics.figures.points import Row
from token2metrics.figures.series import SERIES, colour, dashed, shape
from token2metrics.figures.style import BAND

KNOWN, MEDIAN, LOW, HIGH = "known", "median", "low", "high"
LINE = "line"
"""The field that keeps the points of one line together."""

KNOWN_REQUESTS = "known requests K"


def rows_of(
    label: str, series: Sequence[tuple[int, Summary]], names: Sequence[str], line: str = ""
) -> list[Row]:
    """Return medians over known rows, and the middle four fifths.

    Args:
        label: Name of the series.
        series: Summaries by their place among ``names``.
        names: What each place is called on the axis.
        line: What else tells this line from others of the same series.
    """
    return [
        {
            SERIES: label,
            LINE: f"{label} {line}",
            KNOWN: names[place],
            MEDIAN: one.median,
            LOW: one.low,
            HIGH: one.high,
        }
        for place, one in series
    ]


def lines_with_points(base: alt.Chart, labels: Sequence[str]) -> tuple[alt.Chart, alt.Chart]:
    """Return the lines of series, told apart by colour, dash and shape."""
    lines = base.mark_line(clip=True).encode(color=colour(labels), detail=f"{LINE}:N")
    points = base.mark_point(filled=True, clip=True)
    return dashed(lines, labels), points.encode(color=colour(labels), shape=shape(labels))


def bands(base: alt.Chart, labels: Sequence[str], banded: Sequence[str]) -> alt.Chart:
    """Return the middle four fifths of some series as areas."""
    chosen = base.transform_filter(alt.FieldOneOfPredicate(field=SERIES, oneOf=list(banded)))
    areas: alt.Chart = chosen.mark_area(style=BAND, clip=True).encode(
        y=alt.Y(f"{LOW}:Q"), y2=alt.Y2(f"{HIGH}:Q"), color=colour(labels)
    )
    return areas


def known_rows(names: Sequence[str], title: str = KNOWN_REQUESTS) -> alt.X:
    """Return an axis with numbers of known rows at equal distances."""
    return alt.X(
        f"{KNOWN}:O",
        title=title,
        scale=alt.Scale(domain=list(names)),
        axis=alt.Axis(labelAngle=0, grid=True),
    )


def percents(limits: tuple[float, float], ticks: Sequence[float]) -> Drawn:
    """Return a logarithmic axis of percents with plain numbers."""
    scale = alt.Scale(type="log", domain=list(limits), nice=False)
    return Drawn(scale=scale, axis=alt.Axis(values=list(ticks), format=PLAIN))
