"""Which of several points no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, ...]
"""What each objective costs; less is better."""


def dominates(one: Point, other: Point) -> bool:
    """Return whether a point is nowhere worse than another, and better somewhere.

    Args:
        one: A point.
        other: Another one with the same objectives.
    """
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def pareto_front(points: Sequence[Point]) -> list[bool]:
    """Say which points no other one dominates; equal points stay together.

    In ascending order a point is only ever dominated by an earlier one, and, since dominance is
    transitive, by one of the front.

    Args:
        points: Points with the same objectives, free of nan.
    """
    kept = [False] * len(points)
    front: list[Point] = []
    for place in sorted(range(len(points)), key=points.__getitem__):
        if not any(dominates(one, points[place]) for one in front):
            front.append(points[place])
            kept[place] = True
    return kept
