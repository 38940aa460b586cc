"""Points of series, hollow or filled, and what a view is layered from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import altair as alt

from token2metrics.figures.series import colour, shape

Value: TypeAlias = str | float | int | bool | None
Row: TypeAlias = Mapping[str, Value]
"""What is drawn of one point: plain values by field."""

SHORT = ",.4~r"
"""Numbers in tooltips: four significant digits."""

FITTED, HELD_OUT, UNTOLD = "fitted", "held out", "not known to be held out"
IS_HELD_OUT = f"datum.row === '{HELD_OUT}'"
"""Which points of measured rows are filled: those whose ``row`` no fit had seen."""


def standing(seen: bool | None) -> str:
    """Return what a measured row is called, by whether the fit saw it; None where nobody knows."""
    return UNTOLD if seen is None else FITTED if seen else HELD_OUT


def hollow_and_filled(
    names: Sequence[str], filled_if: str, encoded: alt.Chart, title: str | None = None
) -> tuple[alt.Chart, alt.Chart]:
    """Return points in the colours and shapes of their series.

    Args:
        names: The series in their order.
        filled_if: Vega expression over ``datum`` that is true for filled points.
        encoded: A chart with the places and the tooltip of points.
        title: Above the legend.
    """
    looks = {"color": colour(names, title), "shape": shape(names, title)}
    hollow = encoded.transform_filter(f"!({filled_if})").mark_point(filled=False)
    filled = encoded.transform_filter(filled_if).mark_point(filled=True)
    return hollow.encode(**looks), filled.encode(**looks)


def layered(rows: Sequence[Row], *layers: alt.Chart) -> alt.LayerChart:
    """Return layers over the same rows, which are in the chart once.

    Args:
        rows: Plain values by field.
        layers: Charts without data, the first at the bottom.
    """
    together: alt.LayerChart = alt.LayerChart(layer=list(layers), data=inline(rows))
    return together


def inline(rows: Sequence[Row]) -> alt.InlineData:
    """Return rows as data that is part of the chart."""
    return alt.InlineData(values=[dict(row) for row in rows])
