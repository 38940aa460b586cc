"""Errors over tokens: by how much predictions are off, and whether that depends on the length."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from msgspec import Struct

from token2metrics.figures.axes import logarithmic
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import (
    IS_HELD_OUT,
    SHORT,
    Row,
    hollow_and_filled,
    layered,
    standing,
)
from token2metrics.figures.series import SERIES
from token2metrics.figures.style import (
    PANEL_HEIGHT_PX,
    PANEL_WIDTH_PX,
    PANELS_ACROSS,
    REFERENCE,
)
from token2metrics.vocabulary import Phase

NAME, TITLE = "residuals", "Errors of latency over tokens"
LENGTHS = {
    Phase.PREFILL: "prompt tokens",
    Phase.DECODE: "output tokens",
    Phase.REQUEST: "prompt and output tokens",
}
"""What the errors of a phase are drawn over."""

ROOM = 1.2
"""Room above and below the largest error, so that zero lies in the middle."""

SMALLEST_REACH_PERCENT = 1.0
SIGNED = "+,~r"
"""Numbers with their sign, as people write them."""


class Residual(Struct, frozen=True, kw_only=True):
    """The error of a prediction.

    Attributes:
        series: Model.
        phase: ``prefill``, ``decode`` or ``request``.
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
        percent: Predicted over measured latency less one; above 0 predicts too much.
        seen: Whether the fit that predicts saw the row; None where nobody can tell.
    """

    series: str
    phase: Phase
    input_tokens: int
    output_tokens: int
    percent: float
    seen: bool | None


def residuals(found: Sequence[Residual]) -> Figure:
    """Draw errors over tokens, a panel for each phase.

    Args:
        found: The errors, at least one.
    """
    names = list(dict.fromkeys(one.series for one in found))
    panels = [
        _panel(own, names, phase)
        for phase in Phase
        if (own := [one for one in found if one.phase is phase])
    ]
    chart = alt.concat(*panels, columns=min(len(panels), PANELS_ACROSS))
    return Figure(NAME, TITLE, _words(found), chart)


def _words(found: Sequence[Residual]) -> str:
    """Say what the points are."""
    words = ["Above the line too much is predicted, below it too little."]
    seen = {one.seen for one in found}
    if seen == {False}:
        words.append("Every row is predicted by a fit that had not seen it.")
    elif False not in seen:
        words.append("All rows may have been seen by the fit, so such errors flatter it.")
    else:
        words.append("Filled points are predictions by a fit that had not seen the row.")
    words.append("A good fit scatters evenly; a slope or a bend is something it does not know.")
    return " ".join(words)


def _panel(own: Sequence[Residual], names: Sequence[str], phase: Phase) -> alt.LayerChart:
    """Draw one panel."""
    rows = [_row(one) for one in own]
    reach = max(SMALLEST_REACH_PERCENT, *(abs(one.percent) for one in own)) * ROOM
    zero = alt.Chart().mark_rule(style=REFERENCE).encode(y=alt.YDatum(0))
    axis = logarithmic([_length(one) for one in own])
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    base = alt.Chart().encode(
        x=alt.X("length:Q", title=LENGTHS[phase], **axis),
        y=alt.Y("percent:Q", title="error / %", scale=scale, axis=alt.Axis(format=SIGNED)),
        tooltip=_tooltip(),
    )
    points = hollow_and_filled(names, IS_HELD_OUT, base)
    panel = layered(rows, zero, *points)
    return panel.properties(width=PANEL_WIDTH_PX, height=PANEL_HEIGHT_PX, title=str(phase))


def _length(one: Residual) -> float:
    """Return the tokens that an error is drawn over, at least one."""
    match one.phase:
        case Phase.PREFILL:
            tokens = one.input_tokens
        case Phase.DECODE:
            tokens = one.output_tokens
        case _:
            tokens = one.input_tokens + one.output_tokens
    return float(max(tokens, 1))


def _row(one: Residual) -> Row:
    """Return a point."""
    return {
        SERIES: one.series,
        "row": standing(one.seen),
        "length": _length(one),
        "percent": one.percent,
        "input tokens": one.input_tokens,
        "output tokens": one.output_tokens,
    }


def _tooltip() -> list[alt.Tooltip]:
    """Return what is told of a point."""
    return [
        alt.Tooltip(f"{SERIES}:N"),
        alt.Tooltip("row:N"),
        alt.Tooltip("input tokens:Q", format=","),
        alt.Tooltip("output tokens:Q", format=","),
        alt.Tooltip("percent:Q", title="error / %", format=f"+{SHORT}"),
    ]
