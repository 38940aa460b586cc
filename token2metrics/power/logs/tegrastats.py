"""Output of NVIDIA's ``tegrastats``, from the TX1 to the Thor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from token2metrics.errors import DataError
from token2metrics.power.logs.log import ClockKind, PowerLog, PowerLogFormat, ReadOptions
from token2metrics.power.logs.rows import Sample, Samples
from token2metrics.power.tegrastats_line import TegrastatsLine, parse_line

LINES_LOOKED_AT = 20
NO_POWER = "no power of a rail"
NO_TIME = "no time, where other lines have one"
STAMP_S = 1.0
"""Resolution of the times, in seconds."""


class Tegrastats(PowerLogFormat):
    """Lines with or without a time to the second."""

    name = "tegrastats"
    looks_for = "lines such as 'RAM 3452/7620MB ... VDD_IN 4824mW/4824mW'"

    def recognises(self, head: str) -> bool:
        """Return whether a line has both memory and power."""
        lines = head.splitlines()[:LINES_LOOKED_AT]
        return any("RAM " in line and parse_line(line).watts for line in lines)

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all lines."""
        lines = [parse_line(line) for line in text.splitlines() if line.strip()]
        has_stamps = any(line.stamp for line in lines)
        if has_stamps:
            samples, clock = _stamped(lines, options)
        else:
            samples, clock = _counted(lines, options), options.relative_clock
        log = samples.log(path, self.name, clock, options)
        if not has_stamps and options.interval_s is None:
            raise DataError(
                f"expected times in {path}, got {self.name} lines without; tell ingest by "
                f"--log-interval how many seconds lie between two lines (the --interval that "
                f"{self.name} was started with, over 1000), and by --log-start when it was started"
            )
        return log


def _counted(lines: Sequence[TegrastatsLine], options: ReadOptions) -> Samples:
    """Place lines without times at equal distances."""
    samples = Samples()
    interval_s, start_s = options.interval_s or STAMP_S, options.start_s or 0.0
    for place, line in enumerate(lines):
        _add(samples, line, start_s + place * interval_s)
    return samples


def _stamped(lines: Sequence[TegrastatsLine], options: ReadOptions) -> tuple[Samples, ClockKind]:
    """Spread the lines of each second over it, in their order."""
    samples = Samples()
    by_stamp: dict[datetime, list[TegrastatsLine]] = {}
    for line in lines:
        if line.stamp is None:
            samples.set_aside[NO_TIME] += 1
        else:
            by_stamp.setdefault(line.stamp, []).append(line)
    stamps = sorted(by_stamp)
    usual = median(len(by_stamp[stamp]) for stamp in stamps[1:-1] or stamps)
    clock = ClockKind.LOCAL
    for stamp in stamps:
        second = by_stamp[stamp]
        start_s, clock = options.seconds_of(stamp)
        late = stamp == stamps[0] and len(stamps) > 1
        for line, share in zip(second, _shares(len(second), usual, late), strict=True):
            _add(samples, line, start_s + share * STAMP_S)
    return samples, clock


def _shares(count: int, usual: float, late: bool) -> Iterable[float]:
    """Return where in their second lines lie.

    The first and the last second of a log are cut: their lines keep the usual distance and lie at
    the end of the first, at the beginning of the last.

    Args:
        count: Lines in this second.
        usual: Lines in a second usually.
        late: Whether it is the first second.
    """
    slots = max(count, usual)
    skipped = slots - count if late else 0.0
    return [(skipped + place + 1 / 2) / slots for place in range(count)]


def _add(samples: Samples, line: TegrastatsLine, time_s: float) -> None:
    """Keep a line, or count why not."""
    if line.watts:
        samples.found.append(Sample(time_s, line.watts, line.hottest_c))
    else:
        samples.set_aside[NO_POWER] += 1
