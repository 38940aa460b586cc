"""Power heads: where they start, and how they carry over to a model nobody metered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from scipy.optimize import nnls
from torch import Tensor

from token2metrics.artifact.manifest import MeterRecord
from token2metrics.config import HardwareConfig
from token2metrics.heads import LOAD_SHARE, UNLIMITED_POWER_W, PowerHead
from token2metrics.modeling.rows import FitRows
from token2metrics.parallel import ParallelSamples
from token2metrics.vocabulary import FITTED_PHASES, Phase

SMALLEST_SHARE = 0.02
LARGEST_SHARE = 0.98
EXPECTED_PAD_PERIODS = 1.0
EXPECTED_PAD_ROWS = 0.25
"""How long a sampler is expected to outlast the work, and how many rows that counts like."""

SHARE_SPREAD = 0.02
"""By how much steady powers of one device stray from the line, relatively."""

BASE_SPREAD = 0.1
"""How much of the power range work may cost beside the bytes it moves."""


@dataclass(frozen=True, slots=True)
class MeteredModel:
    """A model whose decode power was measured on the device.

    Attributes:
        bytes_per_s: Weight bytes per second of a decode step without context.
        weights: Weights of its power head.
    """

    bytes_per_s: float
    weights: Mapping[str, float]


def build_head(hardware: HardwareConfig) -> PowerHead:
    """Build the power head of a device."""
    return PowerHead(hardware.idle_power_w, hardware.power_limit_w or UNLIMITED_POWER_W)


def build_samples(hardware: HardwareConfig) -> ParallelSamples:
    """Build the form in which several samples share a device."""
    head = build_head(hardware)
    return ParallelSamples(head.idle_power_w, head.power_limit_w)


def expecting(head: PowerHead, known: Mapping[str, Tensor]) -> PowerHead:
    """Return a head whose ramp, saving and tail are expected to be those known elsewhere.

    Its steady power is not: it changes with the clocks, and one metered row tells it.

    Args:
        head: The head.
        known: Weights of another one, the first problem of a batch each.
    """
    carried = ((name, float(value[0, 0])) for name, value in known.items() if name != LOAD_SHARE)
    return replace(head, expected=tuple(carried))


def measured_heads(rows: FitRows | None, hardware: HardwareConfig) -> dict[Phase, PowerHead]:
    """Return a head for each phase that some row with energy includes."""
    if rows is None:
        return {}
    metered = ~rows.energy_j.isnan()
    return {
        phase: build_head(hardware)
        for phase in FITTED_PHASES
        if bool((metered & (rows.includes[phase] > 0)).any())
    }


def head_warnings(rows: FitRows | None, hardware: HardwareConfig) -> tuple[str, ...]:
    """Say when the metered power lies outside what the device is configured to draw."""
    if rows is None or bool(rows.energy_j.isnan().all()):
        return ()
    head = build_head(hardware)
    power_w = float((rows.energy_j / rows.window_s).nanmedian())
    if head.idle_power_w < power_w < head.power_limit_w:
        return ()
    return (
        f"the median metered power, {power_w:.3g} W, is not between idle_power_w "
        f"{head.idle_power_w:g} and power_limit_w {head.power_limit_w:g} of {hardware.name}; "
        "predicted power stays within them: correct the configuration or the units",
    )


def initial_load_share(rows: FitRows, phase: Phase, head: PowerHead) -> float:
    """Return the share of the power range that the median metered row draws."""
    chosen = ~rows.energy_j.isnan() & (rows.includes[phase] > 0)
    power_w = float((rows.energy_j / rows.window_s)[chosen].median())
    share = (power_w - head.idle_power_w) / (head.power_limit_w - head.idle_power_w)
    return min(max(share, SMALLEST_SHARE), LARGEST_SHARE)


def meter_of(rows: FitRows | None, phase: Phase) -> MeterRecord:
    """Describe how the rows of a phase were metered.

    The mean pad is shrunk towards what a sampler that stops at its first reading after the work
    is expected to add.
    """
    if rows is None:
        return MeterRecord(period_s=0.0, pad_s=0.0)
    metered = ~rows.energy_j.isnan() & (rows.includes[phase] > 0)
    period_s = float(rows.sample_period_s[metered].median())
    pads_s = (rows.window_s - rows.latency_s)[metered].clamp_min(0.0)
    expected_s = EXPECTED_PAD_ROWS * EXPECTED_PAD_PERIODS * period_s
    pad_s = (float(pads_s.sum()) + expected_s) / (len(pads_s) + EXPECTED_PAD_ROWS)
    return MeterRecord(period_s=period_s, pad_s=pad_s)


def carry_head(
    head: PowerHead, metered: Sequence[MeteredModel], bytes_per_s: float
) -> dict[str, float]:
    """Predict the decode power head of a model from the others on its device.

    Steady power above idle is ``base + energy_per_byte * bytes_per_s``, fitted with
    non-negative least squares in which little of it is base; the ramp is the mean of the others'.

    Args:
        head: The device's head.
        metered: At least one model with measured decode power.
        bytes_per_s: Weight bytes per second of the new model's decode.
    """
    shares = np.array([model.weights[LOAD_SHARE] for model in metered])
    rates = np.array([model.bytes_per_s for model in metered])
    scale = rates.max() or 1.0
    measured = np.stack([np.ones_like(rates), rates / scale], axis=1) / shares[:, None]
    matrix = np.vstack([measured / SHARE_SPREAD, [1.0 / BASE_SPREAD, 0.0]])
    base, slope = nnls(matrix, np.append(np.full_like(shares, 1.0 / SHARE_SPREAD), 0.0))[0]
    share = base + slope * bytes_per_s / scale
    averaged = {
        parameter.name: float(np.mean([model.weights[parameter.name] for model in metered]))
        for parameter in head.parameters()
    }
    return {**averaged, LOAD_SHARE: float(min(max(share, 0.0), 1.0))}
