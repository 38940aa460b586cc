"""Pictures of the statistics alone: errors over known requests, and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

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
    BLUE,
    GREEN,
    GREY,
    LINE_WIDTH,
    MARKER_SIZE,
    ORANGE,
    PURPLE,
    VERMILION,
    Look,
    draw_series,
    label_shots,
    legend_below,
    new_figure,
    percent_axis,
    save,
)
from benchmarks.tasks.pair import MODEL as SERVED_MODEL
from token2metrics.vocabulary import FITTED_PHASES, Phase

KNOWN_REQUESTS = "known requests K"
CONTENDER_LOOKS = {
    OTHERS: Look("ours, other models known", BLUE, "o"),
    NOMINAL: Look("ours, K requests alone", VERMILION, "s"),
    NNLS: Look("NNLS, K requests alone", GREEN, "^", "--"),
    LIGHTGBM: Look("LightGBM, K requests alone", GREY, "D", ":"),
}
BANDED = (OTHERS, NOMINAL)
PRIOR_LOOKS = {
    OTHERS: Look("other models known", BLUE, "o"),
    NOMINAL: Look("nominal figures", VERMILION, "s"),
    SERVER: Look("nominal figures and A100 curve", PURPLE, "D", "--"),
    UNSTATED: Look("nominal figures unstated", GREEN, "^"),
    SERVER_UNSTATED: Look("A100 curve, Orin's figures unstated", ORANGE, "v", "--"),
}
SHOT_LOOKS = {
    5: Look("K = 5", VERMILION, "s", "--"),
    10: Look("K = 10", GREEN, "^", "-."),
    20: Look("K = 20", BLUE, "o"),
}
LIMITS = {Phase.PREFILL: (0.3, 100.0), Phase.DECODE: (0.025, 10.0)}
TICKS = {Phase.PREFILL: (0.5, 1, 2, 5, 10, 20, 50), Phase.DECODE: (0.05, 0.1, 0.2, 0.5, 1, 2, 5)}
PRIOR_LIMITS = {"prefill": (0.5, 500.0), "total": (0.05, 200.0)}
PRIOR_TICKS = {"prefill": (0.5, 1, 2, 5, 10, 20, 50, 100, 200), "total": (0.1, 1, 10, 100)}


def draw_shots(found: Found, file: Path) -> None:
    """Draw errors over known requests: a row per phase, a column per model."""
    figure, axes = new_figure(len(FITTED_PHASES), len(SHORT_NAMES), (9.0, 5.6))
    panels = iter(axes)
    for phase in FITTED_PHASES:
        for model, name in SHORT_NAMES.items():
            panel = next(panels)
            percent_axis(panel, LIMITS[phase], TICKS[phase])
            for case, look in CONTENDER_LOOKS.items():
                series = found.series(REQUESTS, model, case, phase, SHOTS)
                draw_series(panel, series, look, band=case in BANDED)
            panel.set_title(f"{name} {phase}")
            label_shots(panel, SHOTS, KNOWN_REQUESTS)
            panel.set_ylabel("MAPE / %")
    legend_below(figure, axes, len(CONTENDER_LOOKS) // 2)
    save(figure, file)


def draw_priors(found: Found, file: Path) -> None:
    """Draw errors of one model over known requests by what else is known."""
    figure, axes = new_figure(1, len(PRIOR_LIMITS), (8.6, 4.0))
    for panel, (part, limits) in zip(axes, PRIOR_LIMITS.items(), strict=True):
        percent_axis(panel, limits, PRIOR_TICKS[part])
        for case, look in PRIOR_LOOKS.items():
            series = found.series(REQUESTS, SERVED_MODEL, case, part, PRIOR_SHOTS)
            draw_series(panel, series, look)
        panel.set_title(f"8B {part}")
        label_shots(panel, PRIOR_SHOTS, KNOWN_REQUESTS)
        panel.set_ylabel("MAPE / %")
    legend_below(figure, axes, 3)
    save(figure, file)


def draw_intervals(found: Found, file: Path) -> None:
    """Draw measured over nominal coverage by phase, mean over models, and the width."""
    figure, axes = new_figure(1, len(FITTED_PHASES) + 1, (10.0, 3.8))
    nominal = [PERCENT * confidence for confidence in CONFIDENCES]
    for panel, phase in zip(axes, FITTED_PHASES, strict=False):
        panel.plot(nominal, nominal, color=GREY, linewidth=1.0, label="ideal")
        for count, look in SHOT_LOOKS.items():
            measured = [mean_over_models(found, phase, "coverage", c, count) for c in CONFIDENCES]
            panel.plot(
                nominal,
                measured,
                color=look.colour,
                marker=look.marker,
                linestyle=look.line,
                linewidth=LINE_WIDTH,
                markersize=MARKER_SIZE,
                label=look.label,
            )
        panel.set(xlabel="nominal coverage / %", ylabel="measured coverage / %", title=phase)
        panel.set(xlim=(45, 101), ylim=(45, 101))
    _widths(axes[-1], found)
    legend_below(figure, axes[:-1], len(SHOT_LOOKS) + 1)
    save(figure, file)


def mean_over_models(found: Found, phase: Phase, what: str, confidence: float, count: int) -> float:
    """Return the mean over models of the mean over draws."""
    part = interval_part(phase, what, confidence)
    each = [found.get(REQUESTS, model, OTHERS, count, part) for model in SHORT_NAMES]
    known = [one.mean for one in each if one is not None]
    return sum(known) / len(known) if known else float("nan")


def _widths(panel: Axes, found: Found) -> None:
    """Draw the width of 90 % intervals over known requests."""
    looks: Sequence[tuple[str, str]] = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"))
    percent_axis(panel, (0.1, 30.0), (0.1, 0.2, 0.5, 1, 2, 5, 10, 20))
    for (model, name), (colour, marker) in zip(SHORT_NAMES.items(), looks, strict=True):
        for phase in FITTED_PHASES:
            part = interval_part(phase, "width", 0.9)
            series = found.series(REQUESTS, model, OTHERS, part, INTERVAL_SHOTS)
            dashed = "--" if phase is Phase.DECODE else "-"
            draw_series(panel, series, Look(f"{name} {phase}", colour, marker, dashed))
    label_shots(panel, INTERVAL_SHOTS, KNOWN_REQUESTS)
    panel.set(ylabel="full width / % of prediction", title="90 % intervals")
    panel.legend(frameon=False, fontsize="x-small", ncols=2)
