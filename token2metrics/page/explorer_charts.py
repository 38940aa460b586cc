"""The charts of the explorer, whose data the page fills in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from token2metrics.extras import needing
from token2metrics.figures.figure import Figure
from token2metrics.figures.style import BAND, DARK, DASHED, DASHES, LIGHT, REFERENCE

if TYPE_CHECKING:
    import altair as alt

    from token2metrics.figures.figure import Chart

CURVE, ASKED, LIMIT_DATA = "curve", "asked", "limit"
"""Data sets that ``assets/explorer/curves.js`` fills."""

HEIGHT_PX = 220
DARK_SCREEN = "@media screen and (prefers-color-scheme: dark)"
MARKS = "Lines are predictions and bands their intervals; the upright line is the chosen length"
ANSWERS, PROMPTS = "output tokens", "input tokens"


@dataclass(frozen=True, slots=True)
class ExplorerChart:
    """What a chart of the explorer shows.

    Attributes:
        name: Its name in ``assets/explorer/curves.js``.
        title: A few words above it.
        tokens: What its lengths count.
        value: What rises with them, with its unit.
    """

    name: str
    title: str
    tokens: str
    value: str


CHARTS = (
    ExplorerChart("answer_latency", "Latency by length of the answer", ANSWERS, "latency, s"),
    ExplorerChart("prompt_latency", "First token by length of the prompt", PROMPTS, "TTFT, s"),
    ExplorerChart("answer_energy", "Energy by length of the answer", ANSWERS, "energy, J"),
    ExplorerChart("answer_power", "Mean power by length of the answer", ANSWERS, "mean power, W"),
)


def explorer_figures() -> tuple[Figure, ...]:
    """Return the charts of the explorer without data.

    Raises:
        MissingExtraError: If the package that describes charts is not installed.
    """
    return tuple(
        Figure(one.name, one.title, f"{MARKS}, a dashed one a limit.", _chart(one))
        for one in CHARTS
    )


def _chart(one: ExplorerChart) -> Chart:
    """Return a chart: bands, lines, the chosen length and the limit."""
    with needing("drawing"):
        import altair as alt
    tokens = alt.X("tokens:Q").title(one.tokens).scale(zero=False, nice=False)
    value = alt.Y("value:Q").title(one.value).scale(zero=True)
    series = alt.Color("series:N").sort(None).legend(None)
    dashes = alt.StrokeDash("series:N").sort(None).legend(None).scale(range=list(DASHES))
    curve = alt.Chart(alt.NamedData(CURVE))
    asked = alt.Chart(alt.NamedData(ASKED)).mark_rule(style=REFERENCE, aria=False)
    limit = alt.Chart(alt.NamedData(LIMIT_DATA)).mark_rule(
        style=REFERENCE, strokeDash=list(DASHED), aria=False
    )
    return alt.layer(
        curve.mark_area(style=BAND, aria=False).encode(
            tokens, alt.Y("lower:Q"), alt.Y2("upper"), series
        ),
        curve.mark_line(aria=False).encode(tokens, value, series, dashes, tooltip=_tooltip(one)),
        asked.encode(alt.X("tokens:Q")),
        limit.encode(alt.Y("value:Q"), alt.Opacity("opacity:Q").scale(None).legend(None)),
    ).properties(height=HEIGHT_PX)


def series_style() -> str:
    """Return the colours of series as variables of a style sheet, light and dark."""
    light, dark = (_variables(scheme["range"]["category"]) for scheme in (LIGHT, DARK))
    return f":root {{ {light} }}\n{DARK_SCREEN} {{ :root {{ {dark} }} }}\n"


def _variables(colours: Sequence[str]) -> str:
    """Return colours as variables, by the place of their series."""
    return " ".join(f"--series-{place}: {one};" for place, one in enumerate(colours))


def _tooltip(one: ExplorerChart) -> list[alt.Tooltip]:
    """Return what a pointer over a line tells."""
    import altair as alt

    words = (("value", one.value), ("lower", "at least"), ("upper", "at most"))
    return [
        alt.Tooltip("series:N").title("model"),
        alt.Tooltip("tokens:Q").title(one.tokens).format(","),
        *(alt.Tooltip(f"{name}:Q").title(title).format(".3s") for name, title in words),
    ]
