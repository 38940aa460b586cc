"""A measuring run, as it goes on and when it has ended."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from token2metrics.measure.confidence import MedianInterval
from token2metrics.measure.journal import Visited
from token2metrics.measure.summary import MeasureReport, PointSummary
from token2metrics.measure.tally import Tally
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import counted, joules, seconds, watts

WARNINGS_SHOWN = 3
PERCENT = 100.0


class MeasuringDisplay:
    """Shows how far a run has come, what it saw last, and what it warns of; vanishes at its end.

    It draws between requests alone, so that no request waits for it.

    Args:
        console: Where to draw; nothing is drawn where it is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("points settled"), BarColumn(), MofNCompleteColumn(), console=console
        )
        self._task = self._progress.add_task("points")
        self._last = Text("warming up")
        self._warnings: deque[str] = deque(maxlen=WARNINGS_SHOWN)
        self._live = Live(
            console=console, transient=True, auto_refresh=False, get_renderable=self._draw
        )
        self._is_shown = console.is_terminal
        self._tally: Tally | None = None
        self._requests = 0

    def __enter__(self) -> Self:
        """Start drawing."""
        if self._is_shown:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._live.stop()

    def begin(self, tally: Tally) -> None:
        """Learn what there is to do."""
        self._tally = tally
        self._progress.update(self._task, total=len(tally.points), completed=len(tally.closed))
        if self._is_shown:
            self._live.refresh()

    def visited(self, entry: Visited, left_s: float) -> None:
        """Learn of a finished repeat, and for how long the run will go on at most."""
        if self._tally is None or not self._is_shown:
            return
        self._requests += 1
        self._progress.update(self._task, completed=len(self._tally.closed))
        point = f"{entry.point.input_tokens}+{entry.point.output_tokens} tokens"
        phases = ", ".join(
            f"{phase} {seconds(found.median)} {_width(found)}"
            for phase, found in self._tally.intervals(entry.point).items()
        )
        done = counted(self._requests, "request")
        self._last = Text(f"{done}, at most {seconds(left_s)} left; {point}: {phases}")
        notes = {entry.refused, *(record.quality_flags for record in entry.records)}
        self._warnings.extend(f"{point}: {note}" for note in notes if note is not None)
        self._live.refresh()

    def _draw(self) -> Group:
        """Return what to show now."""
        warnings = (Text(warning, style=WARNING_STYLE) for warning in self._warnings)
        return Group(self._progress, self._last, *warnings)


def show_measurement(console: Console, report: MeasureReport) -> None:
    """Print what a run found, and what to distrust in it.

    Args:
        console: Where to print.
        report: The run.
    """
    campaign = report.campaign
    title = f"{campaign.model} on {campaign.device} by {campaign.runtime}, medians"
    show_title(console, title)
    table = build_table(["phase"], ["input", "output", "latency", "", "repeats", "energy", "rows"])
    for point in report.points:
        table.add_row(
            point.phase,
            f"{point.input_tokens:,}",
            f"{point.output_tokens:,}",
            seconds(point.median_s),
            _width(MedianInterval(point.median_s, point.low_s, point.high_s)),
            f"{point.repeats}",
            *_energy(point),
        )
    console.print(table)
    for line in _warnings(report):
        show_line(console, line, WARNING_STYLE)
    for line in _facts(report):
        show_line(console, line)
    show_line(
        console,
        f"{report.stopped} after {seconds(report.seconds)}: {report.settled} of "
        f"{counted(len(campaign.points), 'point')} settled, {counted(report.rows, 'row')} in "
        f"{report.output}",
        "bold",
    )


def _width(interval: MedianInterval) -> str:
    """Write half the width of an interval."""
    share = interval.share
    return "" if share is None else f"±{PERCENT * share:.1f} %"


def _energy(point: PointSummary) -> tuple[str, str]:
    """Write an energy, and how many rows tell it."""
    return (joules(point.energy_j), f"{point.energy_rows}") if point.energy_rows else ("", "")


def _warnings(report: MeasureReport) -> list[str]:
    """Return what to distrust."""
    lines = [
        f"{refusal.input_tokens}+{refusal.output_tokens} tokens refused: {refusal.reason}"
        for refusal in report.refusals
    ]
    lines += [f"{flag}: {counted(rows, 'row')}" for flag, rows in report.flags.items()]
    lines += [
        f"{trend.phase} latency drifted by {trend.change_percent:+.1f} % over the run "
        f"(p = {trend.p_value:.1g})"
        for trend in report.trends
        if trend.notable
    ]
    if report.throttling:
        lines.append("the device became slower as it became hotter: cool it, or lower its clocks")
    if report.damaged_lines:
        damaged = counted(report.damaged_lines, "line")
        lines.append(f"{damaged} of {report.journal} cannot be read and count as not measured")
    return lines


def _facts(report: MeasureReport) -> list[str]:
    """Return what else was seen."""
    lines = []
    heat = report.temperature
    if heat is not None:
        lines.append(
            f"temperature: {heat.first_c:.0f} °C at first, {heat.last_c:.0f} °C at last, "
            f"{heat.highest_c:.0f} °C at most"
        )
    lines += [
        f"idle power {idle.when}: {watts(idle.power_w) if idle.why_not is None else idle.why_not}"
        for idle in report.idle
    ]
    if report.client_overhead_s is not None:
        lines.append(
            f"first tokens reached the client {seconds(report.client_overhead_s)} after the "
            "engine's prefill (median)"
        )
    return lines
