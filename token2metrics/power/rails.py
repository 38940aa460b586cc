"""Which rails of a board make up its total power."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from token2metrics.errors import DataError
from token2metrics.records import PowerScope

JOIN = "+"
"""What stands between rails that are summed."""

ACCELERATOR = re.compile(r"gpu\d+")
"""A graphics card as a rail, the way its logs number it."""


@dataclass(frozen=True, slots=True)
class RailChoice:
    """The rails that are summed.

    Attributes:
        rails: Their names.
        scope: What their sum includes.
    """

    rails: tuple[str, ...]
    scope: PowerScope

    @property
    def name(self) -> str:
        """The rails in one word."""
        return JOIN.join(self.rails)


TOTALS = (
    RailChoice(("VIN",), PowerScope.BOARD),
    RailChoice(("VDD_IN",), PowerScope.MODULE),
    RailChoice(("POM_5V_IN",), PowerScope.MODULE),
    RailChoice(("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), PowerScope.MODULE),
    RailChoice(("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"), PowerScope.MODULE),
)
"""Totals of the known boards, the first that is there wins.

A rail that carries the whole input goes before a sum of its children. ``VDDQ_VDD2_1V8AO`` of an AGX
Orin is in none: it hangs below ``VIN_SYS_5V0`` and would be counted twice.
"""


def total_of(found: Collection[str]) -> RailChoice | None:
    """Return the rails that make up a board's total; None for a board that is not known."""
    for total in TOTALS:
        if set(total.rails) <= set(found):
            return total
    cards = [name for name in found if ACCELERATOR.fullmatch(name)]
    return RailChoice((cards[0],), PowerScope.MODULE) if len(cards) == 1 else None


def choose_rails(found: Collection[str], rail: str | None = None) -> RailChoice:
    """Return the rails to sum.

    Args:
        found: Names of the rails that a meter or a log offers.
        rail: A rail to take instead of the total, or several joined by ``+``.

    Raises:
        DataError: If a wanted rail is missing, or the total of these rails is not known.
    """
    offered = ", ".join(sorted(found)) or "none"
    if rail is not None:
        wanted = tuple(name.strip() for name in rail.split(JOIN))
        missing = [name for name in wanted if name not in found]
        if missing or len(set(wanted)) < len(wanted):
            what = f"has no {missing[0]!r}" if missing else f"names a rail twice in {rail!r}"
            raise DataError(f"expected one of the rails {offered}, got {rail!r}: it {what}")
        return RailChoice(wanted, _scope_of(wanted))
    total = total_of(found)
    if total is None:
        raise DataError(
            f"expected rails of a known board, got {offered}; choose a rail, or several joined by "
            f"{JOIN!r}, such as {next(iter(sorted(found)), 'VDD_IN')!r}"
        )
    return total


def _scope_of(rails: Collection[str]) -> PowerScope:
    """Return what a sum includes: all of a board, or only these rails."""
    for total in TOTALS:
        if set(total.rails) == set(rails):
            return total.scope
    if all(ACCELERATOR.fullmatch(name) for name in rails):
        return PowerScope.MODULE
    return PowerScope.RAIL
