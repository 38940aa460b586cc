"""A small monotone network that bends a linear trend."""

from __future__ import annotations

from typing import ClassVar

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import MAX_WEIGHT, Curve, CurveWeights, Parameter, present, total
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

LOG_TOKENS_SCALE = 10.0
"""Divides ``log1p(tokens)`` so that 22,000 tokens are about 1."""

MAX_AMPLITUDE = 2.0
"""Bounds how far one hidden unit can bend the trend: by a factor of e to the 4."""

MAX_HIDDEN = 16
INITIAL_AMPLITUDE = 0.02
INITIAL_SLOPE = 4.0
WIDE_SPREAD = 2.0
SLOPE_SPREAD = 0.5
"""Priors that keep a handful of rows from bending the trend at will."""


class MlpCurve(Curve, frozen=True):
    """``trend * exp(sum_k a_k (1 + tanh(b_k . z + c_k)))`` with ``a, b >= 0``.

    ``z`` are scaled logarithms of the token counts. The hyperbolic tangent saturates, so that
    the curve continues along its linear trend outside the measured range. A product of two
    non-negative functions that never fall never falls (Sill 1997, "Monotonic networks").

    Attributes:
        hidden: Hidden units.
    """

    hidden: int = 4
    linear_in_weights: ClassVar[bool] = False

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"hidden": (1, MAX_HIDDEN)}

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return the trend's features."""
        if self.phase is Phase.PREFILL:
            return {"intercept": present(workload.input_tokens), "token": workload.input_tokens}
        return {"step": workload.steps, "attended": workload.attended_tokens}

    def shape_parameters(self) -> tuple[Parameter, ...]:
        """Return amplitude, slopes and offset of each hidden unit, offsets spread evenly."""
        parameters: list[Parameter] = []
        for unit in range(self.hidden):
            offset = -INITIAL_SLOPE * (unit + 1) / (self.hidden + 1)
            parameters.append(
                Parameter(
                    f"amplitude_{unit}", INITIAL_AMPLITUDE, upper=MAX_AMPLITUDE, spread=WIDE_SPREAD
                )
            )
            parameters.append(
                Parameter(f"offset_{unit}", offset, lower=-MAX_WEIGHT, spread=WIDE_SPREAD)
            )
            parameters += [
                Parameter(f"slope_{axis}_{unit}", INITIAL_SLOPE, spread=SLOPE_SPREAD)
                for axis in self._axes()
            ]
        return tuple(parameters)

    def _axes(self) -> tuple[str, ...]:
        """Return the token counts the network sees."""
        return ("input",) if self.phase is Phase.PREFILL else ("input", "steps")

    def term_names(self, algebra: Algebra[T], workload: Workload[T]) -> tuple[str, ...]:
        """Return the only term."""
        return ("response",)

    def terms(
        self, algebra: Algebra[T], workload: Workload[T], weights: CurveWeights[T]
    ) -> dict[str, T]:
        """Return the bent trend as the only term."""
        counts = {"input": workload.input_tokens, "steps": workload.steps}
        log_tokens = {
            axis: algebra.constant(algebra.log1p(counts[axis]) / LOG_TOKENS_SCALE)
            for axis in self._axes()
        }
        bends = {}
        for unit in range(self.hidden):
            activation = weights.values[f"offset_{unit}"]
            for axis, value in log_tokens.items():
                activation = activation + weights.values[f"slope_{axis}_{unit}"] * value
            amplitude = weights.values[f"amplitude_{unit}"]
            bends[str(unit)] = amplitude * algebra.tanh(activation) + amplitude
        trend = total(super().terms(algebra, workload, weights))
        return {"response": trend * algebra.exp(total(bends))}
