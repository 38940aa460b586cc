"""What one sample costs at the requests of measured rows, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from token2metrics.algebra import FloatAlgebra
from token2metrics.cost import PhaseFormula, PhaseWeights, phase_cost
from token2metrics.processors.batch import Measurements
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, workload_of

Floats = NDArray[np.float64]
FLOATS = FloatAlgebra()


@dataclass(frozen=True, slots=True)
class SingleCosts:
    """What one sample costs at the requests of some rows.

    Attributes:
        latency_s: Seconds of each phase that a row includes, else 0; ``(rows,)`` by phase.
        active_j: Joules above idle, likewise; phases without a head are left out.
    """

    latency_s: Mapping[Phase, Floats]
    active_j: Mapping[Phase, Floats]


@dataclass(frozen=True, slots=True)
class FittedPhases:
    """A model's phases as they are fitted for one sample.

    Attributes:
        formulas: Formula of each phase.
        weights: Its weights.
        traffic: The model's shape.
    """

    formulas: Mapping[Phase, PhaseFormula]
    weights: Mapping[Phase, PhaseWeights[float]]
    traffic: ModelTraffic[float]

    def single_costs(self, rows: Measurements) -> SingleCosts:
        """Return what one sample of each row costs."""
        included = {Phase.PREFILL: rows.in_prefill, Phase.DECODE: rows.in_decode}
        latency_s = {phase: np.zeros(len(rows)) for phase in FITTED_PHASES}
        active_j = {p: np.zeros(len(rows)) for p, f in self.formulas.items() if f.head is not None}
        for phase, formula in self.formulas.items():
            for row in np.flatnonzero(included[phase]):
                asked = workload_of(
                    FLOATS,
                    float(rows.input_tokens[row]),
                    float(rows.output_tokens[row]),
                    self.traffic,
                )
                cost = phase_cost(FLOATS, formula, asked, self.weights[phase])
                latency_s[phase][row] = cost.latency_s
                if cost.power_w is not None and formula.head is not None:
                    load_w = cost.power_w - formula.head.idle_power_w
                    active_j[phase][row] = load_w * cost.latency_s
        return SingleCosts(latency_s, active_j)
