"""What the tests of pictures read from a specification: its data, its words and its colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

COLOUR = re.compile(r"#[0-9A-Fa-f]{3,8}|rgba?\(.*\)|hsl\(.*\)")
ADDRESS = re.compile(r"https?://")
RESOLVED = {"independent", "shared"}
"""How panels share a scale of colours."""

EMPTY = "empty"
"""Altair's name for the data of a layer that has none."""

PAINTED = {"color", "fill", "stroke", "background"}
"""Keys whose plain values are colours; encodings under the same names hold objects."""


def parts_of(chart: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a specification, the outermost first."""
    if isinstance(chart, dict):
        yield chart
        for value in chart.values():
            yield from parts_of(value)
    elif isinstance(chart, list):
        for value in chart:
            yield from parts_of(value)


def data_of(
    chart: dict[str, Any], panel: dict[str, Any] | None = None
) -> list[list[dict[str, Any]]]:
    """Return the rows of every data set that a chart, or a panel of it, draws, in its order.

    What all panels share stands beside them.
    """
    for shown in (panel or chart, chart):
        parts = (part for part in parts_of(shown) if isinstance(part.get("data"), dict))
        if names := dict.fromkeys(part["data"]["name"] for part in parts if "name" in part["data"]):
            return [chart["datasets"][name] for name in names if name != EMPTY]
    return []


def colours_of(chart: dict[str, Any]) -> list[str]:
    """Return the colours that a specification names, outside of its data."""
    found = []
    for part in parts_of({key: value for key, value in chart.items() if key != "datasets"}):
        texts = {key: value for key, value in part.items() if isinstance(value, str)}
        found += [value for value in texts.values() if COLOUR.fullmatch(value)]
        found += [value for key, value in texts.items() if key in PAINTED and value not in RESOLVED]
    return found


def addresses_of(chart: dict[str, Any]) -> list[str]:
    """Return what a specification would fetch."""
    return [
        value
        for part in parts_of(chart)
        for key, value in part.items()
        if isinstance(value, str) and (key == "url" or ADDRESS.match(value)) and key != "$schema"
    ]


def panels_of(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a specification; itself where it is one."""
    panels: list[dict[str, Any]] = chart.get("concat", [chart])
    return panels
