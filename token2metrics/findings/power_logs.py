"""Logs of measured power, thinned to what a picture can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.findings.findings import PowerLogFinding
from token2metrics.power.logs import read_power_log
from token2metrics.power.trace import PowerTrace

MOST_SPANS = 400
"""Points of a log that a picture shows; each is the mean over a span of readings."""


def read_logs(paths: Sequence[Path]) -> tuple[PowerLogFinding, ...]:
    """Read logs of measured power.

    Args:
        paths: Files of any known format.

    Raises:
        DataError: If one cannot be read, or tells energies instead of power.
    """
    found = []
    for path in paths:
        log = read_power_log(path)
        if log.total is None:
            raise DataError(
                f"expected {path} to hold power over time, got energies of whole windows; give a "
                "log of readings"
            )
        spans = list(thinned(log.total))
        found.append(
            PowerLogFinding(
                file=path.name,
                rail=log.rail,
                readings=len(log.total.times_s),
                times_s=tuple(time_s for time_s, _ in spans),
                power_w=tuple(power_w for _, power_w in spans),
            )
        )
    return tuple(found)


def thinned(trace: PowerTrace) -> Iterator[tuple[float, float]]:
    """Yield the middle of each span of readings and the mean power over it.

    Args:
        trace: Power over time, with one reading or more.
    """
    times_s, count = trace.times_s, len(trace.times_s)
    spans = min(count, MOST_SPANS)
    for place in range(spans):
        first, after = place * count // spans, (place + 1) * count // spans
        start_s, end_s = times_s[first], times_s[after - 1]
        energy_j = trace.energy_j(start_s, end_s)
        lasts_s = end_s - start_s
        mean_w = energy_j / lasts_s if energy_j is not None and lasts_s > 0 else trace.watts[first]
        yield (start_s + end_s) / 2.0 - times_s[0], mean_w
