"""The outcome of fitting a fleet of curves."""

from __future__ import annotations

from rich.console import Console

from token2metrics.fleet.result import FleetSummary
from token2metrics.report.tables import build_table, show_line
from token2metrics.report.units import UNKNOWN, counted, digits, percent, seconds


def show_fleet(console: Console, summary: FleetSummary) -> None:
    """Print how many curves were fitted, how well, and why others were not."""
    show_line(
        console,
        f"{summary.fitted:,} of {counted(summary.curves, 'curve')} fitted to "
        f"{counted(summary.used_rows, 'row')} in {seconds(summary.seconds)} "
        f"({summary.curves_per_s:,.0f} a second), written to {summary.output_file}",
        "bold",
    )
    show_line(console, f"{summary.family}; one curve per {', '.join(summary.by)}")
    _show_errors(console, summary)
    _show_counts(console, "not fitted because", "curves", summary.failed_counts)
    _show_counts(console, "rows not used because", "rows", summary.rejected_counts)
    if summary.predicted_file is not None:
        show_line(
            console,
            f"{counted(summary.predicted_rows, 'request')} priced, "
            f"written to {summary.predicted_file}",
        )


def _show_errors(console: Console, summary: FleetSummary) -> None:
    """Print the errors of each phase."""
    table = build_table(
        ["phase"], ["curves", "in-sample p50", "p90", "held out p50", "p90", "prior"]
    )
    for one in summary.errors:
        table.add_row(
            one.phase,
            f"{one.curves:,}",
            percent(one.in_sample_mape_p50_percent),
            percent(one.in_sample_mape_p90_percent),
            percent(one.held_out_mape_p50_percent),
            percent(one.held_out_mape_p90_percent),
            UNKNOWN if one.prior_strength is None else digits(one.prior_strength),
        )
    if summary.errors:
        console.print(table)
        show_line(
            console,
            "MAPE of a curve in percent, over curves; held out: each row by the fit without it",
            "dim",
        )


def _show_counts(console: Console, heading: str, of: str, counts: dict[str, int]) -> None:
    """Print how often each reason occurs, if any does."""
    if not counts:
        return
    table = build_table([heading], [of])
    for reason, count in counts.items():
        table.add_row(reason, f"{count:,}")
    console.print(table)
