"""Pictures of the statistics alone: errors over known requests, and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import altair as alt

from benchmarks.datasets import SHORT_NAMES
from benchmarks.protocol import PERCENT
from benchmarks.study_base import Found
from benchmarks.study_requests import (
    CONFIDENCES,
    INTERVAL_SHOTS,
    LIGHTGBM,
    NNLS,
    NOMINAL,
    OTHERS,
    PRIOR_SHOTS,
    REQUESTS,
    SERVER,
    SERVER_UNSTATED,
    SHOTS,
    UNSTATED,
    interval_part,
)
from benchmarks.study_style import (
    LINE,
    MEDIAN,
    bands,
    known_rows,
    lines_with_points,
    percents,
    rows_of,
)
from benchmarks.tasks.pair import MODEL as SERVED_MODEL
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import Row, layered
from token2metrics.figures.series import SERIES
from token2metrics.figures.style import PANEL_HEIGHT_PX, PANEL_WIDTH_PX, REFERENCE
from token2metrics.vocabulary import FITTED_PHASES, Phase

CONTENDERS = {
    OTHERS: "ours, other models known",
    NOMINAL: "ours, K requests alone",
    NNLS: "NNLS, K requests alone",
    LIGHTGBM: "LightGBM, K requests alone",
}
BANDED = (CONTENDERS[OTHERS], CONTENDERS[NOMINAL])
PRIORS = {
    OTHERS: "other models known",
    NOMINAL: "nominal figures",
    SERVER: "nominal figures and A100 curve",
    UNSTATED: "nominal figures unstated",
    SERVER_UNSTATED: "A100 curve, Orin's figures unstated",
}
INTERVALS = {count: f"K = {count}" for count in (5, 10, 20)}
LIMITS = {Phase.PREFILL: (0.3, 100.0), Phase.DECODE: (0.025, 10.0)}
TICKS = {
    Phase.PREFILL: (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
    Phase.DECODE: (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
}
PRIOR_LIMITS = {"prefill": (0.5, 500.0), "total": (0.05, 200.0)}
PRIOR_TICKS = {
    "prefill": (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0),
    "total": (0.1, 1.0, 10.0, 100.0),
}
COVERAGES = (45.0, 101.0)
WIDTHS, WIDTH_TICKS = (0.1, 30.0), (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
WIDTH_CONFIDENCE = 0.9
NOMINAL_COVERAGE = "nominal"
MAPE = "MAPE / %"
MEDIANS = "Medians over random draws of the known requests"


def shots_figure(found: Found) -> Figure:
    """Draw errors over known requests: a row per phase, a column per model."""
    names = [str(count) for count in SHOTS]
    panels = [
        _errors(
            _of_requests(found, model, CONTENDERS, phase, SHOTS),
            list(CONTENDERS.values()),
            (names, f"{name} {phase}"),
            (LIMITS[phase], TICKS[phase]),
            BANDED,
        )
        for phase in FITTED_PHASES
        for model, name in SHORT_NAMES.items()
    ]
    words = f"{MEDIANS}; the bands hold the middle four fifths."
    chart = alt.concat(*panels, columns=len(SHORT_NAMES))
    return Figure("shots", "Errors over known requests", words, chart)


def priors_figure(found: Found) -> Figure:
    """Draw errors of one model over known requests by what else is known."""
    names = [str(count) for count in PRIOR_SHOTS]
    panels = [
        _errors(
            _of_requests(found, SERVED_MODEL, PRIORS, part, PRIOR_SHOTS),
            list(PRIORS.values()),
            (names, f"8B {part}"),
            (limits, PRIOR_TICKS[part]),
        )
        for part, limits in PRIOR_LIMITS.items()
    ]
    words = f"{MEDIANS}, by what is known beside them."
    return Figure("priors", "What else is known", words, alt.concat(*panels))


def intervals_figure(found: Found) -> Figure:
    """Draw measured over nominal coverage by phase, mean over models, and the width."""
    coverages = alt.concat(*(_coverage(found, phase) for phase in FITTED_PHASES))
    chart = alt.concat(coverages, _widths(found)).resolve_scale(
        color="independent", shape="independent", strokeDash="independent"
    )
    words = "On the grey line as many rows lie in an interval as it promises."
    return Figure("intervals", "Coverage and width of intervals", words, chart)


def _of_requests(
    found: Found, model: str, cases: Mapping[str, str], part: str, shots: Sequence[int]
) -> list[Row]:
    """Return the errors of every case over known requests."""
    names = [str(count) for count in shots]
    return [
        row
        for case, label in cases.items()
        for row in rows_of(label, found.series(REQUESTS, model, case, part, shots), names)
    ]


def _errors(
    rows: Sequence[Row],
    labels: Sequence[str],
    titles: tuple[Sequence[str], str],
    axis: tuple[tuple[float, float], Sequence[float]],
    banded: Sequence[str] = (),
    y_title: str = MAPE,
) -> alt.LayerChart:
    """Draw errors over known requests.

    Args:
        rows: As ``rows_of`` has them.
        labels: Series in their order.
        titles: Names on the axis, and the title of the panel.
        axis: Limits and ticks, in percent.
        banded: Series whose middle four fifths are drawn.
        y_title: Title of the axis.
    """
    names, title = titles
    y = alt.Y(f"{MEDIAN}:Q", title=y_title, **percents(*axis))
    base = alt.Chart().encode(x=known_rows(names), y=y)
    areas = [bands(base, labels, banded)] if banded else []
    return layered(rows, *areas, *lines_with_points(base, labels)).properties(
        width=PANEL_WIDTH_PX, height=PANEL_HEIGHT_PX, title=title
    )


def mean_over_models(found: Found, phase: Phase, what: str, confidence: float, count: int) -> float:
    """Return the mean over models of the mean over draws."""
    part = interval_part(phase, what, confidence)
    each = [found.get(REQUESTS, model, OTHERS, count, part) for model in SHORT_NAMES]
    known = [one.mean for one in each if one is not None]
    return sum(known) / len(known) if known else float("nan")


def _coverage(found: Found, phase: Phase) -> alt.LayerChart:
    """Draw measured over nominal coverage of a phase."""
    rows: list[Row] = [
        {
            SERIES: label,
            LINE: label,
            NOMINAL_COVERAGE: PERCENT * confidence,
            MEDIAN: mean_over_models(found, phase, "coverage", confidence, count),
        }
        for count, label in INTERVALS.items()
        for confidence in CONFIDENCES
    ]
    scale = alt.Scale(domain=list(COVERAGES), nice=False)
    base = alt.Chart().encode(
        x=alt.X(f"{NOMINAL_COVERAGE}:Q", title="nominal coverage / %", scale=scale),
        y=alt.Y(f"{MEDIAN}:Q", title="measured coverage / %", scale=scale),
    )
    low, high = COVERAGES
    starts = {"x": alt.XDatum(low, scale=scale), "y": alt.YDatum(low, scale=scale)}
    ends = {"x2": alt.X2Datum(high), "y2": alt.Y2Datum(high)}
    ideal = alt.Chart().mark_rule(style=REFERENCE).encode(**starts, **ends)
    return layered(rows, ideal, *lines_with_points(base, list(INTERVALS.values()))).properties(
        width=PANEL_HEIGHT_PX, height=PANEL_HEIGHT_PX, title=str(phase)
    )


def _widths(found: Found) -> alt.LayerChart:
    """Draw the width of 90 % intervals over known requests."""
    names = [str(count) for count in INTERVAL_SHOTS]
    rows = list(_width_rows(found, names))
    labels = list(dict.fromkeys(str(row[SERIES]) for row in rows))
    return _errors(
        rows,
        labels,
        (names, f"{WIDTH_CONFIDENCE:.0%} intervals"),
        (WIDTHS, WIDTH_TICKS),
        y_title="full width / % of prediction",
    )


def _width_rows(found: Found, names: Sequence[str]) -> Iterator[Row]:
    """Yield the widths of every model and phase."""
    for phase in FITTED_PHASES:
        part = interval_part(phase, "width", WIDTH_CONFIDENCE)
        for model, name in SHORT_NAMES.items():
            series = found.series(REQUESTS, model, OTHERS, part, INTERVAL_SHOTS)
            yield from rows_of(f"{name} {phase}", series, names)
