"""The outcome of a batch prediction."""

from __future__ import annotations

from rich.console import Console

from token2metrics.prediction.result import BatchSummary
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line
from token2metrics.report.units import counted


def show_batch(console: Console, summary: BatchSummary) -> None:
    """Print how many requests were priced, and why others were not."""
    show_line(
        console,
        f"{summary.predicted_rows:,} of {counted(summary.read_rows, 'request')} predicted, "
        f"written to {summary.output_file}",
        "bold",
    )
    if summary.extrapolated_rows:
        show_line(
            console,
            f"{summary.extrapolated_rows:,} outside the measured token range "
            "(column extrapolated)",
            WARNING_STYLE,
        )
    if summary.rejected_file is None:
        return
    table = build_table(["not predicted because"], ["rows"])
    for reason, count in summary.rejected_counts.items():
        table.add_row(reason, f"{count:,}")
    console.print(table)
    show_line(console, f"written to {summary.rejected_file}", WARNING_STYLE)
