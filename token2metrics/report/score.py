"""The outcome of scoring traces."""

from __future__ import annotations

from rich.console import Console

from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_pairs
from token2metrics.report.units import UNKNOWN, counted, digits, joules, seconds
from token2metrics.scoring.result import ScoredGroup, ScoreSummary, Spread

MOST_GROUPS_SHOWN = 20
ALL = "all"
NOTHING = Spread(0, 0.0, None, None, None, None)


def show_score(console: Console, summary: ScoreSummary) -> None:
    """Print totals, percentiles, and what became of the rows."""
    show_line(
        console,
        f"{summary.priced_rows:,} of {counted(summary.read_rows, 'request')} in "
        f"{counted(summary.files, 'file')} scored, written to {summary.directory} "
        f"({counted(summary.partitions, 'partition')})",
        "bold",
    )
    console.print()
    _show_groups(console, summary)
    console.print()
    show_pairs(console, _totals(summary))
    if summary.overall.extrapolated:
        show_line(
            console,
            f"{summary.overall.extrapolated:,} outside the measured token range "
            "(column extrapolated)",
            WARNING_STYLE,
        )
    if summary.rejected_files is not None:
        table = build_table(["not scored because"], ["rows"])
        for reason, count in summary.rejected_counts.items():
            table.add_row(reason, f"{count:,}")
        console.print(table)
        show_line(console, f"written to {summary.rejected_files}", WARNING_STYLE)


def _show_groups(console: Console, summary: ScoreSummary) -> None:
    """Print a line per group, and one for all."""
    columns = list(summary.groups[0].group) if summary.groups else [""]
    heads = ["requests", "latency", "p50", "p90", "p99", "energy", "p50", "p90", "p99"]
    table = build_table(columns, heads)
    for group in summary.groups[:MOST_GROUPS_SHOWN]:
        table.add_row(*(value or UNKNOWN for value in group.group.values()), *_cells(group))
    blanks = [""] * (len(columns) - 1)
    table.add_row(ALL, *blanks, *_cells(summary.overall), style="bold")
    console.print(table)
    left = len(summary.groups) - MOST_GROUPS_SHOWN
    if left > 0:
        show_line(console, f"{counted(left, 'more group')} of shorter latency in all: see --json")


def _cells(group: ScoredGroup) -> list[str]:
    """Write the numbers of a group."""
    latency, energy = group.latency_s, group.energy_j or NOTHING
    return [
        f"{group.requests:,}",
        seconds(latency.total if latency.requests else None),
        *(seconds(value) for value in (latency.p50, latency.p90, latency.p99)),
        joules(energy.total if energy.requests else None),
        *(joules(value) for value in (energy.p50, energy.p90, energy.p99)),
    ]


def _totals(summary: ScoreSummary) -> list[tuple[str, str]]:
    """Return what all requests come to."""
    overall, cost = summary.overall, summary.overall.cost
    energy = overall.energy_j
    known = overall.requests if energy is None else energy.requests
    speed = UNKNOWN if summary.rows_per_s is None else f"{summary.rows_per_s:,.0f} rows/s"
    return [
        ("input tokens", f"{overall.input_tokens:,}"),
        ("output tokens", f"{overall.output_tokens:,}"),
        ("electricity", UNKNOWN if cost.electricity is None else digits(cost.electricity)),
        ("owning the devices", UNKNOWN if cost.ownership is None else digits(cost.ownership)),
        *([("energy is known of", counted(known, "request"))] if known < overall.requests else []),
        ("percentiles are right to", f"{summary.percentile_error:.1%}"),
        ("took", f"{seconds(summary.wall_s)}, {speed}"),
    ]
