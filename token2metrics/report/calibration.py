"""A calibration: what was predicted before, and what after."""

from __future__ import annotations

from rich.console import Console

from token2metrics.measure.calibrator import CalibrationReport, Standing
from token2metrics.report.measuring import show_measurement
from token2metrics.report.tables import build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, percent


def show_calibration(console: Console, report: CalibrationReport) -> None:
    """Print what was measured, and how far each phase came.

    Args:
        console: Where to print.
        report: The calibration.
    """
    show_measurement(console, report.measured)
    if not report.phases:
        return
    console.print()
    show_title(console, f"{report.model} on {report.device}, before and after, in percent")
    table = build_table(
        ["phase"], ["points", "error before", "held-out error", "± before", "± after"]
    )
    for phase in report.phases:
        table.add_row(
            phase.phase,
            f"{phase.points}",
            _error(phase.before),
            _error(phase.after),
            _width(phase.before),
            _width(phase.after),
        )
    console.print(table)
    show_line(console, f"before: {report.before_is}")
    for phase in report.phases:
        show_line(console, f"{phase.phase} now rests on {phase.after.rests_on}")
    show_line(console, f"calibrated into {report.artifact}", "bold")


def _error(standing: Standing | None) -> str:
    """Write an error."""
    return UNKNOWN if standing is None else percent(standing.error_percent)


def _width(standing: Standing | None) -> str:
    """Write half the width of an interval."""
    return UNKNOWN if standing is None else percent(standing.width_percent)
