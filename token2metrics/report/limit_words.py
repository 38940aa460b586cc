"""How limits, plans and what they rest on are put into words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Broken, Limits
from token2metrics.planning.plan import Plan
from token2metrics.report.tables import WARNING_STYLE, show_line
from token2metrics.report.units import digits, joules, seconds, watts

PERCENT = 100.0
REQUESTS = 1e6
"""Of so many requests a price is legible."""


def _of_a_million(cost: float | None) -> str:
    """Write the cost of a million requests."""
    return digits(None if cost is None else cost * REQUESTS)


WORDS: Mapping[str, tuple[str, Callable[[float | None], str]]] = {
    "latency_s": ("latency", seconds),
    "ttft_s": ("TTFT", seconds),
    "energy_j": ("energy", joules),
    "power_w": ("mean power", watts),
    "cost": ("cost per million", _of_a_million),
}
"""What people call a limit, and how they write it."""


def limits_in_words(limits: Limits) -> str:
    """Write limits."""
    return ", ".join(
        f"{WORDS[name][0]} at most {WORDS[name][1](value)}" for name, value in limits.stated.items()
    )


def probably(probability: float) -> str:
    """Say how probable a plan is."""
    return f"with a probability of {PERCENT * probability:g} %"


def excesses(broken: Sequence[Broken]) -> str:
    """Name broken limits, and by how much each is exceeded."""
    return ", ".join(
        f"{WORDS[one.limit][0]} by {WORDS[one.limit][1](one.excess)}" for one in broken
    )


def conditions_of(one: Plan | Frontier) -> str:
    """Name a device and its conditions."""
    parts = (one.device, one.power_mode, one.runtime, one.precision)
    return ", ".join(part for part in parts if part)


def show_notes(console: Console, notes: Sequence[Sequence[str]]) -> None:
    """Print notes, each once."""
    for note in dict.fromkeys(one for group in notes for one in group):
        show_line(console, f"note: {note}", WARNING_STYLE)
