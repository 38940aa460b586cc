"""Data sets of one board that differ by a common factor: a fitted, reported offset.

The same cells, measured in two campaigns on one board, differ by about one percent. Where data
sets overlap, their offsets from the largest one are fitted with the curve, and their rows are
brought to its level before anything else is fitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from token2metrics.curves import Parameter
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.modeling.parameters import Part, Slot
from token2metrics.modeling.problem import Campaign, Campaigns
from token2metrics.modeling.rows import FitRows
from token2metrics.vocabulary import Phase

OFFSET_SPREAD = 0.01
"""How far campaigns usually differ, as a logarithm."""

FEWEST_SHARED_ROWS = 5
"""Rows that either data set must have in the range of the other to be compared."""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much one data set lies off the largest one.

    Attributes:
        campaign: The data set's rows of one kind.
        logarithm: Logarithm of its latencies over the largest data set's; 0 for that one.
    """

    campaign: Campaign
    logarithm: float


def campaign_slots(campaigns: Campaigns) -> list[Slot]:
    """Return the offsets as weights to fit."""
    return [
        Slot(
            one.phase,
            Part.CAMPAIGN,
            Parameter(one.source, 0.0, lower=-MAX_WEIGHT, spread=OFFSET_SPREAD),
        )
        for one in campaigns
    ]


def membership(campaigns: Campaigns) -> Tensor:
    """Return which rows each offset raises, ``(campaigns, rows)``."""
    return torch.stack([one.rows for one in campaigns])


def campaigns_of(rows: FitRows) -> tuple[Campaigns, Campaigns]:
    """Return the largest data set of each kind of row, and those to compare with it."""
    largest: list[Campaign] = []
    others: list[Campaign] = []
    for phase, kind in rows.pure.items():
        counts = Counter(
            source for source, of_kind in zip(rows.campaigns, kind, strict=True) if of_kind
        )
        ranked = [source for source, _ in counts.most_common()]
        found = [Campaign(source, phase, _mask(rows, kind, source)) for source in ranked]
        compared = [one for one in found[1:] if _overlap(rows, found[0], one)]
        if compared:
            largest.append(found[0])
            others += compared
    return tuple(largest), tuple(others)


def _mask(rows: FitRows, kind: Tensor, source: str) -> Tensor:
    """Return the rows of one kind and data set."""
    named = torch.tensor([name == source for name in rows.campaigns])
    return (kind & named).to(torch.float64)


def _overlap(rows: FitRows, one: Campaign, other: Campaign) -> bool:
    """Return whether two data sets have enough rows where both measured."""
    tokens = torch.from_numpy(rows.settings)
    members = [one.rows > 0, other.rows > 0]
    lower = torch.stack([tokens[rows_of].amin(dim=0) for rows_of in members]).amax(dim=0)
    upper = torch.stack([tokens[rows_of].amax(dim=0) for rows_of in members]).amin(dim=0)
    shared = ((tokens >= lower) & (tokens <= upper)).all(dim=1)
    return all(int((shared & rows_of).sum()) >= FEWEST_SHARED_ROWS for rows_of in members)


def levelled(rows: FitRows, offsets: Sequence[Offset]) -> FitRows:
    """Return the rows brought to the level of the largest data set."""
    factor = torch.zeros_like(rows.latency_s)
    for offset in offsets:
        factor = factor - offset.logarithm * offset.campaign.rows
    return replace(rows, latency_s=rows.latency_s * factor.exp())


def offsets_of(
    compared: tuple[Campaigns, Campaigns], fitted: Sequence[float]
) -> tuple[Offset, ...]:
    """Return the offsets of all data sets of a comparison.

    Args:
        compared: As ``campaigns_of`` returns them.
        fitted: Fitted logarithm of each data set compared with a largest one, ``(others,)``.
    """
    largest, others = compared
    return (
        *(Offset(one, 0.0) for one in largest),
        *(Offset(one, value) for one, value in zip(others, fitted, strict=True)),
    )


def phase_offsets(offsets: Sequence[Offset], phase: Phase) -> list[Offset]:
    """Return the offsets of one kind of row."""
    return [one for one in offsets if one.campaign.phase is phase]
