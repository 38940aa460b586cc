"""The points to measure next, as a table."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from token2metrics.measure.next_points import ExpectedErrors, NextPoints
from token2metrics.report.tables import build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, counted, digits, seconds
from token2metrics.vocabulary import Phase

NOW = "now"


def show_next_points(console: Console, found: NextPoints, output: Path | None) -> None:
    """Print what is expected now, each point with its cost and what it brings, and what that means.

    Args:
        console: Where to print.
        found: The design.
        output: Where the plan was written; None where it was not.
    """
    show_title(console, f"{found.model} on {found.device}, what to measure next")
    table = build_table(
        ["order"], ["input", "output", "costs", "p90 prefill", "p90 decode", "p90 request"]
    )
    table.add_row(NOW, "", "", "", *_errors(found.now))
    for order, point in enumerate(found.points, start=1):
        tokens = f"{point.input_tokens:,}", f"{point.output_tokens:,}"
        errors = _errors(point.p90_error_percent)
        table.add_row(f"{order}", *tokens, seconds(point.seconds), *errors)
    console.print(table)
    show_line(
        console,
        f"p90: 90th percentile of the errors in percent, as expected over "
        f"{counted(found.requests, 'request')}",
    )
    show_line(
        console,
        f"costs: {counted(found.repeats, 'repeat')} of each, {seconds(found.seconds)} in all",
    )
    for phase, law in found.law.items():
        show_line(console, f"{phase} by {law}")
    known = counted(found.own_rows, "row")
    show_line(console, f"known already: {known} of {found.model} on {found.device}")
    if found.target_percent is not None:
        show_line(console, _verdict(found, found.target_percent), "bold")
    if output is not None:
        show_line(console, f"written to {output}; measure --plan {output} measures them")


def _errors(expected: ExpectedErrors) -> list[str]:
    """Write the expected errors of both phases and the whole."""
    values = (expected.prefill, expected.decode, expected.request)
    return [UNKNOWN if value is None else digits(value) for value in values]


def _verdict(found: NextPoints, target_percent: float) -> str:
    """Say how many points bring the error below the target, or how far all of them bring it."""
    whose = f"the p90 error of {found.judged} "
    goal = f"{digits(target_percent)} %"
    if found.reached_after == 0:
        return f"{whose}is expected below {goal} already: nothing more need be measured"
    if found.reached_after is not None:
        more = counted(found.reached_after, "more request")
        bring = "brings" if found.reached_after == 1 else "bring"
        return f"{more} {bring} {whose}below {goal}"
    last = found.points[-1].p90_error_percent if found.points else found.now
    reached = {Phase.PREFILL: last.prefill, Phase.DECODE: last.decode, Phase.REQUEST: last.request}
    return (
        f"{counted(len(found.points), 'point')} bring {whose}to {digits(reached[found.judged])} %, "
        f"not below {goal}: single latencies scatter around the law"
    )
