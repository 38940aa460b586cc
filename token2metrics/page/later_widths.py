"""Programs whose intervals are told how wide they are when they run, not when they are recorded.

A confidence enters a prediction only through the half-widths of its margins. Recorded as inputs,
one program serves every confidence, and every plan whose limits share a risk.
"""

from __future__ import annotations

from msgspec.structs import replace

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import HeadRecord, MarginRecord, PhaseRecord
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.prediction.quantities import ENERGY, LATENCY
from token2metrics.symbolic import Node, SymbolicAlgebra
from token2metrics.vocabulary import FITTED_PHASES, Phase

RECORDED_CONFIDENCE = HIGHEST_CONFIDENCE
"""What a program is recorded at; margins have their half-widths there without interpolation."""


def width_name(phase: Phase, quantity: str) -> str:
    """Return the input that holds the half-width of a phase's latency, or of its energy."""
    return f"{phase}_{quantity}_width"


WIDTHS = tuple(
    width_name(phase, quantity) for phase in FITTED_PHASES for quantity in (LATENCY, ENERGY)
)
"""Every half-width that a program is told."""


class LaterWidth(float):
    """A half-width that only its name stands for."""

    def __new__(cls, name: str) -> LaterWidth:
        """Return the half-width that an input will hold."""
        return super().__new__(cls, 0.0)

    def __init__(self, name: str) -> None:
        """Keep the name.

        Args:
            name: The input that will hold it.
        """
        self.name = name

    def __add__(self, other: float, /) -> float:
        """Return the sum; with nothing it is the half-width itself."""
        return self if other == 0.0 else super().__add__(other)


class LaterWidthAlgebra(SymbolicAlgebra):
    """Records computations in which half-widths are inputs."""

    def number(self, value: float) -> Node:
        """Return a plain number as a quantity; a half-width that is told later as an input."""
        return self.input(value.name) if isinstance(value, LaterWidth) else super().number(value)


def with_later_widths(model: FittedModel) -> FittedModel:
    """Return a model whose margins are told when its program runs."""
    phases = {phase: _told_later(phase, one) for phase, one in model.record.phases.items()}
    return replace(model, record=replace(model.record, phases=phases))


def _told_later(phase: Phase, record: PhaseRecord) -> PhaseRecord:
    """Return a phase whose margins are told later."""
    margin = _later_margin(record.margin, width_name(phase, LATENCY))
    return replace(record, margin=margin, head=_later_head(phase, record.head))


def _later_head(phase: Phase, head: HeadRecord | None) -> HeadRecord | None:
    """Return a power head whose margin is told later."""
    if head is None:
        return None
    return replace(head, margin=_later_margin(head.margin, width_name(phase, ENERGY)))


def _later_margin(margin: MarginRecord, name: str) -> MarginRecord:
    """Return a margin whose half-widths are an input."""
    ends = (LOWEST_CONFIDENCE, HIGHEST_CONFIDENCE)
    return replace(margin, confidences=ends, half_widths=(LaterWidth(name), LaterWidth(name)))
