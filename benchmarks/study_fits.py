"""Pictures of what was fitted beside what was measured: the staircase and the meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from benchmarks.datasets import SHORT_NAMES
from benchmarks.study_base import Found
from benchmarks.study_energy import (
    ENERGY,
    ENERGY_SHOTS,
    LENGTH_LEFT_OUT,
    STATED,
    WINDOWLESS,
    Readings,
)
from benchmarks.study_energy import SHOWN_MODEL as METERED_MODEL
from benchmarks.study_energy import UNSTATED as METER_UNSTATED
from benchmarks.study_requests import NNLS, NOMINAL, UNTILED
from benchmarks.study_style import LINE, lines_with_points
from benchmarks.study_sweep import ALL_ROWS, SWEEP, SWEEP_SHOTS, Staircase
from benchmarks.tasks.energy import KNOWN_WINDOW
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import Row, inline, layered
from token2metrics.figures.series import SERIES, colour, dashed, shape
from token2metrics.figures.style import HEIGHT_PX, KNOWN, MEASURED
from token2metrics.vocabulary import Phase

WIDTH_PX = 400
DOT_AREA_PX = 40
TILES = {NOMINAL: "tiled", UNTILED: "not tiled", NNLS: "straight line (NNLS)"}
METERS = {
    STATED: "window and readings stated",
    METER_UNSTATED: "window stated",
    WINDOWLESS: "neither stated",
}
TOKENS, LATENCY_MS = "input tokens", "prefill latency / ms"
WINDOW_S, POWER_W = "window of the meter / s", "window energy over window / W"
PLACE, ERROR = "place", "MAPE / %"
COUNT_AND_MODEL = "split(datum.label, '|')"
"""The label of a place in two lines; a place is called ``5|1.5B|``."""


def staircase_figure(found: Found, shown: Staircase) -> Figure:
    """Draw the steps as measured and fitted, and the errors with and without them."""
    words = (
        "Left: grey dots are measured, the circled ones were known to the fits. "
        "Right: medians over draws of known rows; of all, the mean over rows left out."
    )
    rows = _error_rows(found, SWEEP, TILES, Phase.PREFILL, SWEEP_SHOTS, ALL_ROWS)
    title = "prefill sweep, 3 to 4,119 tokens"
    errors = _errors(rows, TILES, SWEEP_SHOTS, "known rows", title)
    return Figure("staircase", "Prefill is a staircase", words, alt.concat(_steps(shown), errors))


def meter_figure(found: Found, shown: Readings) -> Figure:
    """Draw what a meter reads of short answers, the fits of it, and the errors."""
    words = (
        "Left: grey dots are measured. "
        "Right: medians over draws of known cells; of all, the mean over lengths left out."
    )
    rows = _error_rows(found, ENERGY, METERS, KNOWN_WINDOW, ENERGY_SHOTS, LENGTH_LEFT_OUT)
    title = "energy over the meter's window"
    errors = _errors(rows, METERS, ENERGY_SHOTS, "known cells", title)
    return Figure("meter", "What a meter reads", words, alt.concat(_readings(shown), errors))


def _steps(shown: Staircase) -> alt.LayerChart:
    """Draw latencies over prompt tokens."""
    fitted: list[Row] = [
        {SERIES: label, TOKENS: float(tokens), LATENCY_MS: float(value)}
        for case, label in TILES.items()
        for tokens, value in zip(shown.tokens, shown.lines[case], strict=True)
    ]
    labels = list(TILES.values())
    lines = _over_tokens(fitted).mark_line()
    dots = _over_tokens(_pairs(*shown.measured)).mark_point(style=MEASURED)
    known = _over_tokens(_pairs(*shown.known)).mark_point(style=KNOWN)
    drawn = dashed(lines.encode(color=colour(labels)), labels)
    return _panel("8B, MMLU requests, 10 known", dots, drawn, known)


def _over_tokens(rows: Sequence[Row]) -> alt.Chart:
    """Return rows over prompt tokens."""
    base: alt.Chart = alt.Chart(inline(rows)).encode(x=f"{TOKENS}:Q", y=f"{LATENCY_MS}:Q")
    return base


def _pairs(tokens: Sequence[float], values: Sequence[float]) -> list[Row]:
    """Return latencies at prompt lengths."""
    return [
        {TOKENS: float(count), LATENCY_MS: float(value)}
        for count, value in zip(tokens, values, strict=True)
    ]


def _readings(shown: Readings) -> alt.LayerChart:
    """Draw mean power over the windows of a meter."""
    fitted: list[Row] = [
        {SERIES: label, WINDOW_S: float(window), POWER_W: float(value)}
        for case, label in METERS.items()
        for window, value in zip(shown.windows_s, shown.fitted_w[case], strict=True)
    ]
    measured: list[Row] = [
        {WINDOW_S: float(window), POWER_W: float(value)}
        for window, value in zip(shown.windows_s, shown.measured_w, strict=True)
    ]
    labels = list(METERS.values())
    dots = _over_windows(measured).mark_point(style=MEASURED, size=DOT_AREA_PX)
    points = _over_windows(fitted).mark_point()
    drawn = points.encode(color=colour(labels), shape=shape(labels))
    return _panel(f"{SHORT_NAMES[METERED_MODEL]}, decode of short answers", dots, drawn)


def _over_windows(rows: Sequence[Row]) -> alt.Chart:
    """Return rows over windows; few watts lie between them, so that the axis starts near."""
    y = alt.Y(f"{POWER_W}:Q", scale=alt.Scale(zero=False))
    base: alt.Chart = alt.Chart(inline(rows)).encode(x=f"{WINDOW_S}:Q", y=y)
    return base


def _error_rows(
    found: Found,
    study: str,
    cases: Mapping[str, str],
    part: str,
    counts: Sequence[int],
    averaged: int,
) -> list[Row]:
    """Return errors of every case and model: medians over draws, or the mean of all held out."""
    places = _places(counts)
    return [
        {
            SERIES: label,
            LINE: f"{label} {model}",
            PLACE: places[group * len(counts) + shots],
            ERROR: one.mean if one.count == averaged else one.median,
        }
        for case, label in cases.items()
        for group, model in enumerate(SHORT_NAMES)
        for shots, one in found.series(study, model, case, part, counts)
    ]


def _places(counts: Sequence[int]) -> list[str]:
    """Name each number of known rows of each model, models once."""
    middle = len(counts) // 2
    return [
        f"{count or 'all'}|{name if place == middle else ' '}|{name}"
        for name in SHORT_NAMES.values()
        for place, count in enumerate(counts)
    ]


def _errors(
    rows: Sequence[Row], cases: Mapping[str, str], counts: Sequence[int], known: str, title: str
) -> alt.LayerChart:
    """Draw errors over known rows, a group per model."""
    axis = alt.Axis(labelAngle=0, labelExpr=f"slice({COUNT_AND_MODEL}, 0, 2)")
    scale = alt.Scale(domain=_places(counts))
    base = alt.Chart().encode(
        x=alt.X(f"{PLACE}:O", title=known, axis=axis, scale=scale), y=f"{ERROR}:Q"
    )
    labels = list(cases.values())
    drawn = layered(rows, *lines_with_points(base, labels))
    return drawn.properties(width=WIDTH_PX, height=HEIGHT_PX, title=title)


def _panel(title: str, *layers: alt.Chart) -> alt.LayerChart:
    """Lay what is drawn into a panel."""
    panel: alt.LayerChart = alt.LayerChart(
        layer=list(layers), width=WIDTH_PX, height=HEIGHT_PX, title=title
    )
    return panel
