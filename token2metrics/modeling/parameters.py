"""Free numbers of the optimiser, mapped onto the lawful interval of every weight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.curves import CurveWeights, Parameter
from token2metrics.curves.curve import MAX_WEIGHT
from token2metrics.modeling.rows import FLOATS
from token2metrics.vocabulary import Phase
from token2metrics.workload import ANY_REQUEST

SMALLEST_WEIGHT = 1e-30
EDGE_MARGIN = 1e-6
"""How close to the ends of a finite interval a fit may start."""


class Part(StrEnum):
    """Which part of a phase's formula a weight belongs to."""

    CURVE = "curve"
    CALIBRATION = "calibration"
    HEAD = "head"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one weight lives: its phase, its part and its interval."""

    phase: Phase
    part: Part
    parameter: Parameter


class LawfulMap:
    """The smooth maps between free numbers and lawful weights, a column per slot.

    Half-open intervals map through the exponential, finite ones through the logistic function,
    and unbounded ones are left alone.
    """

    def __init__(self, slots: Sequence[Slot], torch_device: str) -> None:
        bounds = [(slot.parameter.lower, slot.parameter.upper) for slot in slots]
        lower, upper = torch.tensor(bounds, dtype=torch.float64, device=torch_device).unbind(1)
        self._unbounded = lower <= -MAX_WEIGHT
        self._half_open = ~self._unbounded & (upper >= MAX_WEIGHT)
        self._lower = lower
        self._span = torch.where(self._unbounded | self._half_open, 1.0, upper - lower)

    def to_free(self, weights: Tensor) -> Tensor:
        """Return the free numbers of weights, ``(problems, slots)``."""
        logarithm = weights.clamp(SMALLEST_WEIGHT, MAX_WEIGHT).log()
        share = ((weights - self._lower) / self._span).clamp(EDGE_MARGIN, 1.0 - EDGE_MARGIN)
        bounded = torch.where(self._half_open, logarithm, torch.logit(share))
        return torch.where(self._unbounded, weights, bounded)

    def to_weights(self, free: Tensor) -> Tensor:
        """Return the lawful weights of free numbers, ``(problems, slots)``."""
        exponential = free.clamp(math.log(SMALLEST_WEIGHT), math.log(MAX_WEIGHT)).exp()
        bounded = self._lower + self._span * torch.sigmoid(free)
        return torch.where(
            self._unbounded, free, torch.where(self._half_open, exponential, bounded)
        )


def slots_of(formulas: Mapping[Phase, PhaseFormula]) -> list[Slot]:
    """List every weight of the formulas, in a fixed order."""
    slots: list[Slot] = []
    for phase, formula in formulas.items():
        basis = formula.curve.basis(FLOATS, ANY_REQUEST)
        trunk = [Parameter(name, SMALLEST_WEIGHT) for name in basis]
        head = formula.head.parameters() if formula.head else ()
        parts: tuple[tuple[Part, Iterable[Parameter]], ...] = (
            (Part.CURVE, [*trunk, *formula.curve.shape_parameters()]),
            (Part.CALIBRATION, formula.calibration.parameters()),
            (Part.HEAD, head),
        )
        slots += [Slot(phase, part, parameter) for part, items in parts for parameter in items]
    return slots


def places_of(slots: Sequence[Slot], phase: Phase, names: Iterable[str]) -> list[int]:
    """Return the columns of named weights of a phase, in the order of the names."""
    own = [(at, slot.parameter.name) for at, slot in enumerate(slots) if slot.phase is phase]
    first = {name: at for at, name in reversed(own)}
    return [first[name] for name in names]


def weights_of(
    slots: list[Slot], values: Tensor, steps: Mapping[Phase, StepTable[Tensor]]
) -> dict[Phase, PhaseWeights[Tensor]]:
    """Name the columns of ``values``, ``(problems, slots)``, as the weights of each phase."""
    columns: dict[tuple[Phase, Part], dict[str, Tensor]] = {}
    for index, slot in enumerate(slots):
        named = columns.setdefault((slot.phase, slot.part), {})
        named[slot.parameter.name] = values[:, index : index + 1]
    phases = dict.fromkeys(slot.phase for slot in slots)
    return {
        phase: PhaseWeights(
            curve=CurveWeights(columns.get((phase, Part.CURVE), {}), steps.get(phase)),
            calibration=columns.get((phase, Part.CALIBRATION), {}),
            head=columns.get((phase, Part.HEAD), {}),
        )
        for phase in phases
    }
