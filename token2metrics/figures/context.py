"""Decode against context: the time per output token while the context grows."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from token2metrics.figures.axes import linear
from token2metrics.figures.figure import Figure
from token2metrics.figures.over_tokens import Quantities, TokenSeries, over_tokens, words_of

NAME, TITLE = "decode-context", "Time per output token over context"
CONTEXT = (
    " The context of an answer grows while it is generated; its mean length counts: the prompt and "
    "half of the answer. Lines rise as the cache that every token reads grows."
)


def decode_context(models: Sequence[TokenSeries], confidence: float) -> Figure:
    """Draw the time per output token over the mean length of the context.

    Args:
        models: The models; ``y`` in ms.
        confidence: Of the intervals.
    """
    reach = max(
        [
            *(point.x for one in models for point in one.predicted),
            *(point.x for one in models for point in one.measured),
        ]
    )
    axis = linear(from_zero=True)
    axis["scale"] = alt.Scale(domain=[0.0, reach], nice=True)
    words = words_of(models, confidence) + CONTEXT
    quantities = Quantities(
        x="mean context / tokens", y="time per output token", unit="ms", drawn=axis
    )
    return Figure(NAME, TITLE, words, over_tokens(models, quantities))
