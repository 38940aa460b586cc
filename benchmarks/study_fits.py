"""Pictures of what was fitted beside what was measured: the staircase and the meter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.datasets import SHORT_NAMES
from benchmarks.study_base import Found
from benchmarks.study_energy import CASES as METER_CASES
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
from benchmarks.study_style import (
    BLUE,
    GREEN,
    LINE_WIDTH,
    MARKER_SIZE,
    MEASURED,
    VERMILION,
    Look,
    new_figure,
    save,
)
from benchmarks.study_sweep import ALL_ROWS, SWEEP, SWEEP_SHOTS, Staircase
from benchmarks.tasks.energy import KNOWN_WINDOW
from token2metrics.vocabulary import Phase

DOT_AREA = 7.0
KNOWN_AREA = 34.0
TILE_LOOKS = {
    NOMINAL: Look("tiled", BLUE, "o"),
    UNTILED: Look("not tiled", VERMILION, "s", "--"),
    NNLS: Look("straight line (NNLS)", GREEN, "^", ":"),
}
METER_LOOKS = {
    STATED: Look("window and readings stated", BLUE, "o"),
    METER_UNSTATED: Look("window stated", VERMILION, "s", "--"),
    WINDOWLESS: Look("neither stated", GREEN, "^", ":"),
}


def draw_staircase(found: Found, shown: Staircase, file: Path) -> None:
    """Draw the steps as measured and fitted, and the errors with and without them."""
    figure, (steps, errors) = new_figure(1, 2, (9.0, 3.9))
    steps.scatter(
        shown.measured[0],
        shown.measured[1],
        s=DOT_AREA,
        color=MEASURED,
        linewidths=0,
        label="measured",
    )
    for case, look in TILE_LOOKS.items():
        steps.plot(
            shown.tokens,
            shown.lines[case],
            color=look.colour,
            linestyle=look.line,
            linewidth=LINE_WIDTH,
            label=f"{look.label}, 10 requests known",
        )
    steps.scatter(
        shown.known[0],
        shown.known[1],
        s=KNOWN_AREA,
        facecolors="none",
        edgecolors="k",
        label="known",
    )
    steps.set(xlabel="input tokens", ylabel="prefill latency / ms", title="8B, MMLU requests")
    steps.legend(frameon=False, fontsize="small")
    for case, look in TILE_LOOKS.items():
        for place, model in enumerate(SHORT_NAMES):
            _tile_errors(errors, found, case, look, place, model)
    names = _grouped([_shots(count) for count in SWEEP_SHOTS])
    errors.set_xticks(range(len(names)), names, fontsize="small")
    errors.set(
        xlabel="known rows",
        ylabel="MAPE / %",
        title="prefill sweep, 3 to 4,119 tokens",
        ylim=(0, None),
    )
    errors.legend(frameon=False, fontsize="small")
    save(figure, file)


def _tile_errors(panel: Axes, found: Found, case: str, look: Look, place: int, model: str) -> None:
    """Draw the errors of one case and model over known rows of the sweep."""
    series = found.series(SWEEP, model, case, Phase.PREFILL, SWEEP_SHOTS)
    values = [one.mean if one.count == ALL_ROWS else one.median for _, one in series]
    panel.plot(
        [place * len(SWEEP_SHOTS) + shots for shots, _ in series],
        values,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        linewidth=LINE_WIDTH,
        markersize=MARKER_SIZE,
        label=look.label if not place else None,
    )


def _shots(count: int) -> str:
    """Name a number of known rows."""
    return str(count) if count else "all"


def _grouped(counts: Sequence[str]) -> list[str]:
    """Return a label for each number of known rows of each model, models named once."""
    middle = len(counts) // 2
    return [
        f"{count}\n{name}" if place == middle else count
        for name in SHORT_NAMES.values()
        for place, count in enumerate(counts)
    ]


def draw_meter(found: Found, shown: Readings, file: Path) -> None:
    """Draw what a meter reads of short answers, both fits of it, and the errors."""
    figure, (power, errors) = new_figure(1, 2, (9.0, 3.9))
    power.scatter(shown.windows_s, shown.measured_w, s=KNOWN_AREA, color=MEASURED, label="measured")
    for case in METER_CASES:
        look = METER_LOOKS[case]
        power.scatter(
            shown.windows_s,
            shown.fitted_w[case],
            s=KNOWN_AREA / 2,
            facecolors="none",
            edgecolors=look.colour,
            marker=look.marker,
            label=f"fitted, {look.label}",
        )
    name = SHORT_NAMES[METERED_MODEL]
    power.set(xlabel="window of the meter / s", ylabel="window energy over window / W")
    power.set_title(f"{name}, decode of short answers")
    power.legend(frameon=False, fontsize="small", loc="lower right")
    for case in METER_CASES:
        for place, model in enumerate(SHORT_NAMES):
            _meter_errors(errors, found, case, place, model)
    names = _grouped([_shots(count) for count in ENERGY_SHOTS])
    errors.set_xticks(range(len(names)), names, fontsize="small")
    errors.set(xlabel="known cells", ylabel="MAPE / %", ylim=(0, None))
    errors.set_title("energy over the meter's window")
    errors.legend(frameon=False, fontsize="small")
    save(figure, file)


def _meter_errors(panel: Axes, found: Found, case: str, place: int, model: str) -> None:
    """Draw the energy errors of one case and model over known cells."""
    look = METER_LOOKS[case]
    series = found.series(ENERGY, model, case, KNOWN_WINDOW, ENERGY_SHOTS)
    values = [one.mean if one.count == LENGTH_LEFT_OUT else one.median for _, one in series]
    panel.plot(
        [place * len(ENERGY_SHOTS) + shots for shots, _ in series],
        values,
        color=look.colour,
        marker=look.marker,
        linestyle=look.line,
        linewidth=LINE_WIDTH,
        markersize=MARKER_SIZE,
        label=look.label if not place else None,
    )
