"""CSV of ``ZeusMonitor(log_file=...)``: windows with their energy."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from token2metrics.errors import DataError
from token2metrics.power.logs.log import (
    EnergyWindow,
    PowerLog,
    PowerLogFormat,
    ReadOptions,
)
from token2metrics.power.logs.rows import naming
from token2metrics.power.logs.table import clock_of, parse_number, parse_table
from token2metrics.power.rails import choose_rails

START, NAME, ELAPSED = REQUIRED = ("start_time", "window_name", "elapsed_time")
ENERGY = re.compile(r"(gpu\d+)_energy")


class ZeusCsv(PowerLogFormat):
    """Seconds, seconds and joules per graphics card."""

    name = "Zeus CSV"
    looks_for = f"columns {', '.join(REQUIRED)} and 'gpu0_energy'"

    def recognises(self, head: str) -> bool:
        """Return whether the header is that of windows."""
        columns = parse_table(head).columns
        return set(REQUIRED) <= set(columns) and bool(_rails(columns))

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all windows; their energies are those of single cards."""
        table = parse_table(text)
        rails = _rails(table.columns)
        with naming(path):
            choice = choose_rails(rails.values(), options.rail)
        set_aside: Counter[str] = Counter()
        windows = []
        for row in table.rows(set_aside):
            window = _window(row, rails)
            if window is None:
                set_aside["a time or an energy is no number of zero or more"] += 1
            else:
                windows.append(window)
        if not windows:
            raise DataError(f"expected windows with an energy in {path} ({self.name}), got none")
        clock = Counter(clock_of(window.start_s) for window in windows).most_common(1)[0][0]
        kept = tuple(window for window in windows if clock_of(window.start_s) is clock)
        if len(kept) < len(windows):
            set_aside["a time unlike the others"] += len(windows) - len(kept)
        return PowerLog(
            source=str(path),
            format=self.name,
            clock=clock,
            rail=choice.name,
            scope=choice.scope,
            windows=kept,
            set_aside=dict(set_aside),
        )


def _rails(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the card of each column of energies."""
    return {name: match[1] for name in columns if (match := ENERGY.fullmatch(name))}


def _window(row: dict[str, str], rails: dict[str, str]) -> EnergyWindow | None:
    """Return the window of a line; None if a number of it is none."""
    start_s, elapsed_s = parse_number(row[START]), parse_number(row[ELAPSED])
    energies = {rail: parse_number(row[column]) for column, rail in rails.items()}
    known = {rail: energy for rail, energy in energies.items() if energy is not None}
    if start_s is None or elapsed_s is None or len(known) < len(energies):
        return None
    if min(elapsed_s, *known.values()) < 0:
        return None
    return EnergyWindow(row[NAME], start_s, start_s + elapsed_s, known)
