"""The forecast most rivals give: one curve per phase and metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from token2metrics.bench.contender import Array, Forecast
from token2metrics.vocabulary import FITTED_PHASES, Phase

Curve = Callable[[Array, Array], Array]
"""Input and output tokens to seconds or joules, all ``(rows,)``."""

Curves = Mapping[Phase, Curve]


@dataclass(frozen=True, slots=True)
class CurveForecast(Forecast):
    """Curves of the phases a rival has a say in; a request without one is the sum of both phases.

    Attributes:
        latency: Seconds by phase.
        energy: Joules by phase.
        remarks: Where it has no say and why, and what else its numbers need.
    """

    latency: Curves
    energy: Curves = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def latency_s(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the latency of a phase in seconds; None where it has no say."""
        return _value(self.latency, phase, input_tokens, output_tokens)

    def energy_j(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the energy of a phase in joules; None where it has no say."""
        return _value(self.energy, phase, input_tokens, output_tokens)


def _value(curves: Curves, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
    """Return the value of a phase's curve, or of the sum for a request without one."""
    if phase in curves:
        return curves[phase](input_tokens, output_tokens)
    if phase is not Phase.REQUEST or any(part not in curves for part in FITTED_PHASES):
        return None
    prefill, decode = (curves[part](input_tokens, output_tokens) for part in FITTED_PHASES)
    return prefill + decode


def too_few(phase: Phase, coefficients: int, metric: str = "latency") -> str:
    """Say that a phase has fewer rows than a form has coefficients."""
    noun = "row" if coefficients == 1 else "rows"
    return f"{metric} of {phase} needs {coefficients} {noun}, one per coefficient"
