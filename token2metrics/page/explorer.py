"""The explorer: what requests cost and how long they may be, computed in the page itself."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import Artifact
from token2metrics.export.target import Provenance, provenance_of
from token2metrics.figures.drawing import specification
from token2metrics.page.document import Document, Part, render
from token2metrics.page.explorer_charts import explorer_figures, series_style
from token2metrics.page.explorer_script import explorer_script
from token2metrics.page.templates import asset, template

NAME = "explorer"
TITLE = "Explorer"
PAGE_TITLE = "What will this request cost?"
PAGE_DESCRIPTION = (
    "Latency, energy, power and money of language-model requests, with intervals, and the longest "
    "ones that keep limits."
)
CONDITIONS = (
    ("device", "Device"),
    ("power_mode", "Power mode"),
    ("runtime", "Runtime"),
    ("precision", "Precision"),
)
ALWAYS_SHOWN = frozenset({"device", "power_mode"})
"""Conditions that a reader can choose even where there is only one."""


def explorer_part(models: Sequence[FittedModel], provenance: Provenance) -> Part:
    """Return the explorer as a part of a page.

    Args:
        models: The fitted models, each once; at least one.
        provenance: What they came from.

    Raises:
        MissingExtraError: If the packages that draw are not installed.
    """
    figures = explorer_figures()
    html = template("explorer.html.jinja").render(
        conditions=CONDITIONS,
        choices=condition_choices(models),
        figures=figures,
        provenance=provenance,
    )
    charts = {figure.name: specification(figure) for figure in figures}
    return Part(
        name=NAME,
        title=TITLE,
        html=html,
        script=explorer_script(models, provenance, charts),
        style=series_style() + asset("explorer.css"),
    )


def explorer_page(loaded: Artifact) -> str:
    """Return a page that holds the explorer alone, for every model of an artifact.

    Args:
        loaded: The artifact.

    Raises:
        MissingExtraError: If the packages that draw are not installed.
    """
    part = explorer_part(loaded.models, provenance_of(loaded))
    return render(Document(title=PAGE_TITLE, description=PAGE_DESCRIPTION, parts=(part,)))


def condition_choices(models: Sequence[FittedModel]) -> dict[str, tuple[str, ...]]:
    """Return what can be chosen of each condition that is shown.

    Args:
        models: The fitted models.
    """
    found = {}
    for name, _ in CONDITIONS:
        values = dict.fromkeys(getattr(model.record, name) for model in models)
        stated = tuple(value for value in values if value)
        if stated and (len(values) > 1 or name in ALWAYS_SHOWN):
            found[name] = stated
    return found
