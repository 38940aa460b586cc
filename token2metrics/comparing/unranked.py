"""Which configurations no front can rank, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from token2metrics.comparing.comparison import ConfigurationResult, Objective
from token2metrics.errors import DataError
from token2metrics.parallel import SINGLE

METERED = (Objective.ENERGY, Objective.COST)
"""Objectives that rest on measured energy."""


def unranked_notes(
    compared: Sequence[ConfigurationResult], objectives: Sequence[Objective]
) -> tuple[str, ...]:
    """Say how many configurations are not ranked, for each reason.

    Args:
        compared: The configurations, the front marked among them.
        objectives: What the front is about; empty for no front.
    """
    if not objectives:
        return ()
    reasons = Counter(_reason(one, objectives) for one in compared if one.on_front is None)
    return tuple(
        f"{count:,} {'configuration is' if count == 1 else 'configurations are'} not ranked: "
        f"{reason}"
        for reason, count in reasons.items()
    )


def check_latencies(compared: Sequence[ConfigurationResult]) -> None:
    """Refuse configurations of which not one has a latency.

    Raises:
        DataError: If nothing measured tells the latency of any.
    """
    if all(one.latency.mean_s is None for one in compared):
        names = ", ".join(dict.fromkeys(one.name for one in compared))
        notes = "; ".join(dict.fromkeys(note for one in compared for note in one.notes))
        raise DataError(f"no latency of {names} to compare: {notes}")


def _reason(one: ConfigurationResult, objectives: Sequence[Objective]) -> str:
    """Say what of an objective is unknown, the latency before what rests on it."""
    if one.latency.mean_s is None:
        several = " of several samples at once" if one.parallel > SINGLE else ""
        return f"nothing measured tells the latency{several}"
    if any(objective in METERED for objective in objectives):
        if one.energy.decode_mean_j is None:
            return "energy of decode was not measured"
        if one.energy.mean_j is None:
            return "energy of prefill was not measured"
    return "quality was not given"
