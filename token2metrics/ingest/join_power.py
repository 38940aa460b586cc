"""Energies of measured phases from power logs that ran beside them, joined by time of day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from token2metrics.power.logs import ClockKind, PowerLog
from token2metrics.power.meter import Window
from token2metrics.records import Record

NO_START = "no energy: the file does not say when the phase began"
LOCAL_CLOCK = "no energy: the power log has local times; --log-zone tells in which zone"
RELATIVE_CLOCK = "no energy: the power log has no times of day; --log-start tells when it began"
NO_TRACE = "no energy: the power log tells the energy of its own windows and no power over time"
OUTSIDE = "no energy: no power log covers the phase"


class Joined(msgspec.Struct, frozen=True):
    """What became of the rows of a join.

    Attributes:
        with_energy: Rows that got an energy.
        without: How many did not, by reason.
    """

    with_energy: int
    without: Mapping[str, int]


def join_power(records: Iterable[Record], logs: Sequence[PowerLog]) -> tuple[list[Record], Joined]:
    """Give each record without an energy that of its phase, where a log knows it.

    Args:
        records: Records, some with the time at which their phase began.
        logs: Power logs; the first that knows an energy gives it.

    Returns:
        The records, those without an energy with a note that says why; and their counts.
    """
    joined = [_with_energy(record, logs) for record in records]
    reasons = Counter(reason for _, reason in joined if reason is not None)
    with_energy = sum(record.energy_j is not None for record, _ in joined)
    return [record for record, _ in joined], Joined(with_energy, reasons)


def _with_energy(record: Record, logs: Sequence[PowerLog]) -> tuple[Record, str | None]:
    """Return a record with its energy, or with the reason why it has none."""
    if record.energy_j is not None:
        return record, None
    reason = OUTSIDE
    for log in logs:
        window = _window(record, log)
        if isinstance(window, Window) and window.energy_j is not None:
            return _metered(record, log, window), None
        reason = window if isinstance(window, str) else f"no energy: {window.why_not}"
    note = "; ".join(words for words in (record.note, reason) if words)
    return replace(record, note=note), reason


def _window(record: Record, log: PowerLog) -> Window | str:
    """Return the energy of a record's phase, or why a log cannot have it."""
    if record.started_at_s is None or record.latency_s is None:
        return NO_START
    if log.total is None:
        return NO_TRACE
    if log.clock is not ClockKind.EPOCH:
        return LOCAL_CLOCK if log.clock is ClockKind.LOCAL else RELATIVE_CLOCK
    return log.total.window(record.started_at_s, record.started_at_s + record.latency_s)


def _metered(record: Record, log: PowerLog, window: Window) -> Record:
    """Return a record with an energy."""
    started_at_s, latency_s = record.started_at_s or 0.0, record.latency_s or 0.0
    return replace(
        record,
        energy_j=window.energy_j,
        energy_window_s=record.latency_s,
        energy_samples=None if window.samples is None else float(window.samples),
        power_rail=log.rail,
        power_scope=log.scope,
        temperature_c=log.hottest_c(started_at_s, started_at_s + latency_s),
    )
