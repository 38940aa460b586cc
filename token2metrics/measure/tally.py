"""What is known of every point so far, and what that leaves to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import mean

from token2metrics.measure.confidence import MedianInterval, median_interval
from token2metrics.measure.journal import Burst, Entry, Visited
from token2metrics.measure.plan import Point
from token2metrics.measure.schedule import StopRule, Visit, next_visit
from token2metrics.vocabulary import Phase


class Tally:
    """Counts entries of a journal.

    Args:
        points: The plan.
        rule: When a point is settled.
        entries: What earlier runs finished.

    Attributes:
        points: The plan.
        closed: Points that need no more.
    """

    def __init__(
        self, points: tuple[Point, ...], rule: StopRule, entries: Iterable[Entry] = ()
    ) -> None:
        self.points = points
        self.closed: set[Point] = set()
        self._rule = rule
        self._repeats: dict[Point, int] = defaultdict(int)
        self._bursts: dict[int, int] = defaultdict(int)
        self._latencies: dict[Point, dict[Phase, list[float]]] = {point: {} for point in points}
        for entry in entries:
            self.take(entry)

    def take(self, entry: Entry) -> None:
        """Count an entry."""
        if isinstance(entry, Burst):
            self._bursts[entry.input_tokens] += 1
        elif isinstance(entry, Visited):
            self._repeats[entry.point] += 1
            latencies = self._latencies[entry.point]
            for record in entry.records:
                latencies.setdefault(record.phase, []).append(record.latency_s or 0.0)
            settled = self._rule.is_settled(latencies)
            if settled or entry.refused is not None:
                self.closed.add(entry.point)

    def next(self, seed: int) -> Visit | None:
        """Return what to measure next; None when every point is closed."""
        return next_visit(self.points, self._repeats, self.closed, seed)

    def intervals(self, point: Point) -> dict[Phase, MedianInterval]:
        """Return how well each phase of a point is known."""
        return {
            phase: median_interval(seconds, self._rule.confidence)
            for phase, seconds in self._latencies[point].items()
        }

    def bursts(self, input_tokens: int) -> int:
        """Return how often a prefill was repeated back to back."""
        return self._bursts[input_tokens]

    def shortest_prefill_s(self, point: Point) -> float | None:
        """Return the shortest prefill of a point; None where none is measured."""
        return min(self._latencies[point].get(Phase.PREFILL, ()), default=None)

    def most_left_s(self) -> float:
        """Return how long all repeats that may come would take."""
        known = {point: self._mean_s(point) for point in self.points if self._latencies[point]}
        typical_s = mean(known.values()) if known else 0.0
        return sum(
            known.get(point, typical_s) * (self._rule.most_repeats - self._repeats[point])
            for point in self.points
            if point not in self.closed
        )

    def _mean_s(self, point: Point) -> float:
        """Return the mean duration of a request."""
        return sum(mean(seconds) for seconds in self._latencies[point].values())
