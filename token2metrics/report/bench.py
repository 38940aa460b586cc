"""A comparison of forecasts as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from token2metrics.bench.result import ENERGY, LATENCY, Comparison, Remark, Score
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, counted, percent
from token2metrics.vocabulary import Phase

BEST = "*"
BEST_STYLE = "bold"
HUGE_PERCENT = 10_000.0
"""From here on an error is only said to be beyond."""


def show_comparison(console: Console, comparison: Comparison) -> None:
    """Print one table per model, phase and metric, and what to know about the contenders.

    Args:
        console: Where to print.
        comparison: What was found.
    """
    for data in comparison.data:
        show_line(
            console,
            f"{data.device}: {counted(data.read_rows, 'row')} read, "
            f"{counted(data.settings, 'token setting')}",
        )
        for category, count in data.rejected_counts.items():
            show_line(console, f"{counted(count, 'row')} not used: {category}", WARNING_STYLE)
    console.print()
    for (name, device, phase, metric), group in groupby(_ordered(comparison.scores), _place):
        show_title(console, f"{name} on {device}, {phase} {metric}: median / p90 error %")
        _show_scores(console, comparison, list(group))
    show_line(
        console,
        f"rows of each kind that a fit saw; errors on the rows it did not see, over "
        f"{counted(comparison.draws, 'draw')} (seed {comparison.seed}); {BEST} lowest median",
    )
    console.print()
    _show_remarks(console, comparison)
    show_line(console, f"compared in {comparison.seconds:.1f} s", "bold")


def _place(score: Score) -> tuple[str, str, str, str]:
    """Return the table a score belongs to."""
    return (score.name, score.device, score.phase, score.metric)


def _ordered(scores: Sequence[Score]) -> list[Score]:
    """Return the scores with those of a table together: by model, phase and metric."""
    models = list(dict.fromkeys((score.name, score.device) for score in scores))
    phases, metrics = list(Phase), [LATENCY, ENERGY]
    return sorted(
        scores,
        key=lambda score: (
            models.index((score.name, score.device)),
            phases.index(Phase(score.phase)),
            metrics.index(score.metric),
        ),
    )


def _shots(comparison: Comparison) -> list[int]:
    """Return the numbers of shots that anything was compared at."""
    return [count for count in comparison.shots if any(s.shots == count for s in comparison.scores)]


def _show_scores(console: Console, comparison: Comparison, scores: Sequence[Score]) -> None:
    """Print the errors of every contender with a say, a column per number of shots."""
    shots = _shots(comparison)
    cells = {(score.contender, score.shots): score for score in scores}
    best = {
        count: min((s.median_ape_percent for s in scores if s.shots == count), default=None)
        for count in shots
    }
    table = build_table(["contender"], [counted(count, "shot") for count in shots])
    for entrant in comparison.contenders:
        row = [cells.get((entrant.name, count)) for count in shots]
        if any(score is not None for score in row):
            marked = zip(row, best.values(), strict=True)
            table.add_row(entrant.name, *(_cell(score, lowest) for score, lowest in marked))
    console.print(table)
    console.print()


def _cell(score: Score | None, lowest: float | None) -> Text:
    """Write median and 90th percentile; the lowest median, as far as it shows, is marked."""
    if score is None:
        return Text(f"{UNKNOWN}  ")
    is_best = percent(score.median_ape_percent) == percent(lowest)
    text = f"{_error(score.median_ape_percent)} / {_error(score.p90_ape_percent)}"
    return Text(f"{text} {BEST if is_best else ' '}", style=BEST_STYLE if is_best else "")


def _error(value: float) -> str:
    """Write an error; beyond any use it only says so."""
    return percent(value) if value < HUGE_PERCENT else f">{HUGE_PERCENT:,.0f}"


def _show_remarks(console: Console, comparison: Comparison) -> None:
    """Print every remark once, with the models, contenders and shots it is about."""
    if not comparison.remarks:
        return
    show_title(console, "Notes")
    about: dict[tuple[tuple[str, ...], tuple[int, ...], str], list[Remark]] = {}
    for remark in comparison.remarks:
        about.setdefault((remark.contenders, remark.shots, remark.words), []).append(remark)
    for (contenders, shots, words), remarks in about.items():
        models = ", ".join(dict.fromkeys(remark.name for remark in remarks))
        when = "" if shots == tuple(_shots(comparison)) else f", {_listed(shots)}"
        who = f"{', '.join(contenders)} " if contenders else ""
        show_line(console, f"{who}({models}{when}): {words}")
    console.print()


def _listed(shots: Sequence[int]) -> str:
    """Write numbers of shots."""
    return f"{', '.join(map(str, shots))} {'shot' if tuple(shots) == (1,) else 'shots'}"
