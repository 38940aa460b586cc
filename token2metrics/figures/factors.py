"""Fitted numbers over what was believed of them, with how far the belief reaches."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from msgspec import Struct

from token2metrics.figures.axes import logarithmic
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import SHORT, Row, layered
from token2metrics.figures.series import SERIES, colour, shape
from token2metrics.figures.style import INTERVAL, REFERENCE, WIDTH_PX

NAME, TITLE = "factors", "Calibration: fitted over believed"
ROW_PX = 13
"""Height of a factor of one model."""

LABEL_PX = 175
NARROWEST_RATIO, WIDEST_RATIO = 0.1, 10.0
"""Ratios beyond are drawn at the ends; their tooltips tell them."""


class Factored(Struct, frozen=True, kw_only=True):
    """A fitted number beside what it was compared with.

    Attributes:
        series: Model.
        phase: ``prefill`` or ``decode``.
        name: What it is.
        unit: Its unit; empty for a plain number.
        value: The number.
        reference: What was believed.
        reference_is: What that is, in words.
        ratio: Number over reference.
        lower: One spread of the belief below 1; None without one.
        upper: One spread above.
    """

    series: str
    phase: str
    name: str
    unit: str
    value: float | None
    reference: float | None
    reference_is: str
    ratio: float
    lower: float | None
    upper: float | None


def factors(found: Sequence[Factored]) -> Figure:
    """Draw fitted numbers over what was believed of them.

    Args:
        found: The numbers, at least one.
    """
    names = list(dict.fromkeys(one.series for one in found))
    rows = [_row(one) for one in found]
    labels = list(dict.fromkeys(str(row["factor"]) for row in rows))
    ends = [end for one in found for end in (one.ratio, one.lower, one.upper) if end is not None]
    axis = logarithmic([1.0, *(_within(end) for end in ends)])
    x = alt.X("ratio:Q", title="fitted over reference", **axis)
    y = alt.Y("factor:N", title=None, sort=labels, axis=alt.Axis(labelLimit=LABEL_PX, grid=True))
    offset = alt.YOffset(f"{SERIES}:N", sort=names)
    base = alt.Chart().encode(y=y, yOffset=offset, color=colour(names), tooltip=_tooltip())
    one = alt.Chart().mark_rule(style=REFERENCE).encode(x=alt.XDatum(1))
    spread = (
        base.transform_filter("isValid(datum.lower)")
        .mark_rule(style=INTERVAL)
        .encode(x=alt.X("lower:Q"), x2=alt.X2("upper:Q"))
    )
    points = base.mark_point(filled=True).encode(x=x, shape=shape(names))
    height_px = ROW_PX * (len(names) + 1) * len(labels)
    chart = layered(rows, one, spread, points).properties(width=WIDTH_PX, height=height_px)
    return Figure(NAME, TITLE, _words(found), chart)


def _words(found: Sequence[Factored]) -> str:
    """Say what points and lines are."""
    references = list(dict.fromkeys(one.reference_is for one in found))
    words = [f"At 1 a fitted number is its reference: {'; or '.join(references)}."]
    if any(one.lower is not None for one in found):
        words.append(
            "Thin lines reach one spread of the belief to either side; a point far outside its "
            "line was moved there by measurements that disagree with the belief."
        )
    return " ".join(words)


def _row(one: Factored) -> Row:
    """Return a point."""
    return {
        SERIES: one.series,
        "factor": f"{one.phase}: {one.name}",
        "ratio": _within(one.ratio),
        "lower": None if one.lower is None else _within(one.lower),
        "upper": None if one.upper is None else _within(one.upper),
        "value": one.value,
        "reference": one.reference,
        "unit": one.unit,
        "exact ratio": one.ratio,
    }


def _within(ratio: float) -> float:
    """Return a ratio that can be drawn."""
    return min(max(ratio, NARROWEST_RATIO), WIDEST_RATIO)


def _tooltip() -> list[alt.Tooltip]:
    """Return what is told of a point."""
    return [
        alt.Tooltip(f"{SERIES}:N"),
        alt.Tooltip("factor:N"),
        alt.Tooltip("exact ratio:Q", title="ratio", format=SHORT),
        alt.Tooltip("value:Q", title="fitted", format=SHORT),
        alt.Tooltip("reference:Q", format=SHORT),
        alt.Tooltip("unit:N"),
        alt.Tooltip("lower:Q", format=SHORT),
        alt.Tooltip("upper:Q", format=SHORT),
    ]
