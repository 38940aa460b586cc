"""One self-contained page: its parts, figures and scripts as a single HTML text."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from token2metrics import __version__
from token2metrics.figures.drawing import specification
from token2metrics.figures.figure import Figure
from token2metrics.figures.style import DARK, LIGHT
from token2metrics.page.chart_data import chart_tables
from token2metrics.page.library import chart_library
from token2metrics.page.table import Table
from token2metrics.page.templates import asset, template

PAGE = "page.html.jinja"
STYLE = "style.css"
FIGURES_SCRIPT = "figures.js"

POLICY = {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",
    "img-src": "data: blob:",
    "connect-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""What a page may load, but for its own scripts: nothing from anywhere."""


ENDING = re.compile(r"</script|<!--", re.IGNORECASE)
"""What ends or hides a script, whatever it stands in."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a page.

    Attributes:
        name: Short, for links to it: ``verdict``.
        title: Its heading.
        html: What it says, as HTML that is safe already: from a template that escapes.
        script: An ES module that runs once the page stands, without imports; empty for none. It
            finds ``window.token2metrics.draw``, as ``assets/figures.js`` says.
        style: Rules of its own, added to those of every page.
        figures: Pictures that follow.
    """

    name: str
    title: str
    html: str
    script: str = ""
    style: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A page.

    Attributes:
        title: What the window is called, and the heading of the page.
        description: One sentence below it.
        parts: Its sections, in order.
    """

    title: str
    description: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure as the page holds it.

    Attributes:
        figure: Its name and words.
        specification: Vega-Lite, as JSON.
        tables: Its numbers.
    """

    figure: Figure
    specification: dict[str, Any]
    tables: tuple[Table, ...]


def render(document: Document) -> str:
    """Return a page as one HTML text that asks nobody for anything."""
    scripts = _scripts(document)
    return template(PAGE).render(
        document=document,
        version=__version__,
        policy=content_policy(scripts),
        styles=[asset(STYLE), *(part.style for part in document.parts if part.style)],
        scripts=scripts,
        schemes={"light": LIGHT, "dark": DARK},
        shown={part.name: [_shown(one) for one in part.figures] for part in document.parts},
    )


def content_policy(scripts: Iterable[str]) -> str:
    """Return the Content-Security-Policy under which only these scripts run.

    Args:
        scripts: Their texts, exactly as they stand between their tags.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    rules = {**POLICY, "script-src": hashes or "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def _scripts(document: Document) -> tuple[str, ...]:
    """Return what runs, in order: the charts, the figures, then the parts' own scripts.

    Raises:
        ValueError: If a part's script would end its own element.
    """
    own = [part.script for part in document.parts if part.script]
    for script in own:
        if ENDING.search(script):
            raise ValueError("expected scripts of parts without </script and <!--")
    return (chart_library(), asset(FIGURES_SCRIPT), *own)


def _digest(script: str) -> str:
    """Return a script's digest as policies write it."""
    return b64encode(sha256(script.encode()).digest()).decode()


def _shown(figure: Figure) -> ShownFigure:
    """Prepare a figure for the page."""
    chart = specification(figure)
    return ShownFigure(figure, chart, chart_tables(chart))
