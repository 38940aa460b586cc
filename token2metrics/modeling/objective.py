"""The joint objective: server curve, calibration and heads on robust relative errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor

from token2metrics.cost import PhaseFormula, PhaseWeights, edge_latency_s, source_latency_s
from token2metrics.modeling.exact import MAD_TO_SIGMA, ROBUST_MULTIPLE, SMALLEST_SCALE
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.vocabulary import Phase

SMALLEST_LATENCY_S = 1e-12
SMALLEST_ENERGY_J = 1e-12
ENERGY_SCALE = 0.02
"""Relative spread taken for energy readings: meters sample, and round windows to samples."""

Formulas = Mapping[Phase, PhaseFormula]
Weights = Mapping[Phase, PhaseWeights[Tensor]]


@dataclass(frozen=True, slots=True)
class Side:
    """One side's rows and which of them each problem may see.

    Attributes:
        rows: Measurements.
        mask: 1 where a problem trains on a row, ``(problems, rows)``.
        on_edge: Whether the calibration applies.
    """

    rows: FitRows
    mask: Tensor
    on_edge: bool


def phase_latencies_s(
    formulas: Formulas, weights: Weights, rows: FitRows, on_edge: bool
) -> dict[Phase, Tensor]:
    """Return each phase's latency in the rows, 0 where the row lacks it, ``(problems, rows)``."""
    evaluate = edge_latency_s if on_edge else source_latency_s
    return {
        phase: evaluate(ALGEBRA, formula, rows.workload, weights[phase]) * rows.includes[phase]
        for phase, formula in formulas.items()
    }


def total(latencies: Mapping[Phase, Tensor]) -> Tensor:
    """Return the sum over the phases."""
    return reduce(add, latencies.values())


def log_errors(formulas: Formulas, weights: Weights, rows: FitRows, on_edge: bool) -> Tensor:
    """Return the logarithm of predicted over measured latency, ``(problems, rows)``."""
    predicted = total(phase_latencies_s(formulas, weights, rows, on_edge))
    return (predicted.clamp_min(SMALLEST_LATENCY_S) / rows.latency_s).log()


def energies_j(formulas: Formulas, weights: Weights, rows: FitRows) -> Tensor:
    """Return what the meter would read over each row's window, ``(problems, rows)``."""
    latencies = phase_latencies_s(formulas, weights, rows, on_edge=True)
    idle_s = (rows.window_s - total(latencies)).clamp_min(0.0)
    energy = idle_s * 0.0
    tail_w = idle_s * 0.0
    for phase, formula in formulas.items():
        if formula.head is None:
            continue
        head_weights = weights[phase].head
        power = formula.head.mean_power_w(ALGEBRA, latencies[phase], head_weights)
        energy = energy + power * latencies[phase]
        present = rows.includes[phase] > 0
        tail_w = torch.where(present, formula.head.tail_power_w(head_weights), tail_w)
    return energy + tail_w * idle_s


def robust_scales(errors: Tensor, side: Side) -> Tensor:
    """Return the spread of each row's kind of error, ``(problems, rows)``, outliers ignored."""
    scales = torch.full_like(errors, SMALLEST_SCALE)
    for kind in side.rows.pure.values():
        if not kind.any():
            continue
        seen = torch.where((side.mask > 0) & kind, errors.abs(), torch.nan)
        median = torch.nanmedian(seen, dim=1, keepdim=True).values.nan_to_num(SMALLEST_SCALE)
        spread = (ROBUST_MULTIPLE * MAD_TO_SIGMA * median).clamp_min(SMALLEST_SCALE)
        scales = torch.where(kind, spread, scales)
    return scales


def energy_errors(formulas: Formulas, weights: Weights, rows: FitRows) -> Tensor:
    """Return the logarithm of predicted over read energy, 0 where none, ``(problems, rows)``."""
    known = ~rows.energy_j.isnan()
    measured = torch.where(known, rows.energy_j, 1.0)
    predicted = energies_j(formulas, weights, rows).clamp_min(SMALLEST_ENERGY_J)
    return torch.where(known, (predicted / measured).log(), 0.0)
