"""Configurations as points, those that nothing beats connected."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from token2metrics.comparing.comparison import Comparison
from token2metrics.comparing.pareto import pareto_front
from token2metrics.figures.axes import Span, linear_span, logarithmic_span
from token2metrics.figures.figure import Figure
from token2metrics.figures.label_places import Place, places_of
from token2metrics.figures.points import SHORT, Row, hollow_and_filled, layered
from token2metrics.figures.scene import Scene, scene_of
from token2metrics.figures.series import SERIES
from token2metrics.figures.style import FRONT, HEIGHT_PX, NOTE, WIDTH_PX

NAME, TITLE = "pareto", "Trade-offs"
MOST_LABELS = 24
"""Of more points only those of the front are labelled."""

ROOM_FOR_LABELS = 1.35
"""On logarithmic axes, as a factor."""

LABELLED_FROM_PX = 420
"""On a narrower picture labels would cover each other: colours, shapes and tooltips tell."""

CONNECTED = "The grey line connects what is best on both axes."
NOWHERE = Place(0, 0, "left")


def pareto(found: Comparison) -> Figure:
    """Draw a comparison.

    Raises:
        DataError: If fewer than two quantities are known of any configuration.
    """
    scene = scene_of(found)
    x, y = _spans(scene)
    base = alt.Chart().encode(
        x=alt.X("x:Q", title=scene.x_label, **x.drawn()),
        y=alt.Y("y:Q", title=scene.y_label, **y.drawn()),
        tooltip=_tooltip(scene),
    )
    models = list(dict.fromkeys(one.model for one in scene.points))
    points = hollow_and_filled(models, "datum.filled", base)
    front = base.transform_filter("datum.best").mark_line(style=FRONT, interpolate="step-after")
    chart = layered(_rows(scene, x, y), front, *points, _labels(base))
    title = f"{TITLE} on {scene.title}" if scene.title else TITLE
    is_connected = sum(_best(scene)) > 1
    words = "\n".join((*scene.notes, *([CONNECTED] if is_connected else [])))
    return Figure(NAME, title, words, chart.properties(width=WIDTH_PX, height=HEIGHT_PX))


def _spans(scene: Scene) -> tuple[Span, Span]:
    """Return the axes: quantities are logarithmic, a quality is not."""
    across, up = [one.x for one in scene.points], [one.y for one in scene.points]
    x = logarithmic_span(across, ROOM_FOR_LABELS) if min(across) > 0.0 else linear_span(across)
    if scene.rising or min(up) <= 0.0:
        return x, linear_span(up)
    return x, logarithmic_span(up, ROOM_FOR_LABELS)


def _rows(scene: Scene, x: Span, y: Span) -> list[Row]:
    """Return the points, each with the place of its label."""
    points = scene.points
    few = len(points) <= MOST_LABELS
    labels = [one.label if few or one.on_front else "" for one in points]
    pixels = [(WIDTH_PX * x.share(one.x), HEIGHT_PX * (1.0 - y.share(one.y))) for one in points]
    places = _places(labels, pixels)
    return [
        {
            "configuration": one.label,
            SERIES: one.model,
            "x": one.x,
            "y": one.y,
            "filled": one.on_front,
            "best": best,
            "label": label,
            "dx": place.dx,
            "dy": place.dy,
            "align": place.align,
        }
        for one, best, label, place in zip(points, _best(scene), labels, places, strict=True)
    ]


def _places(labels: Sequence[str], pixels: Sequence[tuple[float, float]]) -> list[Place]:
    """Return where labels stand; an empty one stands nowhere."""
    named = [(*pixel, label) for pixel, label in zip(pixels, labels, strict=True) if label]
    found = iter(places_of(named, pixels, WIDTH_PX, HEIGHT_PX))
    return [next(found) if label else NOWHERE for label in labels]


def _best(scene: Scene) -> list[bool]:
    """Say which points no other one beats on both axes."""
    sign = -1.0 if scene.rising else 1.0
    return pareto_front([(one.x, sign * one.y) for one in scene.points])


def _labels(base: alt.Chart) -> alt.Chart:
    """Return the names beside points."""
    labels: alt.Chart = base.mark_text(
        style=NOTE,
        dx=alt.expr("datum.dx"),
        dy=alt.expr("datum.dy"),
        align=alt.expr("datum.align"),
        opacity=alt.expr(f"width < {LABELLED_FROM_PX} ? 0 : 1"),
    ).encode(text="label:N")
    return labels


def _tooltip(scene: Scene) -> list[alt.Tooltip]:
    """Return what is told of a point."""
    return [
        alt.Tooltip("configuration:N"),
        alt.Tooltip("x:Q", title=scene.x_label, format=SHORT),
        alt.Tooltip("y:Q", title=scene.y_label, format=SHORT),
        alt.Tooltip("filled:N", title="on the Pareto front"),
    ]
