"""Measured against predicted values as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from token2metrics.files import replacing

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, told apart with every kind of colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
UNITS = {"latency": "s", "energy": "J", "power": "W"}
PHASES = ("prefill", "decode", "request")
PANEL_INCHES = 3.6
DOTS_PER_INCH = 150
MARGIN = 1.25
MARKER_AREA = 22.0
PANELS_ACROSS = 3


def plot_measured_against_predicted(points: pl.DataFrame, path: Path) -> None:
    """Draw a panel for each metric and phase, on logarithmic axes with the line of identity.

    Args:
        points: ``name``, ``device``, ``phase``, ``metric``, ``measured`` and ``predicted``.
        path: The PNG file.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    shown = [(metric, phase) for metric in UNITS for phase in PHASES]
    panels = [(*pair, rows) for pair in shown if (rows := _rows(points, *pair))]
    across = min(len(panels), PANELS_ACROSS)
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(PANEL_INCHES * across, PANEL_INCHES * down), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    styles = _styles(points)
    for axis, (metric, phase, rows) in zip(axes, panels, strict=False):
        _draw(axis, rows, styles, f"{phase} {metric}", UNITS[metric])
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=across)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH)


def _styles(points: pl.DataFrame) -> dict[tuple[str, str], tuple[str, str]]:
    """Give every model on every device a colour and a marker."""
    series = points.select("name", "device").unique(maintain_order=True).rows()
    return {
        (name, device): (COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
        for index, (name, device) in enumerate(series)
    }


def _rows(
    points: pl.DataFrame, metric: str, phase: str
) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """Return measured and predicted values of a panel by model and device."""
    panel = points.filter((points["metric"] == metric) & (points["phase"] == phase))
    return {
        (str(name), str(device)): (part["measured"].to_list(), part["predicted"].to_list())
        for (name, device), part in panel.group_by("name", "device", maintain_order=True)
    }


def _draw(
    panel: Axes,
    rows: dict[tuple[str, str], tuple[list[float], list[float]]],
    styles: dict[tuple[str, str], tuple[str, str]],
    title: str,
    unit: str,
) -> None:
    """Draw one panel."""
    panel.set(xscale="log", yscale="log", title=title, aspect="equal")
    panel.set(xlabel=f"measured / {unit}", ylabel=f"predicted / {unit}")
    values = [value for pair in rows.values() for side in pair for value in side]
    ends = (min(values) / MARGIN, max(values) * MARGIN)
    panel.plot(ends, ends, color="0.5", linewidth=1.0, label="identity")
    for (name, device), (measured, predicted) in rows.items():
        colour, marker = styles[name, device]
        panel.scatter(
            measured,
            predicted,
            s=MARKER_AREA,
            facecolors="none",
            edgecolors=colour,
            marker=marker,
            label=f"{name} on {device}",
        )
    panel.set(xlim=ends, ylim=ends)
