"""Measured against predicted numbers, a panel for each phase and metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
from msgspec import Struct

from token2metrics.errors import DataError
from token2metrics.figures.axes import logarithmic
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import (
    HELD_OUT,
    IS_HELD_OUT,
    SHORT,
    Row,
    hollow_and_filled,
    layered,
    standing,
)
from token2metrics.figures.series import SERIES, colour
from token2metrics.figures.style import (
    INTERVAL,
    PANEL_WIDTH_PX,
    PANELS_ACROSS,
    REFERENCE,
)
from token2metrics.vocabulary import Phase

NAME, TITLE = "measured-predicted", "Measured against predicted"
UNITS = {"latency": "s", "energy": "J", "power": "W"}
"""Metrics that are drawn, in their order, with their units."""


class Compared(Struct, frozen=True, kw_only=True):
    """A measured number beside its prediction.

    Attributes:
        series: Model, and device where there are several.
        phase: ``prefill``, ``decode`` or ``request``.
        metric: ``latency``, ``energy`` or ``power``.
        measured: What was measured, in s, J or W.
        predicted: What the model says.
        lower: Lower end of the interval around it; None without one.
        upper: Upper end.
        held_out: What a fit says that did not see the row, ``predicted`` itself for a row that the
            model never saw; None where neither is known.
        seen: Whether the fit of the model saw the row; None where nobody can tell.
        input_tokens: Prompt tokens, for the tooltip.
        output_tokens: Output tokens, for the tooltip.
    """

    series: str
    phase: Phase
    metric: str
    measured: float
    predicted: float
    lower: float | None = None
    upper: float | None = None
    held_out: float | None = None
    seen: bool | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def measured_against_predicted(
    compared: Sequence[Compared],
    confidence: float | None = None,
    name: str = NAME,
    title: str = TITLE,
) -> Figure:
    """Draw measured against predicted numbers, on logarithmic axes with the line of identity.

    Args:
        compared: What was measured and predicted; of other metrics than ``UNITS`` nothing is drawn.
        confidence: Of the intervals.
        name: Of the figure.
        title: Of the figure.

    Raises:
        DataError: If there is nothing to draw.
    """
    names = list(dict.fromkeys(one.series for one in compared))
    panels = [
        _panel(own, names, f"{phase} {metric}", unit)
        for metric, unit in UNITS.items()
        for phase in Phase
        if (own := [one for one in compared if one.metric == metric and one.phase == phase])
    ]
    if not panels:
        raise DataError(f"expected {', '.join(UNITS)} of a phase to draw, got none")
    down = math.ceil(len(panels) / PANELS_ACROSS)
    chart = alt.concat(*panels, columns=math.ceil(len(panels) / down))
    return Figure(name, title, _words(compared, confidence), chart)


def _words(compared: Sequence[Compared], confidence: float | None) -> str:
    """Say what points, lines and fillings mean."""
    words = ["Each point is a measured row; on the grey line the prediction equals it."]
    if any(one.held_out is not None for one in compared):
        words.append(
            "Filled points are predictions of rows that the fit had not seen, hollow ones of rows "
            "that it was fitted on or may have been."
        )
    if confidence is not None and any(one.lower is not None for one in compared):
        words.append(f"Thin lines are intervals at {confidence:.0%}.")
    return " ".join(words)


def _panel(own: Sequence[Compared], names: Sequence[str], title: str, unit: str) -> alt.LayerChart:
    """Draw one panel."""
    rows = [row for one in own for row in _rows(one)]
    reach = [
        value
        for one in own
        for value in (one.measured, one.predicted, one.lower, one.upper, one.held_out)
        if value is not None
    ]
    axis = logarithmic(reach)
    x = alt.X("measured:Q", title=f"measured / {unit}", **axis)
    y = alt.Y("predicted:Q", title=f"predicted / {unit}", **axis)
    low, high = min(reach), max(reach)
    identity = (
        alt.Chart()
        .mark_rule(style=REFERENCE)
        .encode(x=alt.XDatum(low), x2=alt.X2Datum(high), y=alt.YDatum(low), y2=alt.Y2Datum(high))
    )
    base = alt.Chart().encode(x=x, y=y, tooltip=_tooltip(own, unit))
    points = hollow_and_filled(names, IS_HELD_OUT, base)
    layers = (identity, *_intervals(own, x, names), *points)
    return layered(rows, *layers).properties(
        width=PANEL_WIDTH_PX, height=PANEL_WIDTH_PX, title=title
    )


def _intervals(own: Sequence[Compared], x: alt.X, names: Sequence[str]) -> Iterator[alt.Chart]:
    """Draw intervals where there are any."""
    if any(one.lower is not None for one in own):
        ends = {"y": alt.Y("lower:Q"), "y2": alt.Y2("upper:Q")}
        known = alt.Chart().transform_filter("isValid(datum.lower)")
        yield known.mark_rule(style=INTERVAL).encode(x=x, color=colour(names), **ends)


def _rows(one: Compared) -> Iterator[Row]:
    """Yield the points of a row: what the model says, and what a fit without the row says."""
    shared: Row = {
        SERIES: one.series,
        "measured": one.measured,
        "input tokens": one.input_tokens,
        "output tokens": one.output_tokens,
    }
    yield {
        **shared,
        "predicted": one.predicted,
        "lower": one.lower,
        "upper": one.upper,
        "row": standing(one.seen),
    }
    if one.seen is not False and one.held_out is not None:
        yield {**shared, "predicted": one.held_out, "row": HELD_OUT}


def _tooltip(own: Sequence[Compared], unit: str) -> list[alt.Tooltip]:
    """Return what is told of a point."""
    shown = [alt.Tooltip(f"{SERIES}:N"), alt.Tooltip("row:N")]
    if any(one.input_tokens is not None for one in own):
        shown += [alt.Tooltip("input tokens:Q", format=","), alt.Tooltip("output tokens:Q")]
    numbers = ["measured", "predicted"]
    if any(one.lower is not None for one in own):
        numbers += ["lower", "upper"]
    return shown + [
        alt.Tooltip(f"{field}:Q", title=f"{field} / {unit}", format=SHORT) for field in numbers
    ]
