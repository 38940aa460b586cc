"""What a process and its children take of the machine, as Linux tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
BYTES_PER_MIB = 1024.0**2
RESIDENT = 1
"""Place of the resident pages in ``statm``."""

USER, SYSTEM = 11, 12
"""Places of the processor times in ``stat``, after the name in parentheses."""


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for tasks in (PROC / str(pid) / "task").glob("*/children"):
        for child in _read(tasks).split():
            yield from family(int(child))


def resident_mib(pid: int) -> float:
    """Return the memory that a process and its descendants hold, in MiB; 0 once it is gone."""
    pages = (_read(PROC / str(one) / "statm").split() for one in family(pid))
    return sum(int(each[RESIDENT]) for each in pages if each) * PAGE_BYTES / BYTES_PER_MIB


def processor_s(pid: int) -> float:
    """Return the processor time that a process and its descendants have used, in seconds."""
    fields = (_read(PROC / str(one) / "stat").rpartition(")")[2].split() for one in family(pid))
    return sum(int(each[USER]) + int(each[SYSTEM]) for each in fields if each) / TICKS_PER_S


def _read(path: Path) -> str:
    """Return what a file of the kernel says; nothing of a process that is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
