"""Every group of protocols, in the order of the table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from benchmarks.contenders import RIVALS, contender_of
from benchmarks.rivals import AGAINST_RIVALS, COMPARED, MOST_DRAWS
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
from benchmarks.work import Answer, Bench, Group, Item, Job, answers

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
TASKS = tuple(
    sorted({task for group in GROUPS.values() for task in group.tasks} | {AGAINST_RIVALS})
)
"""Ids of every protocol."""


def do(job: Job, bench: Bench) -> dict[str, Answer]:
    """Do one piece of work, in whichever process."""
    trials = GROUPS[job.item.group].trials(job.item, bench.folder)
    return answers(trials, [contender_of(name) for name in job.contenders])


def compared_items(bench: Bench, quick: bool) -> list[Item]:
    """List the trainings in which the rivals take part."""
    asked = replace(bench, contender=RIVALS[0])
    return [
        item
        for group in GROUPS.values()
        if COMPARED & set(group.tasks)
        for item in group.items(asked, COMPARED & set(group.tasks), quick)
        if max(item.draws) < MOST_DRAWS.get(group.name, math.inf)
    ]
