"""The prefill staircase: latency over prompt tokens."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.figures.axes import logarithmic
from token2metrics.figures.figure import Figure
from token2metrics.figures.over_tokens import Quantities, TokenSeries, over_tokens, words_of
from token2metrics.workload import TILE_TOKENS

NAME, TITLE = "prefill-staircase", "Prefill over prompt tokens"
ROOM = 1.05
STAIRS = (
    f" Where a line climbs in steps, the device works on whole tiles of {TILE_TOKENS} tokens or "
    "more: a prompt just above a step pays for the whole next tile."
)


def staircase(models: Sequence[TokenSeries], confidence: float) -> Figure:
    """Draw prefill over prompt tokens.

    Args:
        models: The models; ``y`` in ms.
        confidence: Of the intervals.
    """
    lengths = [point.x for one in models for point in one.predicted]
    measured = [point.x for one in models for point in one.measured]
    axis = logarithmic([*lengths, *measured], ROOM)
    quantities = Quantities(x="prompt tokens", y="prefill", unit="ms", drawn=axis)
    words = words_of(models, confidence) + STAIRS
    return Figure(NAME, TITLE, words, over_tokens(models, quantities))
