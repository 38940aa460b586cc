"""A12: the rivals of the project under the same protocols, on the same draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.contenders import RIVALS, Ours
from benchmarks.protocol import Bound, Row, values_by_key
from benchmarks.work import Answer, Group, Item

AGAINST_RIVALS = "A12"
COMPARED = frozenset({"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"})
"""The protocols that a rival can take part in."""

MOST_DRAWS = {"calibrated": 10, "beyond": 10, "pair": 10}
"""The first random draws of a group tell who is ahead; other groups are compared in full."""

NO_SAY = "no forecast of it"
PROTOCOL = (
    "the protocols of A1 to A8, everyone on the same draws, the first {draws}; the target is the "
    "figure of the best rival: it holds where we are first"
)

Key = tuple[str, str, str]
"""Task, model and statistic."""

Answers = Mapping[str, Mapping[Item, Answer]]
"""By contender and training."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One figure of every contender.

    Attributes:
        task: Id of the protocol.
        model: Model, or device and model.
        statistic: What is counted, with its unit.
        figures: By contender, ours first; no one who lacks a draw.
        absent: Why the others have no figure.
    """

    task: str
    model: str
    statistic: str
    figures: Mapping[str, float]
    absent: Mapping[str, str]

    @property
    def best(self) -> str | None:
        """The name of who is first; None without figures."""
        return min(self.figures, key=lambda name: self.figures[name], default=None)

    @property
    def rival(self) -> str | None:
        """The name of the best rival; None where there is none."""
        rivals = [name for name in self.figures if name != Ours.name]
        return min(rivals, key=lambda name: self.figures[name], default=None)


def compare(group: Group, items: Sequence[Item], answers: Answers, quick: bool) -> list[Contest]:
    """Compare all contenders on the items of a group that they share.

    Args:
        group: Summarises figures.
        items: Trainings of the group that every contender was given.
        answers: What they made of them.
        quick: Whether few draws were taken.
    """
    names = (Ours.name, *RIVALS)
    summaries = {name: _summaries(group, items, answers[name], quick) for name in names}
    places: dict[Key, list[Item]] = {}
    for name in names:
        for item in items:
            for figure in answers[name][item].figures:
                place = places.setdefault((figure.task, figure.model, figure.statistic), [])
                place += [item] if item not in place else []
    shared = {key for name in RIVALS for key in summaries[name]}
    return [_contest(key, places[key], summaries, answers) for key in places if key in shared]


def _summaries(
    group: Group, items: Sequence[Item], answers: Mapping[Item, Answer], quick: bool
) -> dict[Key, tuple[float, int]]:
    """Return value and number of figures of every finite statistic."""
    figures = [figure for item in items for figure in answers[item].figures]
    counts = {key: len(values) for key, values in values_by_key(figures).items()}
    rows = group.rows(figures, quick) if figures else []
    keyed = {(row.task, row.model, row.statistic): row.value for row in rows}
    return {
        key: (value, counts[key])
        for key, value in keyed.items()
        if value is not None and key in counts
    }


def _contest(
    key: Key,
    items: Sequence[Item],
    summaries: Mapping[str, Mapping[Key, tuple[float, int]]],
    answers: Answers,
) -> Contest:
    """Gather everyone's figure over all draws, and the reasons of those without."""
    none = (math.nan, 0)
    most = max(found.get(key, none)[1] for found in summaries.values())
    figures, absent = {}, {}
    for name, found in summaries.items():
        value, count = found.get(key, none)
        if count == most:
            figures[name] = value
            continue
        own = [answers[name][item] for item in items]
        reasons = dict.fromkeys(a.refusal for a in own if a.refusal is not None)
        remarks = dict.fromkeys(remark for answer in own for remark in answer.remarks)
        absent[name] = "; ".join(reasons or (NO_SAY, *remarks))
    return Contest(*key, figures, absent)


def rival_rows(found: Sequence[Contest]) -> list[Row]:
    """Judge whether we are first in each contest."""
    draws = ", ".join(f"{most} of {name}" for name, most in MOST_DRAWS.items())
    protocol = PROTOCOL.format(draws=draws)
    rows = []
    for contest in found:
        ours, rival = contest.figures.get(Ours.name), contest.rival
        target = None if rival is None else contest.figures[rival]
        holds = None if target is None else bool((np.inf if ours is None else ours) <= target)
        bound = None if target is None else Bound.AT_MOST
        statistic = f"{contest.task} {contest.statistic}"
        rows.append(
            Row(
                AGAINST_RIVALS,
                contest.model,
                statistic,
                ours,
                target,
                bound,
                holds,
                protocol,
                rival,
            )
        )
    return rows
