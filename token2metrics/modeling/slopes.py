"""How the logarithm of a phase's latency follows the free numbers of its weights, around a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from token2metrics.algebra import StepTable
from token2metrics.cost import PhaseFormula, edge_latency_s, source_latency_s
from token2metrics.modeling.objective import SMALLEST_LATENCY_S
from token2metrics.modeling.optimise import derivatives
from token2metrics.modeling.parameters import LawfulMap, Slot, places_of, weights_of
from token2metrics.modeling.problem import Fit
from token2metrics.modeling.rows import ALGEBRA
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

Array = NDArray[np.float64]

VISIBLE_SHARE = 0.05
"""A term that the rows left at zero may still be there: it is looked at as at least this share of
the latency, so that a design asks for the lengths at which it would show."""

CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Slopes:
    """A phase's latency at some requests, and what moves it.

    Attributes:
        latency_s: Seconds, ``(requests,)``.
        slopes: Derivative of their logarithm by each free number, ``(requests, weights)``.
    """

    latency_s: Array
    slopes: Array


@dataclass(frozen=True, slots=True)
class PhaseCurve:
    """One phase's formula at fitted weights.

    Attributes:
        phase: The phase.
        formula: Curve and calibration, without a power head.
        slots: Its weights, in the order of their slopes.
        values: Their lawful values, ``(1, weights)``.
        steps: Learned staircase, levels ``(1, steps)``, whose heights are held.
    """

    phase: Phase
    formula: PhaseFormula
    slots: tuple[Slot, ...]
    values: Tensor
    steps: StepTable[Tensor] | None

    def at(self, workload: Workload[Tensor], on_edge: bool = True) -> Slopes:
        """Return the latencies of requests and their slopes, exact by forward-mode derivatives.

        Args:
            workload: The requests, fields ``(requests,)``, at least one; those of decode have a
                step to make.
            on_edge: Whether the calibration applies.
        """
        lawful = LawfulMap(self.slots, CPU)
        free = lawful.to_free(self.values)

        def logarithms(free: Tensor) -> Tensor:
            return self._latency_s(workload, lawful.to_weights(free), on_edge).log()

        slopes = derivatives(logarithms, free)[0].T.numpy()
        latency_s = self._latency_s(workload, self.values, on_edge)
        return Slopes(latency_s[0].numpy(), np.nan_to_num(slopes, posinf=0.0, neginf=0.0))

    def _latency_s(self, workload: Workload[Tensor], values: Tensor, on_edge: bool) -> Tensor:
        """Return the latencies at lawful weights ``(1, weights)``, ``(1, requests)``."""
        steps = {} if self.steps is None else {self.phase: self.steps}
        weights = weights_of(list(self.slots), values, steps)[self.phase]
        evaluate = edge_latency_s if on_edge else source_latency_s
        seconds = evaluate(ALGEBRA, self.formula, workload, weights)
        return seconds.clamp_min(SMALLEST_LATENCY_S)


def curve_of(phase: Phase, formula: PhaseFormula, fit: Fit) -> PhaseCurve:
    """Take one phase out of a fit without power heads.

    Args:
        phase: The phase.
        formula: Its formula.
        fit: The fit, whose first problem counts.
    """
    chosen = [place for place, slot in enumerate(fit.slots) if slot.phase is phase]
    first = fit.first()
    return PhaseCurve(
        phase=phase,
        formula=formula,
        slots=tuple(fit.slots[place] for place in chosen),
        values=first.values[:, chosen],
        steps=first.steps.get(phase),
    )


def with_visible_terms(curve: PhaseCurve, workload: Workload[Tensor]) -> PhaseCurve:
    """Return a curve none of whose features is left out.

    Args:
        curve: The curve.
        workload: The requests among which each feature must show somewhere.
    """
    latency_s = torch.from_numpy(curve.at(workload, on_edge=False).latency_s)
    features = curve.formula.curve.basis(ALGEBRA, workload)
    values = curve.values.clone()
    for place, name in zip(places_of(curve.slots, curve.phase, features), features, strict=True):
        largest = float((features[name] / latency_s).max())
        if largest > 0.0:
            values[:, place] = values[:, place].clamp_min(VISIBLE_SHARE / largest)
    return replace(curve, values=values)
