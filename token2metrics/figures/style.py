"""How every picture looks, on a light and on a dark page: Vega-Lite configurations.

Charts have no colours of their own. Series take colours and shapes by their order; other marks name
a style: ``mark_line(style=REFERENCE)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif"
FONT_PX, SMALL_FONT_PX, TITLE_FONT_PX = 12, 11, 15
WIDTH_PX, HEIGHT_PX = 560, 340
"""Of a chart with a single panel."""

PANEL_WIDTH_PX, PANEL_HEIGHT_PX = 250, 220
"""Of a panel among several: with its axis it fits a phone of 390 pixels."""

PANELS_ACROSS = 3
LEGEND_COLUMNS = 2
"""Of a legend in a file; a page may set fewer by the room there is."""

LABEL_LIMIT_PX = 260
"""How long a label of an axis or a legend may be; the whole is in the tooltip."""

LABEL_SEPARATION_PX = 8
POINT_AREA_PX, THIN_LINE_PX = 45, 1
BAND_OPACITY, FAINT_OPACITY = 0.18, 0.55
DASHED = (5, 3)

REFERENCE = "reference"
"""A thin line to compare with: identity, zero, what was said."""

FRONT = "front"
"""The line through the best points."""

LIMIT = "limit"
"""A dashed line that should not be crossed."""

MEASURED = "measured"
"""Small dots of what was measured, behind fitted lines."""

KNOWN = "known"
"""Hollow circles around the measurements that a fit knew."""

NOTE = "note"
"""Text in the picture, beside a point or a line."""

BAND = "band"
"""An area between two bounds, in the colour of its series."""

INTERVAL = "interval"
"""A thin line from one bound to the other, in the colour of its series."""

PALETTE = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
}
"""Okabe and Ito's colours, told apart with every kind of colour vision."""

SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-right",
    "triangle-left",
)
"""Tell series apart without colour; one more than colours, so that pairs of both repeat late."""

DASHES = ([1, 0], [7, 3], [2, 2], [7, 3, 2, 3], [10, 4], [4, 2], [1, 3], [10, 3, 2, 3])
"""Tell lines apart without colour; as many as shapes."""

BROWN, PLUM, CHARCOAL = "#994400", "#8B5272", "#3C3C3C"
"""Series on paper in place of orange, sky blue and yellow, which are too pale there: WCAG 2.2 asks
for a contrast of 3 to 1. Found by search: with the other four, the farthest apart for every kind
of colour vision."""

MIST = "#C3CAD3"
"""The last series in the dark; white is for text."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one kind of page.

    Attributes:
        background: Of the page.
        text: Of titles and labels.
        faint_text: Of subtitles and marks on axes.
        line: Of axes and reference lines.
        grid: Of the grid.
        dots: Of measurements behind lines.
        series: Of series, in their order.
    """

    background: str
    text: str
    faint_text: str
    line: str
    grid: str
    dots: str
    series: tuple[str, ...]


PAPER = Scheme(
    background="#FFFFFF",
    text="#1B1F24",
    faint_text="#4F5863",
    line="#767E88",
    grid="#E3E6EA",
    dots="#848C96",
    series=(
        PALETTE["blue"],
        PALETTE["vermilion"],
        PALETTE["green"],
        PALETTE["purple"],
        BROWN,
        PLUM,
        CHARCOAL,
    ),
)
"""A light page."""

NIGHT = Scheme(
    background="#14171C",
    text="#E8EBEF",
    faint_text="#B4BCC6",
    line="#8A939E",
    grid="#2B3139",
    dots="#8A939E",
    series=(
        PALETTE["sky"],
        PALETTE["orange"],
        PALETTE["green"],
        PALETTE["purple"],
        PALETTE["vermilion"],
        PALETTE["yellow"],
        MIST,
    ),
)
"""A dark page."""


