"""Measured rows as tensors, with the workload each of them asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from msgspec.structs import asdict
from torch import Tensor

from token2metrics.algebra import FloatAlgebra
from token2metrics.architecture import Architecture
from token2metrics.modeling.torch_algebra import TorchAlgebra
from token2metrics.processors.batch import Measurements
from token2metrics.vocabulary import Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of

ALGEBRA = TorchAlgebra()
FLOATS = FloatAlgebra()


def traffic_of(architecture: Architecture, weight_bytes: float) -> ModelTraffic[float]:
    """Return the arithmetic and memory traffic of a model's shape.

    Args:
        architecture: The shape.
        weight_bytes: Bytes of weights one decode step reads; nothing else depends on precision.
    """
    return ModelTraffic(
        flop_per_token=architecture.flop_per_token,
        attention_flop=architecture.attention_flop_per_square_token,
        weight_bytes=weight_bytes,
        kv_bytes_per_token=architecture.kv_bytes_per_token,
        layers=float(architecture.layers),
    )


@dataclass(frozen=True, slots=True)
class FitRows:
    """Measurements of one side, source or edge, ready to be fitted.

    Attributes:
        workload: What each row asked, fields ``(rows,)``.
        includes: For each phase, 1 where the row's latency includes it, ``(rows,)``.
        latency_s: Measured seconds, ``(rows,)``.
        energy_j: Measured joules over the window, nan where not measured, ``(rows,)``.
        window_s: Length of the energy window in seconds, ``(rows,)``.
        sample_period_s: Seconds between the meter's readings, 0 if continuous, ``(rows,)``.
        campaigns: Data set of each row.
    """

    workload: Workload[Tensor]
    includes: Mapping[Phase, Tensor]
    latency_s: Tensor
    energy_j: Tensor
    window_s: Tensor
    sample_period_s: Tensor
    campaigns: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.latency_s)

    def map(self, change: Callable[[Tensor], Tensor]) -> FitRows:
        """Return the rows with every tensor changed."""
        asked = self.workload
        shape = {name: change(value) for name, value in asdict(asked.traffic).items()}
        counts = {name: change(value) for name, value in asdict(asked).items() if name != "traffic"}
        return replace(
            self,
            workload=Workload(traffic=ModelTraffic(**shape), **counts),
            includes={phase: change(present) for phase, present in self.includes.items()},
            latency_s=change(self.latency_s),
            energy_j=change(self.energy_j),
            window_s=change(self.window_s),
            sample_period_s=change(self.sample_period_s),
        )

    @property
    def pure(self) -> dict[Phase, Tensor]:
        """Rows whose latency is one phase alone, and whole requests, as masks ``(rows,)``."""
        prefill, decode = (self.includes[p] > 0 for p in (Phase.PREFILL, Phase.DECODE))
        return {
            Phase.PREFILL: prefill & ~decode,
            Phase.DECODE: decode & ~prefill,
            Phase.REQUEST: prefill & decode,
        }

    def ends_with(self, phase: Phase) -> Tensor:
        """Return whether a phase is the last one in a row's latency, ``(rows,)``."""
        decode = self.includes[Phase.DECODE] > 0
        return decode if phase is Phase.DECODE else ~decode

    def measures(self, phase: Phase) -> bool:
        """Return whether any row's latency includes the phase."""
        return bool((self.includes[phase] > 0).any())

    @property
    def settings(self) -> np.ndarray:
        """Token settings, ``(rows, 2)``: what splits keep together.

        A row of prefill alone is its prompt; the answer has no part in its latency.
        """
        steps = (self.workload.steps * self.includes[Phase.DECODE]).numpy()
        return np.stack([self.workload.input_tokens.numpy(), steps], axis=1)


def fit_rows(
    measurements: Measurements, traffic: Mapping[str, ModelTraffic[float]]
) -> FitRows | None:
    """Turn measurements into tensors; None when there are none.

    Args:
        measurements: Rows of one side.
        traffic: Shape of every model that occurs in them.
    """
    if not len(measurements):
        return None

    def column(name: str) -> Tensor:
        return tensor(np.array([getattr(traffic[model], name) for model in measurements.model]))

    shapes = ModelTraffic(
        flop_per_token=column("flop_per_token"),
        attention_flop=column("attention_flop"),
        weight_bytes=column("weight_bytes"),
        kv_bytes_per_token=column("kv_bytes_per_token"),
        layers=column("layers"),
    )
    return FitRows(
        workload=workload_of(
            ALGEBRA, tensor(measurements.input_tokens), tensor(measurements.output_tokens), shapes
        ),
        includes={
            Phase.PREFILL: tensor(measurements.in_prefill),
            Phase.DECODE: tensor(measurements.in_decode),
        },
        latency_s=tensor(measurements.latency_s),
        energy_j=tensor(measurements.energy_j),
        window_s=tensor(measurements.energy_window_s),
        sample_period_s=tensor(measurements.sample_period_s),
        campaigns=measurements.source,
    )


def tensor(values: np.ndarray) -> Tensor:
    """Return a float64 tensor that owns its memory."""
    return torch.tensor(np.asarray(values, dtype=np.float64), dtype=torch.float64)
