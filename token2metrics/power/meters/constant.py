"""A power that the user states, for machines without a meter."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

from token2metrics.errors import ConfigurationError
from token2metrics.power.meter import PowerMeter, Window
from token2metrics.power.meters.options import MeterOptions
from token2metrics.records import PowerScope

RAIL = "constant"


class ConstantMeter(PowerMeter):
    """Power times time.

    Args:
        power_w: Watts, as stated.
        scope: What they include, as stated.
    """

    def __init__(self, power_w: float, scope: PowerScope) -> None:
        self.rail = RAIL
        self.scope = scope
        self.period_s = None
        self._power_w = power_w

    def __enter__(self) -> Self:
        """Start nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop nothing."""

    def window(self, start_s: float, end_s: float) -> Window:
        """Return the stated power times the length of the span."""
        return Window(self._power_w * (end_s - start_s), None)


def build(options: MeterOptions) -> ConstantMeter:
    """Build the meter from ``WATTS`` or ``WATTS:SCOPE``; the scope is the wall if not stated.

    Raises:
        ConfigurationError: If the watts are no positive number or the scope is unknown.
    """
    watts, _, scope = options.argument.partition(":")
    try:
        power_w = float(watts)
    except ValueError:
        power_w = math.nan
    if not 0 < power_w < math.inf:
        raise ConfigurationError(
            f"expected positive watts after 'constant:', got {watts!r}; "
            f"write for example 'constant:15' or 'constant:15:board'"
        )
    if scope and scope not in set(PowerScope):
        known = ", ".join(PowerScope)
        raise ConfigurationError(f"expected the scope of a power among {known}, got {scope!r}")
    return ConstantMeter(power_w, PowerScope(scope or PowerScope.WALL))
