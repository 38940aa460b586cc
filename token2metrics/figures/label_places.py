"""Where labels stand beside points so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from token2metrics.figures.style import SMALL_FONT_PX

LETTER_EMS = 0.56
"""Mean width of a letter, in sizes of the font."""

POINT_PX = 5.0
"""Half the side of the square that a point is taken to cover."""

Side: TypeAlias = Literal["left", "right", "center"]


class Place(Struct, frozen=True):
    """Where a label stands.

    Attributes:
        dx: Pixels right of its point.
        dy: Pixels below it, to the middle of the text.
        align: Which side of the text is there.
    """

    dx: int
    dy: int
    align: Side


PLACES = (
    Place(7, -7, "left"),
    Place(7, 7, "left"),
    Place(-7, -7, "right"),
    Place(-7, 7, "right"),
    Place(0, -13, "center"),
    Place(0, 13, "center"),
    Place(14, -19, "left"),
    Place(14, 19, "left"),
    Place(-14, -19, "right"),
    Place(-14, 19, "right"),
)
"""Where a label may stand, the best first."""


class Box(Struct, frozen=True):
    """A rectangle in pixels, from the upper left corner of the panel."""

    left: float
    top: float
    right: float
    bottom: float

    def shared_px(self, other: Box) -> float:
        """Return the square pixels that two rectangles share."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)

    def within(self, width_px: float, height_px: float) -> bool:
        """Return whether it lies inside a panel."""
        across = self.left >= 0.0 and self.right <= width_px
        return across and self.top >= 0.0 and self.bottom <= height_px


def places_of(
    labels: Sequence[tuple[float, float, str]],
    points: Sequence[tuple[float, float]],
    width_px: float,
    height_px: float,
) -> list[Place]:
    """Return a place for each label.

    Args:
        labels: Pixels of its point, from the upper left corner, and its text; where no place is
            free, the label stands where it covers least.
        points: Pixels of every point, also those without a label.
        width_px: Width of the panel.
        height_px: Height of the panel.
    """
    taken = [Box(x - POINT_PX, y - POINT_PX, x + POINT_PX, y + POINT_PX) for x, y in points]
    chosen = []
    for x, y, text in labels:
        tried = [(place, box_of(x, y, text, place)) for place in PLACES]
        inside = [one for one in tried if one[1].within(width_px, height_px)] or tried
        place, box = min(inside, key=lambda one: _covered_px(one[1], taken))
        taken.append(box)
        chosen.append(place)
    return chosen


def box_of(x: float, y: float, text: str, place: Place) -> Box:
    """Return what a label covers, to about a letter."""
    width = LETTER_EMS * SMALL_FONT_PX * len(text)
    start = {"left": 0.0, "center": -width / 2.0, "right": -width}[place.align]
    left, middle = x + place.dx + start, y + place.dy
    half = SMALL_FONT_PX / 2.0
    return Box(left, middle - half, left + width, middle + half)


def _covered_px(box: Box, taken: Sequence[Box]) -> float:
    """Return how many square pixels of what is taken a label would cover."""
    return sum(box.shared_px(other) for other in taken)
