"""A physical trend plus learned upward steps: an additive ensemble of monotone stumps."""

from __future__ import annotations

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import MAX_WEIGHT, Curve, CurveWeights, Regularity, present
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

MAX_STEPS = 4096


class TreeCurve(Curve, frozen=True):
    """Monotone boosted steps on a trend that continues outside the measured range.

    The trend of prefill is linear in tokens and in whole tiles of 64, 128 and 256, that of
    decode linear in steps and attended keys. Each learned step is a stump of non-negative
    height on one threshold: of ``input_tokens`` in prefill, of decode steps in decode.

    Attributes:
        max_steps: Most thresholds offered to the fit.
        shrinkage: Ridge penalty on the heights, relative to the latency.
    """

    max_steps: int = 256
    shrinkage: float = 0.02

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"max_steps": (1, MAX_STEPS), "shrinkage": (0.0, MAX_WEIGHT)}

    def regularity(self) -> Regularity:
        """Return the penalty on the heights of the steps."""
        return Regularity(steps=self.shrinkage, most_steps=self.max_steps)

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return the trend's features."""
        if self.phase is Phase.PREFILL:
            return {
                "intercept": present(workload.input_tokens),
                "token": workload.input_tokens,
                "tile": workload.tiles,
                "wide_tile": workload.wide_tiles,
                "widest_tile": workload.widest_tiles,
            }
        return {"step": workload.steps, "attended": workload.attended_tokens}

    def step_axis(self, workload: Workload[T]) -> T | None:
        """Return prompt tokens for prefill and decode steps for decode."""
        return workload.input_tokens if self.phase is Phase.PREFILL else workload.steps

    def term_names(self, algebra: Algebra[T], workload: Workload[T]) -> tuple[str, ...]:
        """Return the trend's parts and the steps."""
        return (*super().term_names(algebra, workload), "steps")

    def terms(
        self, algebra: Algebra[T], workload: Workload[T], weights: CurveWeights[T]
    ) -> dict[str, T]:
        """Return the trend's parts and the learned steps."""
        trend = super().terms(algebra, workload, weights)
        axis = self.step_axis(workload)
        if axis is None or weights.steps is None:
            raise ConfigurationError("expected a tree curve to come with its step table")
        return {**trend, "steps": algebra.staircase(axis, weights.steps)}
