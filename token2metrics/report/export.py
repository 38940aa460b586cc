"""What an exported file holds, and how to use it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from token2metrics.export.metadata import ModelMetadata
from token2metrics.export.write import ExportSummary
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, counted

NONE_FITTED = "none"
BOUND = re.compile("_(lower|upper)_")
"""What the names of the ends of an interval have more than those of what lies within."""


def show_export(console: Console, summary: ExportSummary) -> None:
    """Print what was written, whether it was checked, and lines that use it."""
    metadata = summary.metadata
    show_line(
        console,
        f"{counted(len(metadata.models), 'model')} as {summary.format}, "
        f"{counted(len(metadata.quantities), 'number')} per request, "
        f"{counted(summary.bytes, 'byte')}, written to {summary.output_file}",
        "bold",
    )
    table = build_table(["model", "device", "called", "phases"], [])
    for one in metadata.models:
        table.add_row(one.name, _device(one), one.identifier, ", ".join(one.phases) or NONE_FITTED)
    console.print(table)
    _show_check(console, summary)
    _show_unknown(console, summary.unknown)
    show_title(console, "To use it")
    for line in summary.usage:
        console.print(Text(f"  {line}"), soft_wrap=True)


def _device(one: ModelMetadata) -> str:
    """Name a device and the conditions on it."""
    parts = (one.device, one.power_mode, one.runtime, one.precision)
    return ", ".join(part for part in parts if part) or UNKNOWN


def _show_check(console: Console, summary: ExportSummary) -> None:
    """Say how the file compares with the predictor, or why nobody knows."""
    found = summary.agreement
    if found is None:
        show_line(console, f"not checked: {summary.not_checked}", WARNING_STYLE)
        return
    show_line(
        console,
        f"checked with {found.tool}: {counted(found.values, 'number')} of "
        f"{counted(found.requests, 'request')} per model agree with the predictor, "
        f"{_difference(found.largest_relative_difference)}",
    )


def _show_unknown(console: Console, unknown: Mapping[str, Sequence[str]]) -> None:
    """Say what the file has no number for; the ends of an interval go without saying."""
    models: dict[str, list[str]] = {}
    for identifier, names in unknown.items():
        shown = (name for name in names if BOUND.sub("_", name) not in set(names) - {name})
        models.setdefault(", ".join(shown), []).append(identifier)
    for names, identifiers in models.items():
        show_line(console, f"note: not known of {', '.join(identifiers)}: {names}", WARNING_STYLE)


def _difference(largest: float) -> str:
    """Write the largest difference."""
    return f"relative differences up to {largest:.0e}" if largest else "to the last bit"
