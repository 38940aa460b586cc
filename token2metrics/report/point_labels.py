"""Labels beside points, each where it covers nothing."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

FONT_SIZE = 8
BACKGROUND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
"""What keeps a label legible where a line runs through it."""

POINT_PIXELS = 7.0
"""Half the side of the square that a point is taken to cover."""

PLACES = (
    (7, 5, "left"),
    (7, -11, "left"),
    (-7, 5, "right"),
    (-7, -11, "right"),
    (0, 11, "center"),
    (0, -17, "center"),
    (16, 16, "left"),
    (16, -22, "left"),
    (-16, 16, "right"),
    (-16, -22, "right"),
)
"""Where a label may stand: offsets in typographic points, and its alignment, the best first."""


def place_labels(
    axes: Axes,
    labels: Sequence[tuple[float, float, str]],
    points: Sequence[tuple[float, float]],
) -> None:
    """Write a label beside each of some points.

    Args:
        axes: Axes that were drawn once, so that their scales are final.
        labels: Coordinates and text; where no place is free, the label stands at the first.
        points: Every point, also those without a label.
    """
    taken = [_around(axes, point) for point in points]
    for x, y, text in labels:
        placed = _write(axes, (x, y), text, taken)
        taken.append(placed.get_window_extent())


def _around(axes: Axes, point: tuple[float, float]) -> Bbox:
    """Return the pixels that a point covers."""
    x, y = axes.transData.transform(point)
    return Bbox.from_extents(x - POINT_PIXELS, y - POINT_PIXELS, x + POINT_PIXELS, y + POINT_PIXELS)


def _write(axes: Axes, point: tuple[float, float], text: str, taken: Sequence[Bbox]) -> Annotation:
    """Write a label at the first place that is free and inside the axes."""
    inside = axes.get_window_extent()
    for place in (*PLACES, PLACES[0]):
        label = _annotation(axes, point, text, place)
        box = label.get_window_extent()
        within = inside.containsx(box.x0) and inside.containsx(box.x1)
        within = within and inside.containsy(box.y0) and inside.containsy(box.y1)
        if within and not any(box.overlaps(other) for other in taken):
            return label
        label.remove()
    return _annotation(axes, point, text, PLACES[0])


def _annotation(
    axes: Axes, point: tuple[float, float], text: str, place: tuple[int, int, str]
) -> Annotation:
    """Write a label at a place."""
    across, up, alignment = place
    return axes.annotate(
        text,
        point,
        xytext=(across, up),
        textcoords="offset points",
        ha=alignment,
        fontsize=FONT_SIZE,
        bbox=BACKGROUND,
        zorder=4,
    )
