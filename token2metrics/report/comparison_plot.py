"""Configurations as points: quality or latency against energy, the front connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from token2metrics.comparing.comparison import Comparison, ConfigurationResult
from token2metrics.comparing.pareto import pareto_front
from token2metrics.comparing.unranked import unranked_notes
from token2metrics.errors import DataError
from token2metrics.files import replacing
from token2metrics.report.configuration_names import common_conditions, names_of
from token2metrics.report.plots import COLOURS, DOTS_PER_INCH, MARKERS
from token2metrics.report.point_labels import FONT_SIZE, place_labels
from token2metrics.report.units import counted

WIDTH_INCHES, HEIGHT_INCHES = 8.0, 5.5
MOST_LABELS = 24
"""Of more points only those of the front are labelled."""

POINT_AREA = 46.0
LEGEND_COLUMNS = 6
LOG_TICKS = (1.0, 2.0, 5.0)
FRONT_COLOUR = "0.55"
MARGIN = 1.35
"""Room for labels on logarithmic axes, as a factor."""


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration on the picture.

    Attributes:
        x: Energy, or what stands for it.
        y: Quality or latency.
        label: Its name.
        model: Its model, which sets colour and marker.
        on_front: Whether it is on the front of the comparison.
    """

    x: float
    y: float
    label: str
    model: str
    on_front: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn.

    Attributes:
        points: The configurations whose values are known.
        x_label: Name and unit of the first axis.
        y_label: Name and unit of the second.
        rising: Whether more is better on the second axis: quality.
        title: What all share.
        front: What the front of the comparison is about, and what is not on it or not drawn.
    """

    points: tuple[Point, ...]
    x_label: str
    y_label: str
    rising: bool
    title: str
    front: str


def plot_comparison(found: Comparison, path: Path) -> None:
    """Draw a comparison.

    Args:
        found: The comparison.
        path: The PNG or SVG file.

    Raises:
        DataError: If fewer than two quantities are known of any configuration.
        ConfigurationError: If it cannot be written.
    """
    scene = scene_of(found)
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    _draw_points(axes, scene.points)
    _draw_front(axes, scene)
    _draw_axes(axes, scene)
    _draw_legend(figure, scene)
    canvas.draw()  # type: ignore[no-untyped-call]
    front_only = len(scene.points) > MOST_LABELS
    labelled = [one for one in scene.points if one.on_front or not front_only]
    place_labels(
        axes,
        [(one.x, one.y, one.label) for one in labelled],
        [(one.x, one.y) for one in scene.points],
    )
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH)


def scene_of(found: Comparison) -> Scene:
    """Choose the axes: energy across, else latency; quality up, else latency.

    Raises:
        DataError: If fewer than two quantities are known of any configuration.
    """
    shown = found.configurations
    rated = any(one.quality is not None for one in shown)
    metered = any(_energy_j(one, found) is not None for one in shown)
    if not rated and not metered:
        raise DataError(
            "expected measured energies or --quality FILE to draw against latency, got neither"
        )
    where = f"p{found.percentile:g} latency" if found.workload.files else "latency"
    energy = "decode energy" if _decode_only(found) else "energy"
    points = [
        Point(x, y, name, one.name, bool(one.on_front))
        for name, one in zip(names_of(shown), shown, strict=True)
        if (x := _energy_j(one, found) if metered else one.latency.at_percentile_s) is not None
        and (y := one.quality if rated else one.latency.at_percentile_s) is not None
    ]
    if not points:
        raise DataError("expected a configuration of which both axes are known, got none to draw")
    return Scene(
        points=tuple(points),
        x_label=f"{energy} per request / J" if metered else f"{where} / s",
        y_label="quality" if rated else f"{where} / s",
        rising=rated,
        title=common_conditions(shown),
        front="\n".join(_front_words(found, len(points))),
    )


def _front_words(found: Comparison, drawn: int) -> list[str]:
    """Say what filled markers mean, which configurations have none, and how many are not drawn."""
    compared = found.configurations
    hidden = len(compared) - drawn
    beyond = [
        f"{hidden} of {counted(len(compared), 'configuration')} not drawn: a value is unknown"
    ]
    return [
        f"filled: Pareto front of {', '.join(found.objectives)}",
        *unranked_notes(compared, found.objectives),
        *(beyond if hidden else []),
    ]


def _decode_only(found: Comparison) -> bool:
    """Return whether no configuration has the energy of prefill."""
    return all(one.energy.mean_j is None for one in found.configurations)


def _energy_j(one: ConfigurationResult, found: Comparison) -> float | None:
    """Return the energy that is drawn."""
    return one.energy.decode_mean_j if _decode_only(found) else one.energy.mean_j


def _styles(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    """Give every model a colour and a marker."""
    return {
        model: (COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
        for index, model in enumerate(dict.fromkeys(one.model for one in points))
    }


def _draw_legend(figure: Figure, scene: Scene) -> None:
    """Explain colours, the line and filled markers below the axes."""
    styles = _styles(scene.points).items()
    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle="", label=model)
        for model, (colour, marker) in styles
    ]
    handles.append(Line2D([], [], color=FRONT_COLOUR, label="best of both axes"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), LEGEND_COLUMNS),
        frameon=False,
        title=scene.front,
        title_fontsize=FONT_SIZE,
    )


def _draw_points(axes: Axes, points: Sequence[Point]) -> None:
    """Draw a colour and a marker per model; filled on the front, hollow elsewhere."""
    for model, (colour, marker) in _styles(points).items():
        own = [one for one in points if one.model == model]
        axes.scatter(
            [one.x for one in own],
            [one.y for one in own],
            s=POINT_AREA,
            marker=marker,
            facecolors=[colour if one.on_front else "none" for one in own],
            edgecolors=colour,
            zorder=3,
        )


def _draw_front(axes: Axes, scene: Scene) -> None:
    """Connect the points that no other one beats on both axes."""
    sign = -1.0 if scene.rising else 1.0
    kept = pareto_front([(one.x, sign * one.y) for one in scene.points])
    front = sorted((one.x, one.y) for one, stays in zip(scene.points, kept, strict=True) if stays)
    axes.plot(
        [x for x, _ in front],
        [y for _, y in front],
        color=FRONT_COLOUR,
        drawstyle="steps-post",
        linewidth=1.2,
        zorder=1,
    )


def _draw_axes(axes: Axes, scene: Scene) -> None:
    """Name the axes; quantities are logarithmic, a quality is not."""
    axes.set(xlabel=scene.x_label, ylabel=scene.y_label, title=scene.title)
    across = [one.x for one in scene.points]
    if min(across) > 0.0:
        axes.set(xscale="log", xlim=(min(across) / MARGIN, max(across) * MARGIN))
        _write_ticks(axes.xaxis)
    up = [one.y for one in scene.points]
    if not scene.rising and min(up) > 0.0:
        axes.set(yscale="log", ylim=(min(up) / MARGIN, max(up) * MARGIN))
        _write_ticks(axes.yaxis)
    axes.grid(visible=True, which="both", color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def _write_ticks(axis: Axis) -> None:
    """Write 1, 2 and 5 of every decade as plain numbers."""
    axis.set_major_locator(LogLocator(subs=LOG_TICKS))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
