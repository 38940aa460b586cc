"""A staircase on a piecewise linear trend: the rate may change with the length, smoothly."""

from __future__ import annotations

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import MAX_WEIGHT, Curve, Regularity, present
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

KNOTS_TOKENS = (0, 128, 256, 512, 1024, 1536, 2048, 2560, 3072, 3584, 4096, 8192, 16384)
"""Where the slope may change: denser than powers of two where devices slow down or heat up."""

DEFAULT_SMOOTHNESS = 0.3


class SplineCurve(Curve, frozen=True):
    """Non-negative slopes between knots (a monotone linear spline; Ramsay 1988).

    Prefill: a constant, whole tiles of 64, 128 and 256 tokens, and a slope per prompt token for
    every range between knots. Decode: attended keys and a slope per step for every range. Beyond
    the last knot the last slope goes on; where nothing was measured a slope is its neighbour's.

    Attributes:
        smoothness: Penalty on the differences of neighbouring slopes, relative to the latency.
    """

    smoothness: float = DEFAULT_SMOOTHNESS

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"smoothness": (0.0, MAX_WEIGHT)}

    def regularity(self) -> Regularity:
        """Return the penalty on the differences of neighbouring slopes."""
        slopes = tuple(_slope(start) for start in KNOTS_TOKENS)
        return Regularity(differences=self.smoothness, neighbours=slopes)

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return the tokens within each range, and the tiles or attended keys."""
        if self.phase is Phase.DECODE:
            return {
                "attended": workload.attended_tokens,
                **_ramps(algebra, workload.steps),
            }
        return {
            "intercept": present(workload.input_tokens),
            "tile": workload.tiles,
            "wide_tile": workload.wide_tiles,
            "widest_tile": workload.widest_tiles,
            **_ramps(algebra, workload.input_tokens),
        }


def _slope(start: int) -> str:
    """Name the slope of the range that begins at a knot."""
    return f"slope_from_{start}"


def _ramps(algebra: Algebra[T], tokens: T) -> dict[str, T]:
    """Return how many of the tokens lie in each range between knots."""
    beyond = [algebra.maximum(tokens - float(start), 0.0) for start in KNOTS_TOKENS]
    ramps = {
        _slope(start): here - further
        for start, here, further in zip(KNOTS_TOKENS, beyond, beyond[1:], strict=False)
    }
    return {**ramps, _slope(KNOTS_TOKENS[-1]): beyond[-1]}
