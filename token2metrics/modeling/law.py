"""The law of a model's requests around its fit: coefficients, and what each latency tells of them.

Per phase, the coefficients are the free numbers of the weights, believed or weakly known before
any row, and the heights of the departures from the law.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import block_diag
from torch import Tensor

from token2metrics.modeling.candidates import Candidate
from token2metrics.modeling.departures import CLOCK_S, departure_features
from token2metrics.modeling.knowledge import Array, Knowledge, Views, summed
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.modeling.slopes import PhaseCurve
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of


@dataclass(frozen=True, slots=True)
class PhaseLaw:
    """One phase: its curve and what is known of it before any row of the model.

    Attributes:
        candidate: Family, source and calibration.
        curve: The curve at its fit.
        prior: Covariance of its coefficients, weights first, ``(coefficients, coefficients)``.
        scatter: Standard deviation of the logarithm of single latencies around the law.
    """

    candidate: Candidate
    curve: PhaseCurve
    prior: Array
    scatter: float

    def view(self, workload: Workload[Tensor], repeats: int, on_edge: bool = True) -> Views:
        """Return what latencies of requests tell of the phase's own coefficients.

        Args:
            workload: The requests.
            repeats: How often each is measured. That makes clocks surer; by how much a length is
                off the law it does not change.
            on_edge: Whether the device was measured, or the source.
        """
        phase = self.curve.phase
        works = (workload.steps > 0).numpy() | (phase is Phase.PREFILL)
        seen = self.curve.at(workload, on_edge)
        tokens = workload.input_tokens.numpy(), workload.steps.numpy() + 1.0
        departures = departure_features(phase, *tokens) * float(on_edge)
        slopes = np.concatenate([seen.slopes, departures], axis=1)
        clock = CLOCK_S[phase] / seen.latency_s
        noise = self.scatter**2 + clock**2 / repeats
        return Views(
            np.where(works[:, None], slopes, 0.0),
            np.where(works, noise, np.inf),
            np.where(works, seen.latency_s, 0.0),
        )


@dataclass(frozen=True, slots=True)
class Law:
    """Both phases of a model.

    Attributes:
        phases: Each phase.
        traffic: Shape of the model.
    """

    phases: Mapping[Phase, PhaseLaw]
    traffic: ModelTraffic[float]

    def prior(self) -> Knowledge:
        """Return what is known before any row of the source or the device."""
        blocks = [self.phases[phase].prior for phase in FITTED_PHASES]
        return Knowledge(np.asarray(block_diag(*blocks), dtype=np.float64))

    def views(self, tokens: Array, repeats: int = 1) -> dict[Phase, Views]:
        """Return what measured latencies of requests of this model tell, phase by phase.

        Args:
            tokens: Prompt and answer tokens, ``(requests, 2)``.
            repeats: How often each is measured.
        """
        return self._views(workload_at(tokens, self.traffic), repeats)

    def rows_view(self, rows: FitRows, on_edge: bool = True) -> Views:
        """Return what measured rows tell, each of the phases that it includes.

        Args:
            rows: The rows.
            on_edge: Whether they are of the device, or of the source.
        """
        parts = {}
        for phase, view in self._views(rows.workload, 1, on_edge).items():
            absent = rows.includes[phase].numpy() == 0.0
            parts[phase] = Views(
                view.slopes,
                np.where(absent, np.inf, view.noise),
                np.where(absent, 0.0, view.latency_s),
            )
        return summed(parts)

    def _views(
        self, workload: Workload[Tensor], repeats: int, on_edge: bool = True
    ) -> dict[Phase, Views]:
        """Return what latencies tell of all coefficients."""
        own = {p: self.phases[p].view(workload, repeats, on_edge) for p in FITTED_PHASES}
        widths = {phase: view.slopes.shape[1] for phase, view in own.items()}
        found, before = {}, 0
        for phase, view in own.items():
            slopes = np.zeros((len(view), sum(widths.values())))
            slopes[:, before : before + widths[phase]] = view.slopes
            found[phase] = Views(slopes, view.noise, view.latency_s)
            before += widths[phase]
        return found


def workload_at(tokens: Array, traffic: ModelTraffic[float]) -> Workload[Tensor]:
    """Return what requests ask of a model.

    Args:
        tokens: Prompt and answer tokens, ``(requests, 2)``.
        traffic: Its shape.
    """
    prompts, answers = (torch.tensor(lengths) for lengths in np.asarray(tokens, dtype=np.float64).T)

    def column(value: float) -> Tensor:
        return torch.full_like(prompts, value)

    shape = ModelTraffic(
        flop_per_token=column(traffic.flop_per_token),
        attention_flop=column(traffic.attention_flop),
        weight_bytes=column(traffic.weight_bytes),
        kv_bytes_per_token=column(traffic.kv_bytes_per_token),
        layers=column(traffic.layers),
    )
    return workload_of(ALGEBRA, prompts, answers, shape)
