"""Every group of protocols, in the order of the table."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.protocol import Figure
from benchmarks.tasks.beyond import BeyondRange
from benchmarks.tasks.calibrated import CalibratedRequests
from benchmarks.tasks.devices import OtherDevices
from benchmarks.tasks.energy import GridEnergy
from benchmarks.tasks.grid import DecodeGrid
from benchmarks.tasks.ordered import OrderedRows
from benchmarks.tasks.pair import ServerToEdge
from benchmarks.tasks.repeats import Repeats
from benchmarks.tasks.subjects import Subjects
from benchmarks.tasks.sweep import PrefillSweep
from benchmarks.work import Bench, Group, Item

GROUPS: Mapping[str, Group] = {
    group.name: group
    for group in (
        Subjects(),
        OrderedRows(),
        CalibratedRequests(),
        PrefillSweep(),
        DecodeGrid(),
        BeyondRange(),
        GridEnergy(),
        ServerToEdge(),
        Repeats(),
        OtherDevices(),
    )
}
TASKS = tuple(sorted({task for group in GROUPS.values() for task in group.tasks}))
"""Ids of every protocol."""


def do(item: Item, bench: Bench) -> list[Figure]:
    """Do one piece of work, in whichever process."""
    return GROUPS[item.group].run(item, bench)
