"""What a picture of a stream needs beyond the state: every error, and how the sums rose."""

from __future__ import annotations

from dataclasses import dataclass, field

from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.monitor import Monitor


@dataclass(slots=True)
class Series:
    """One metric of one model over its requests.

    Attributes:
        name: Model and metric.
        requests: Numbers of the requests.
        errors_percent: By how much too much was predicted; below 0 too little.
        too_much: The sum for predictions that become too high, as a share of its threshold.
        too_little: The sum for predictions that become too low, below 0.
    """

    name: str
    requests: list[int] = field(default_factory=list)
    errors_percent: list[float] = field(default_factory=list)
    too_much: list[float] = field(default_factory=list)
    too_little: list[float] = field(default_factory=list)


class History:
    """Gathers the series of a monitor.

    Args:
        monitor: What is watched.

    Attributes:
        series: By model and metric.
    """

    def __init__(self, monitor: Monitor) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self._monitor = monitor
        self._counted: dict[tuple[str, str], int] = {}
        self._look(keep=False)

    def look(self) -> None:
        """Take over what the last request added."""
        self._look(keep=True)

    def _look(self, keep: bool) -> None:
        """Find what is new, and keep it or only remember that it is known."""
        for model in self._monitor.models:
            for name, tracker in model.state.trackers.items():
                key = model.record.key, name
                count = tracker.tally.requests
                if self._counted.get(key) == count:
                    continue
                self._counted[key] = count
                if not keep:
                    continue
                metric = tracked_name(tracker.phase, tracker.metric)
                series = self.series.setdefault(key, Series(f"{model.record.name} {metric}"))
                series.requests.append(model.state.requests)
                series.errors_percent.append(tracker.tally.recent_percent[-1])
                series.too_much.append(tracker.cusum.less.height)
                series.too_little.append(-tracker.cusum.more.height)