def config_of(scheme: Scheme) -> dict[str, Any]:
    """Return the Vega-Lite configuration of a scheme, as JSON has it."""
    return {
        "background": scheme.background,
        "font": FONT,
        "padding": 8,
        "view": {
            "continuousWidth": WIDTH_PX,
            "continuousHeight": HEIGHT_PX,
            "stroke": None,
        },
        "axis": _axis(scheme),
        "header": {"labelColor": scheme.text, "titleColor": scheme.text},
        "title": _title(scheme),
        "legend": _legend(scheme),
        "range": {
            "category": list(scheme.series),
            "symbol": list(SHAPES),
        },
        "concat": {"columns": PANELS_ACROSS, "spacing": 24},
        "style": _styles(scheme),
        **_marks(scheme),
    }


def _axis(scheme: Scheme) -> dict[str, Any]:
    """Return how axes look."""
    return {
        "labelColor": scheme.text,
        "titleColor": scheme.text,
        "labelFontSize": SMALL_FONT_PX,
        "titleFontSize": FONT_PX,
        "titleFontWeight": "normal",
        "labelLimit": LABEL_LIMIT_PX,
        "labelOverlap": "greedy",
        "labelSeparation": LABEL_SEPARATION_PX,
        "domainColor": scheme.line,
        "tickColor": scheme.line,
        "gridColor": scheme.grid,
    }


def _title(scheme: Scheme) -> dict[str, Any]:
    """Return how titles of pictures and panels look."""
    return {
        "color": scheme.text,
        "subtitleColor": scheme.faint_text,
        "fontSize": FONT_PX,
        "fontWeight": "bold",
        "subtitleFontSize": SMALL_FONT_PX,
        "anchor": "start",
        "frame": "group",
        "offset": 10,
    }


def _legend(scheme: Scheme) -> dict[str, Any]:
    """Return how legends look: below, in a few columns."""
    return {
        "orient": "bottom",
        "columns": LEGEND_COLUMNS,
        "labelColor": scheme.text,
        "titleColor": scheme.text,
        "labelFontSize": SMALL_FONT_PX,
        "titleFontSize": SMALL_FONT_PX,
        "titleFontWeight": "normal",
        "labelLimit": LABEL_LIMIT_PX,
        "symbolOpacity": 1,
        "symbolLimit": 0,
    }


def _marks(scheme: Scheme) -> dict[str, Any]:
    """Return how marks look that name no style."""
    first = scheme.series[0]
    return {
        "mark": {"color": first},
        "point": {"size": POINT_AREA_PX, "strokeWidth": 1.5, "opacity": 1, "tooltip": True},
        "bar": {"tooltip": True},
        "text": {"color": scheme.text, "fontSize": SMALL_FONT_PX},
        "errorbar": {"ticks": False},
    }


def _styles(scheme: Scheme) -> dict[str, Any]:
    """Return how marks look that name a style."""
    return {
        REFERENCE: {"color": scheme.line, "strokeWidth": THIN_LINE_PX},
        FRONT: {"color": scheme.line, "strokeWidth": THIN_LINE_PX},
        LIMIT: {"color": scheme.series[1], "strokeWidth": THIN_LINE_PX, "strokeDash": list(DASHED)},
        MEASURED: {"color": scheme.dots, "size": 12, "filled": True, "opacity": FAINT_OPACITY},
        KNOWN: {"color": scheme.text, "size": POINT_AREA_PX, "filled": False},
        NOTE: {"color": scheme.text, "fontSize": SMALL_FONT_PX},
        BAND: {"opacity": BAND_OPACITY, "strokeWidth": 0},
        INTERVAL: {"strokeWidth": THIN_LINE_PX, "opacity": FAINT_OPACITY},
        "group-title": {"color": scheme.text, "fontSize": FONT_PX},
    }


LIGHT: dict[str, Any] = config_of(PAPER)
"""The configuration of pictures on a light page, and of files."""

DARK: dict[str, Any] = config_of(NIGHT)
"""The configuration of pictures on a dark page."""
