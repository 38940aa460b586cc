"""Latency linear in tokens: a cost per prompt token, per decode step and per attended key."""

from __future__ import annotations

import math

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import MAX_WEIGHT, Curve, Regularity, present
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload


class LinearCurve(Curve, frozen=True):
    """Non-negative slopes.

    Prefill: ``intercept + token * I``. Decode: ``intercept + step * S + attended * A`` with
    ``S = O - 1`` steps and ``A = S I + S (S + 1) / 2`` attended keys; the decode intercept is
    paid once decoding starts.

    Attributes:
        fit_intercept: Whether there is an intercept.
        normalize: Whether ``l2`` counts slopes in shares of the latency rather than per token.
        l2: Ridge penalty on the weights of exact fits.
    """

    fit_intercept: bool = True
    normalize: bool = False
    l2: float = 0.0

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"l2": (0.0, MAX_WEIGHT)}

    def regularity(self) -> Regularity:
        """Return the configured penalty."""
        return Regularity(slopes=math.sqrt(self.l2), scaled=self.normalize)

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return ones, tokens and attended keys."""
        if self.phase is Phase.PREFILL:
            features = {"token": workload.input_tokens}
            intercept = present(workload.input_tokens)
        else:
            features = {"step": workload.steps, "attended": workload.attended_tokens}
            intercept = workload.started
        return {**features, "intercept": intercept} if self.fit_intercept else features
