"""What a picture of a stream needs beyond the state: every error, and how the sums rose."""

from __future__ import annotations

from dataclasses import dataclass, field

from token2metrics.monitoring.metric import tracked_name
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.tally import PERCENT


@dataclass(slots=True)
class Series:
    """One metric of one model over its requests.

    Attributes:
        name: Model and metric.
        requests: Numbers of the requests.
        errors_percent: By how much more was measured than predicted.
        more: The sum for a rise, as a share of its threshold.
        less: The sum for a fall.
    """

    name: str
    requests: list[int] = field(default_factory=list)
    errors_percent: list[float] = field(default_factory=list)
    more: list[float] = field(default_factory=list)
    less: list[float] = field(default_factory=list)


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
                ratio = 1.0 + tracker.tally.recent_percent[-1] / PERCENT
                series.errors_percent.append(PERCENT * (1.0 / ratio - 1.0))
                series.more.append(tracker.cusum.more.height)
                series.less.append(-tracker.cusum.less.height)
