"""Predicted curves over tokens, with their intervals and the rows measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import altair as alt
from msgspec import Struct

from token2metrics.figures.axes import Drawn, logarithmic
from token2metrics.figures.points import (
    IS_HELD_OUT,
    SHORT,
    Row,
    hollow_and_filled,
    layered,
    standing,
)
from token2metrics.figures.series import LEGEND_POINT_AREA_PX, SERIES, colour
from token2metrics.figures.style import (
    BAND,
    DASHES,
    FAINT_OPACITY,
    HEIGHT_PX,
    THIN_LINE_PX,
    WIDTH_PX,
)

PREDICTED = "predicted"
INSIDE, OUTSIDE = "within the measured range", "outside the measured range"


class Predicted(Struct, frozen=True, kw_only=True):
    """A prediction on a curve.

    Attributes:
        x: Tokens.
        y: What is predicted.
        lower: Lower end of its interval.
        upper: Upper end.
        outside: Whether it lies outside the measured range.
    """

    x: float
    y: float
    lower: float
    upper: float
    outside: bool


class Measured(Struct, frozen=True, kw_only=True):
    """A measured row on a curve.

    Attributes:
        x: Tokens.
        y: What was measured.
        seen: Whether the fit saw the row; None where nobody can tell.
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
    """

    x: float
    y: float
    seen: bool | None
    input_tokens: int
    output_tokens: int


class TokenSeries(Struct, frozen=True, kw_only=True):
    """A model on a picture over tokens.

    Attributes:
        series: Its label.
        predicted: Its curve, tokens rising.
        measured: Its rows.
    """

    series: str
    predicted: tuple[Predicted, ...]
    measured: tuple[Measured, ...]


class Quantities(Struct, frozen=True, kw_only=True):
    """What the axes are.

    Attributes:
        x: Name of the tokens.
        y: Name of the quantity.
        unit: Its unit.
        drawn: The axis of the tokens.
    """

    x: str
    y: str
    unit: str
    drawn: Drawn


def over_tokens(models: Sequence[TokenSeries], quantities: Quantities) -> alt.LayerChart:
    """Draw curves over tokens: solid within the measured range, thin outside it.

    Args:
        models: The models; each with a curve.
        quantities: What the axes are.
    """
    names = [one.series for one in models]
    rows = [
        row
        for one, number in zip(models, _dashes(models), strict=True)
        for row in (*_curve_rows(one, number), *_measured_rows(one))
    ]
    x = alt.X("x:Q", title=quantities.x, **quantities.drawn)
    label = f"{quantities.y} / {quantities.unit}"
    y = alt.Y("y:Q", title=label, **logarithmic(_reach(models)))
    tooltip = _tooltip(quantities)
    curve = alt.Chart().transform_filter(f"datum.row === '{PREDICTED}'")
    curve = curve.encode(
        color=colour(names).legend(symbolSize=LEGEND_POINT_AREA_PX), detail=["segment:N", "dash:N"]
    )
    band = curve.mark_area(style=BAND, clip=True).encode(
        x=x, y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q")
    )
    lines = _lines(models, curve.encode(x=x, y=y, tooltip=tooltip))
    base = alt.Chart().transform_filter(f"datum.row !== '{PREDICTED}'")
    measured = base.encode(x=x, y=y, tooltip=tooltip)
    points = hollow_and_filled(names, IS_HELD_OUT, measured)
    chart = layered(rows, band, *lines, *points)
    return chart.properties(width=WIDTH_PX, height=HEIGHT_PX)


def _lines(models: Sequence[TokenSeries], curve: alt.Chart) -> Iterator[alt.Chart]:
    """Yield thin lines outside the measured range and thick ones within, a layer for each dash."""
    for number in dict.fromkeys(_dashes(models)):
        dashed = curve.transform_filter(f"datum.dash === {number}")
        yield dashed.transform_filter("datum.outside").mark_line(
            clip=True,
            strokeDash=DASHES[number],
            strokeWidth=THIN_LINE_PX,
            opacity=FAINT_OPACITY,
        )
        yield dashed.transform_filter("!datum.outside").mark_line(
            clip=True, strokeDash=DASHES[number]
        )


def _dashes(models: Sequence[TokenSeries]) -> list[int]:
    """Return the dash of each model: solid where points tell it apart."""
    dashed = len(DASHES) - 1
    return [0 if one.measured else 1 + place % dashed for place, one in enumerate(models)]


def words_of(models: Sequence[TokenSeries], confidence: float) -> str:
    """Say what lines, bands and points mean.

    Args:
        models: The models.
        confidence: Of the intervals.
    """
    words = [f"Lines are predictions, bands their intervals at {confidence:.0%}"]
    if any(point.outside for one in models for point in one.predicted):
        words.append(", thin lines predictions outside the measured range")
    words.append(".")
    seen = {row.seen for one in models for row in one.measured}
    if seen:
        words.append(" Points are measured rows")
        words.append(_standings(seen))
        words.append(".")
    return "".join(words)


def _standings(seen: set[bool | None]) -> str:
    """Say which of the points the fit saw."""
    if seen == {False}:
        return ", none of which the fit saw"
    if seen == {True}:
        return ", all of which the fit saw"
    return ": filled ones the fit had not seen, hollow ones it saw or may have seen"


def _curve_rows(one: TokenSeries, dash: int) -> Iterator[Row]:
    """Yield the points of a curve, in segments within and outside the measured range."""
    runs = [list(run) for _, run in groupby(one.predicted, key=lambda point: point.outside)]
    bridges = [[before[-1]] for before, _ in pairwise(runs)]
    for place, (bridge, run) in enumerate(zip([[], *bridges], runs, strict=True)):
        for point in (*bridge, *run):
            yield {
                SERIES: one.series,
                "row": PREDICTED,
                "x": point.x,
                "y": point.y,
                "lower": point.lower,
                "upper": point.upper,
                "outside": run[0].outside,
                "range": OUTSIDE if run[0].outside else INSIDE,
                "segment": place,
                "dash": dash,
            }


def _measured_rows(one: TokenSeries) -> Iterator[Row]:
    """Yield the measured points of a model."""
    for point in one.measured:
        yield {
            SERIES: one.series,
            "row": standing(point.seen),
            "x": point.x,
            "y": point.y,
            "input tokens": point.input_tokens,
            "output tokens": point.output_tokens,
        }


def _reach(models: Sequence[TokenSeries]) -> list[float]:
    """Return all that is drawn upwards; bands may leave the picture far outside the range."""
    curves = [point for one in models for point in one.predicted]
    within = [end for point in curves if not point.outside for end in (point.lower, point.upper)]
    rows = [point.y for one in models for point in one.measured]
    return [*within, *rows, *(point.y for point in curves)]


def _tooltip(quantities: Quantities) -> list[alt.Tooltip]:
    """Return what is told of a point."""
    return [
        alt.Tooltip(f"{SERIES}:N"),
        alt.Tooltip("row:N"),
        alt.Tooltip("x:Q", title=quantities.x, format=","),
        alt.Tooltip("y:Q", title=f"{quantities.y} / {quantities.unit}", format=SHORT),
        alt.Tooltip("lower:Q", format=SHORT),
        alt.Tooltip("upper:Q", format=SHORT),
        alt.Tooltip("range:N"),
    ]
