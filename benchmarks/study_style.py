"""How every picture of the study looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.study_base import Summary

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, GREY = "#CC79A7", "#E69F00", "#666666"
MEASURED = "#999999"
BAND_OPACITY = 0.16
LINE_WIDTH = 1.8
MARKER_SIZE = 5.0
STYLE: dict[Any, Any] = {
    "font.size": 10.0,
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "token2metrics",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How one case is drawn.

    Attributes:
        label: In the legend.
        colour: Of line, marker and band.
        marker: Tells cases apart without colour.
        line: Style of the line.
    """

    label: str
    colour: str
    marker: str
    line: str = "-"


def new_figure(down: int, across: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its panels, row by row.

    Args:
        down: Rows of panels.
        across: Columns of panels.
        size: Width and height in inches.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        return figure, list(figure.subplots(down, across, squeeze=False).flat)


def save(figure: Figure, file: Path) -> None:
    """Write a figure as SVG, the same bytes for the same numbers."""
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})


def legend_below(figure: Figure, axes: Sequence[Axes], across: int) -> None:
    """Put one legend for all panels below them."""
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    with mpl.rc_context(STYLE):
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=across)


def draw_series(
    panel: Axes, series: Sequence[tuple[int, Summary]], look: Look, band: bool = False
) -> None:
    """Draw medians over places, and the middle four fifths as a band."""
    places = [place for place, _ in series]
    medians = [one.median for _, one in series]
    if band:
        low, high = [one.low for _, one in series], [one.high for _, one in series]
        panel.fill_between(places, low, high, color=look.colour, alpha=BAND_OPACITY, linewidth=0)
    panel.plot(
        places,
        medians,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        linewidth=LINE_WIDTH,
        markersize=MARKER_SIZE,
        label=look.label,
    )


def label_shots(panel: Axes, shots: Sequence[int], words: str) -> None:
    """Mark numbers of known requests at equal distances."""
    panel.set_xticks(range(len(shots)), [str(count) for count in shots])
    panel.set_xlabel(words)


def percent_axis(panel: Axes, limits: tuple[float, float], ticks: Sequence[float]) -> None:
    """Make a logarithmic axis of percents with plain numbers."""
    panel.set_yscale("log")
    panel.set_ylim(*limits)
    panel.set_yticks(ticks)
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
