"""What to measure next: rounds over all unsettled points, each in another random order."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from token2metrics.measure.confidence import median_interval
from token2metrics.measure.plan import Point
from token2metrics.vocabulary import Phase

Latencies = Mapping[Phase, Sequence[float]]
"""Repeats of each phase of a point."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a point has been measured often enough.

    Attributes:
        most_repeats: Repeats after which it is left as it is.
        target_share: Half-width of the median's interval, as a share of the median, that suffices;
            too few repeats for an interval never do.
        confidence: Of this interval.
    """

    most_repeats: int
    target_share: float
    confidence: float

    def is_settled(self, latencies: Latencies) -> bool:
        """Return whether every phase of a point is known well enough.

        Args:
            latencies: Seconds of each repeat of each phase.
        """
        if max((len(repeats) for repeats in latencies.values()), default=0) >= self.most_repeats:
            return True
        shares = [median_interval(seconds, self.confidence).share for seconds in latencies.values()]
        return bool(shares) and all(
            share is not None and share <= self.target_share for share in shares
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """One repeat of one point, counted from 0."""

    point: Point
    repeat: int


def next_visit(
    points: Sequence[Point], repeats: Mapping[Point, int], closed: Collection[Point], seed: int
) -> Visit | None:
    """Return what to measure next; it depends on nothing else, so a run can be resumed anywhere.

    The points with the fewest repeats come first, in an order drawn anew for each repeat: a drift
    of the device then spreads over all points.

    Args:
        points: The plan.
        repeats: Finished repeats of each point; a point without any may be missing.
        closed: Points that need no more.
        seed: Seed of the orders.

    Returns:
        None when every point is closed.
    """
    open_points = [point for point in points if point not in closed]
    if not open_points:
        return None
    repeat = min(repeats.get(point, 0) for point in open_points)
    order = random.Random(f"{seed}/{repeat}").sample(points, len(points))
    due = (p for p in order if p not in closed and repeats.get(p, 0) == repeat)
    return Visit(next(due), repeat)
