"""The joint objective: server curve, calibration and heads on robust relative errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor

from token2metrics.cost import (
    PhaseFormula,
    PhaseWeights,
    bare_latency_s,
    edge_latency_s,
    source_latency_s,
)
from token2metrics.heads import Window
from token2metrics.modeling.exact import MAD_TO_SIGMA, ROBUST_MULTIPLE, SMALLEST_SCALE
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.vocabulary import Phase

SMALLEST_LATENCY_S = 1e-12
SMALLEST_ENERGY_J = 1e-12
ENERGY_SCALE = 0.01
"""Relative spread taken for energy readings: meters sample, and round windows to samples."""

EXPECTED_SCALES = {Phase.PREFILL: 0.03, Phase.DECODE: 0.003, Phase.REQUEST: 0.006}
"""Relative spread of rows around a well fitted curve, before any of them is seen: prefill does
not quite repeat its tiles, decode steps are all alike."""

EXPECTED_SCALE_ROWS = 5.0
"""How many measured rows the expectation outweighs."""

ROWS_THAT_SHOW_NO_SCATTER = 2
"""A belief that two rows contradict is wrong; that they scatter is not yet to be said."""

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
    formulas: Formulas,
    weights: Weights,
    rows: FitRows,
    on_edge: bool,
    algebra: TorchAlgebra = ALGEBRA,
) -> dict[Phase, Tensor]:
    """Return each phase's latency in the rows, 0 where the row lacks it, ``(problems, rows)``."""
    evaluate = edge_latency_s if on_edge else source_latency_s
    return {
        phase: evaluate(algebra, formula, rows.workload, weights[phase]) * rows.includes[phase]
        for phase, formula in formulas.items()
    }


def total(latencies: Mapping[Phase, Tensor]) -> Tensor:
    """Return the sum over the phases."""
    return reduce(add, latencies.values())


def log_errors(
    formulas: Formulas,
    weights: Weights,
    rows: FitRows,
    on_edge: bool,
    algebra: TorchAlgebra = ALGEBRA,
) -> Tensor:
    """Return the logarithm of predicted over measured latency, ``(problems, rows)``."""
    predicted = total(phase_latencies_s(formulas, weights, rows, on_edge, algebra))
    return (predicted.clamp_min(SMALLEST_LATENCY_S) / rows.latency_s).log()


def energies_j(
    formulas: Formulas, weights: Weights, rows: FitRows, algebra: TorchAlgebra = ALGEBRA
) -> Tensor:
    """Return what the meter would read over each row's window, ``(problems, rows)``."""
    latencies = phase_latencies_s(formulas, weights, rows, True, algebra)
    energy = torch.zeros_like(rows.window_s)
    earlier_s = torch.zeros_like(rows.window_s)
    for phase, formula in formulas.items():
        latency_s = latencies[phase]
        if formula.head is not None:
            last = rows.ends_with(phase)
            left_s = torch.where(last, rows.window_s - earlier_s, latency_s)
            period_s = torch.where(last, rows.sample_period_s, 0.0)
            window = Window(left_s, period_s)
            bare_s = bare_latency_s(algebra, formula, rows.workload, weights[phase], latency_s)
            energy = energy + formula.head.window_energy_j(
                algebra, latency_s, bare_s * rows.includes[phase], window, weights[phase].head
            )
        earlier_s = earlier_s + latency_s
    return energy


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


def expected_scales(scattered: Tensor, side: Side, settled: bool) -> Tensor:
    """Return the expected spread of each row's kind, moved towards what the rows show.

    Args:
        scattered: Spread of the errors at a fit, ``(problems, rows)``.
        side: The rows and masks.
        settled: Whether that fit has seen the rows.
    """
    scales = torch.ones_like(scattered)
    for kind, rows in side.rows.pure.items():
        prior = torch.full_like(scattered, EXPECTED_SCALES[kind]).square() * EXPECTED_SCALE_ROWS
        spare = ((side.mask > 0) & rows).sum(dim=1, keepdim=True) - ROWS_THAT_SHOW_NO_SCATTER
        seen = spare.clamp_min(0) * float(settled)
        pooled = (prior + seen * scattered.square()) / (EXPECTED_SCALE_ROWS + seen)
        scales = torch.where(rows, pooled.sqrt(), scales)
    return scales


def energy_errors(
    formulas: Formulas, weights: Weights, rows: FitRows, algebra: TorchAlgebra = ALGEBRA
) -> Tensor:
    """Return the logarithm of predicted over read energy, 0 where none, ``(problems, rows)``."""
    known = ~rows.energy_j.isnan()
    measured = torch.where(known, rows.energy_j, 1.0)
    predicted = energies_j(formulas, weights, rows, algebra).clamp_min(SMALLEST_ENERGY_J)
    return torch.where(known, (predicted / measured).log(), 0.0)
