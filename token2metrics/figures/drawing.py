"""Figures to files, and to the text that a page draws them from."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import vl_convert

from token2metrics.errors import ConfigurationError
from token2metrics.figures.figure import Figure
from token2metrics.figures.style import LIGHT, TITLE_FONT_PX
from token2metrics.figures.suffixes import SUFFIXES, SVG
from token2metrics.files import write_file

PNG_SCALE = 2.0
"""Pixels of a PNG per pixel of the chart, for sharp screens and for paper."""

LETTER_PX = 5.0
"""Mean width of a letter of a subtitle."""

FEWEST_LETTERS = 40
WIDTH_OF_SVG = re.compile(r'<svg[^>]* width="([0-9.]+)"')
CONTAINER = "container"
MULTIPLE = ("concat", "hconcat", "vconcat", "facet", "repeat")
"""Keys of charts with several panels, whose width no container sets."""

NO_ADDRESS: list[str] = []
"""Addresses that a picture may read from: none."""


def write_picture(figure: Figure, path: Path, config: dict[str, Any] = LIGHT) -> None:
    """Draw a figure with its title and description into a file.

    Args:
        figure: What is drawn.
        path: The PNG or SVG file; its suffix decides.
        config: Vega-Lite configuration, light unless told.

    Raises:
        ConfigurationError: If the suffix is another, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigurationError(f"expected a picture named {' or '.join(SUFFIXES)}, got {path}")
    write_file(path, draw(figure, suffix, config))


def draw(figure: Figure, suffix: str, config: dict[str, Any] = LIGHT) -> bytes:
    """Return a figure with its title and description as ``.png`` or ``.svg``."""
    chart = _bare(figure)
    words = _wrapped(figure.description, _width_px(chart, config))
    heading = {
        "text": figure.title,
        "subtitle": words,
        "fontSize": TITLE_FONT_PX,
        "frame": "bounds",
    }
    titled = {**chart, "title": heading}
    if suffix == SVG:
        return _svg(titled, config).encode()
    return vl_convert.vegalite_to_png(
        titled, scale=PNG_SCALE, config=config, allowed_base_urls=NO_ADDRESS
    )


def specification(figure: Figure) -> dict[str, Any]:
    """Return a figure as Vega-Lite for a page, which gives it ``LIGHT`` or ``DARK``.

    The title is left out, for the page has it as text; the description is what screen readers say.
    A single panel is as wide as its container. Several keep their widths, and the page may set
    ``columns`` by the room there is.
    """
    chart = {**_bare(figure), "description": figure.description}
    if not any(key in chart for key in MULTIPLE):
        chart["width"] = CONTAINER
        chart["autosize"] = {"type": "fit-x", "contains": "padding"}
    return chart


def _bare(figure: Figure) -> dict[str, Any]:
    """Return the chart as JSON, without the look that Altair gives it.

    Whether it keeps the schema of Vega-Lite is for the tests: checking takes longer than drawing.
    """
    chart: dict[str, Any] = figure.chart.to_dict(validate=False)
    return {key: value for key, value in chart.items() if key != "config"}


def _width_px(chart: dict[str, Any], config: dict[str, Any]) -> float:
    """Return how wide a chart is with its axes."""
    found = WIDTH_OF_SVG.search(_svg(chart, config))
    return float(found.group(1)) if found else 0.0


def _svg(chart: dict[str, Any], config: dict[str, Any]) -> str:
    """Return a chart as the text of an SVG."""
    return vl_convert.vegalite_to_svg(chart, config=config, allowed_base_urls=NO_ADDRESS)


def _wrapped(words: str, width_px: float) -> list[str]:
    """Break a description into lines that are no wider than the picture; its own lines stay."""
    letters = max(FEWEST_LETTERS, int(width_px / LETTER_PX))
    return [part for line in words.splitlines() for part in textwrap.wrap(line, letters)]
