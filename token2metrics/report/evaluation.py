"""An evaluation as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from token2metrics.prediction.result import Evaluation, EvaluationReading
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import counted, percent


def show_evaluation(console: Console, evaluation: Evaluation, written: Sequence[str]) -> None:
    """Print the errors of each model, phase and metric.

    Args:
        console: Where to print.
        evaluation: The errors.
        written: Files that hold the results.
    """
    for reading in evaluation.readings:
        _show_reading(console, reading)
    for device in dict.fromkeys(error.device for error in evaluation.errors):
        show_title(console, f"Predicted against measured on {device}")
        table = build_table(
            ["model", "phase", "metric"],
            ["rows", "MAPE %", "median %", "bias %", "p90 %", "extrapolated"],
        )
        for error in evaluation.errors:
            if error.device == device:
                table.add_row(
                    error.name,
                    error.phase,
                    error.metric,
                    f"{error.rows:,}",
                    percent(error.mape_percent),
                    percent(error.median_ape_percent),
                    f"{error.bias_percent:+.2f}",
                    percent(error.p90_ape_percent),
                    f"{error.extrapolated_rows:,}",
                )
        console.print(table)
    if evaluation.without_rows:
        show_line(console, f"no measured row of {', '.join(evaluation.without_rows)}")
    for reason, count in evaluation.not_compared.items():
        show_line(console, f"{counted(count, 'row')} not compared: {reason}")
    for path in written:
        show_line(console, f"written: {path}")


def _show_reading(console: Console, reading: EvaluationReading) -> None:
    """Print what was read for the models of some conditions."""
    conditions = ", ".join(part for part in (reading.device, *reading.conditions) if part)
    show_line(
        console,
        f"{conditions}: {counted(reading.read_rows, 'row')} read, "
        f"{counted(reading.settings, 'token setting')}, {reading.compared:,} of these models",
    )
    for category, count in reading.rejected_counts.items():
        show_line(console, f"{counted(count, 'row')} not used: {category}")
    if reading.in_sample:
        show_line(
            console,
            "note: the models were trained on exactly these rows, so the errors are in-sample",
            WARNING_STYLE,
        )
    console.print()
