"""What a batch of fits is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.modeling.beliefs import Beliefs
from token2metrics.modeling.objective import Side
from token2metrics.modeling.parameters import Slot, weights_of
from token2metrics.modeling.rows import FitRows
from token2metrics.vocabulary import CalibrationMethod, Phase


@dataclass(frozen=True, slots=True)
class Campaign:
    """Rows of one kind and data set that may be off as one.

    Attributes:
        source: The data set.
        phase: ``prefill``, ``decode`` or ``request``.
        rows: Its edge rows, a mask ``(rows,)``.
    """

    source: str
    phase: Phase
    rows: Tensor


Campaigns = tuple[Campaign, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is fitted, on which rows.

    Attributes:
        formulas: Curve, calibration and head of each phase.
        method: How gains are estimated.
        edge: Rows of the edge device; None where there are none.
        source: Rows the curve comes from; None where it is fitted on the edge rows.
        masks: Which edge rows each problem trains on, ``(problems, rows)``.
        scale_factor: Gain of the manual method.
        max_iterations: Most optimiser iterations.
        torch_device: Where the optimiser runs.
        shares_device: Whether the source was measured on the edge device itself.
        beliefs: What is believed of the curves' weights; empty without the prior method.
        campaigns: Data sets of the edge rows whose offset is fitted.
    """

    formulas: Mapping[Phase, PhaseFormula]
    method: CalibrationMethod
    edge: FitRows | None
    source: FitRows | None
    masks: Tensor
    scale_factor: float
    max_iterations: int
    torch_device: str = "cpu"
    shares_device: bool = False
    beliefs: Beliefs = field(default_factory=dict)
    campaigns: Campaigns = ()

    @property
    def has_heads(self) -> bool:
        """Return whether any phase has a power head to fit."""
        return any(formula.head is not None for formula in self.formulas.values())

    def to_device(self) -> Problem:
        """Return the problem with every tensor where the optimiser runs."""

        def move(values: Tensor) -> Tensor:
            return values.to(self.torch_device)

        edge = None if self.edge is None else self.edge.map(move)
        source = None if self.source is None else self.source.map(move)
        return replace(self, edge=edge, source=source, masks=move(self.masks))

    @property
    def is_exact(self) -> bool:
        """Whether the exact start already has the latencies: sums fitted on edge rows alone."""
        return self.method is CalibrationMethod.DIRECT and self.is_linear

    @property
    def is_linear(self) -> bool:
        """Whether every curve is exactly the weighted sum of its features."""
        return all(formula.curve.linear_in_weights for formula in self.formulas.values())

    @property
    def sides(self) -> list[Side]:
        """Return source and edge, those that have rows and a say in the latencies.

        Under the manual method the edge rows have none: the user knows the factor.
        """
        sides = []
        if self.source is not None:
            everything = self.masks.new_ones(len(self.masks), len(self.source))
            sides.append(Side(self.source, everything, on_edge=False))
        if self.edge is not None and self.method is not CalibrationMethod.MANUAL:
            sides.append(Side(self.edge, self.masks, on_edge=True))
        return sides


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted weights of every problem of a batch.

    Attributes:
        slots: Meaning of the columns of ``values``.
        values: Lawful weights, ``(problems, slots)``.
        steps: Learned staircases by phase, levels ``(problems, steps)``.
        iterations: optimiser iterations; 0 for an exact fit.
        converged: Whether the optimiser stopped by itself.
    """

    slots: list[Slot]
    values: Tensor
    steps: Mapping[Phase, StepTable[Tensor]]
    iterations: int = 0
    converged: bool = True

    def first(self) -> Fit:
        """Return the first problem of the batch alone."""
        steps: dict[Phase, StepTable[Tensor]] = {
            phase: StepTable(table.edges, table.levels[:1]) for phase, table in self.steps.items()
        }
        return replace(self, values=self.values[:1], steps=steps)

    def to(self, torch_device: str) -> Fit:
        """Return the fit with its tensors on a device."""
        steps: dict[Phase, StepTable[Tensor]] = {
            phase: StepTable(table.edges, table.levels.to(torch_device))
            for phase, table in self.steps.items()
        }
        return replace(self, values=self.values.to(torch_device), steps=steps)

    @property
    def weights(self) -> dict[Phase, PhaseWeights[Tensor]]:
        """Return the weights by phase and part."""
        return weights_of(self.slots, self.values, self.steps)
