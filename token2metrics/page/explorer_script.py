"""The models of the explorer as JavaScript, and the script that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import msgspec

from token2metrics.artifact.fitted import FittedModel
from token2metrics.export.javascript import LANGUAGE, JavaScript, literal
from token2metrics.export.language import numbers, statements
from token2metrics.export.metadata import FLAGS
from token2metrics.export.target import Provenance
from token2metrics.figures.style import DASHES
from token2metrics.intervals import DEFAULT_CONFIDENCE, HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.page.explorer_model import ExploredModel, explored_models
from token2metrics.page.explorer_program import explorer_program
from token2metrics.page.later_widths import WIDTHS
from token2metrics.page.templates import asset
from token2metrics.planning.answerable import SHORTEST
from token2metrics.planning.limits import (
    DECIMALS,
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_PROBABILITY,
    FEWEST_CONTEXT_TOKENS,
    HIGHEST_PROBABILITY,
    LOWEST_PROBABILITY,
)
from token2metrics.prediction.money import (
    DEFAULT_PRICE_PER_KWH,
    JOULES_PER_KWH,
    SECONDS_PER_YEAR,
)
from token2metrics.prediction.program import INPUTS
from token2metrics.vocabulary import MAX_TOKENS

FOLDER = "explorer"
PURE = ("numbers", "margins", "predictions", "money", "plans", "csv", "state", "curves")
"""Scripts of functions that know nothing of the page, in order."""

SHOWING = ("tables", "controls", "pictures", "explorer")
"""Scripts that show and read, in order."""

CONSTANTS: dict[str, Any] = {
    "maxTokens": MAX_TOKENS,
    "widths": WIDTHS,
    "lowestConfidence": LOWEST_CONFIDENCE,
    "highestConfidence": HIGHEST_CONFIDENCE,
    "defaultConfidence": DEFAULT_CONFIDENCE,
    "lowestProbability": LOWEST_PROBABILITY,
    "highestProbability": HIGHEST_PROBABILITY,
    "defaultProbability": DEFAULT_PROBABILITY,
    "decimals": DECIMALS,
    "shortest": SHORTEST,
    "fewestContextTokens": FEWEST_CONTEXT_TOKENS,
    "defaultContextTokens": DEFAULT_CONTEXT_TOKENS,
    "defaultPricePerKwh": DEFAULT_PRICE_PER_KWH,
    "joulesPerKwh": JOULES_PER_KWH,
    "secondsPerYear": SECONDS_PER_YEAR,
    "dashes": DASHES,
}
"""Numbers that the scripts share with the package."""

BOUND = """\
/** Return the function of a model: what models of its form share, with its own numbers. */
const bound = (form, numbers, steps) => (inputTokens, outputTokens, widths) =>
  form(inputTokens, outputTokens, widths, numbers, steps);
"""

STAIRCASE = """\
/** Return the level of the last edge below a value, or 0. */
function staircase(value, edges, levels) {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edges[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? levels[low - 1] : 0.0;
}
"""

LOOK_UP = "staircase({value}, steps.{table}.edges, steps.{table}.levels)"
FUNCTION = """\
function {name}(inputTokens, outputTokens, widths, numbers, steps) {{
{lines}
  return {{ {results} }};
}}
"""
EVERYWHERE = frozenset({0.0, 0.5, 1.0, -1.0, 2.0})
"""Constants of formulas; others stand apart from the steps, which models of a form then share."""


class SharedJavaScript(JavaScript):
    """Writes steps whose constants, but for those of formulas, are entries of an array.

    Attributes:
        constants: That array.
    """

    def __init__(self) -> None:
        self.constants: list[str] = []

    def number(self, value: float) -> str:
        """Return a constant, or its place."""
        text = super().number(value)
        if value in EVERYWHERE or isnan(value):
            return text
        if text not in self.constants:
            self.constants.append(text)
        return f"numbers[{self.constants.index(text)}]"


@dataclass(frozen=True, slots=True)
class WrittenModel:
    """The function of a model, and what makes it that model's.

    Attributes:
        lines: Its steps.
        results: What it returns.
        numbers: Its constants, as an array.
        steps: Its staircases, as an object.
    """

    lines: str
    results: str
    numbers: str
    steps: str


def explorer_script(models: Sequence[FittedModel], provenance: Provenance, charts: Any) -> str:
    """Return the whole script of the explorer.

    Args:
        models: The fitted models, each once.
        provenance: What they came from.
        charts: Vega-Lite specifications by name, as JSON has them.
    """
    told = {"provenance": msgspec.to_builtins(provenance), "charts": charts}
    data = "".join(f"const {name} = {literal(value)};\n" for name, value in told.items())
    return "\n".join([models_script(models), data, *map(_asset, SHOWING)])


def models_script(models: Sequence[FittedModel]) -> str:
    """Return models with the functions that price and plan their requests, without a page.

    Models whose steps are the same, but for constants, share one function.

    Args:
        models: The fitted models, each once.
    """
    written = [_written(model) for model in models]
    forms = list(dict.fromkeys((one.lines, one.results) for one in written))
    functions = [
        FUNCTION.format(name=f"form{place}", lines=lines, results=results)
        for place, (lines, results) in enumerate(forms)
    ]
    rows = ",\n".join(
        _row(forms.index((one.lines, one.results)), one, told)
        for one, told in zip(written, explored_models(models), strict=True)
    )
    constants = f"const constants = Object.freeze({literal(CONSTANTS)});\n"
    table = f"const models = [\n{rows}\n];\n"
    return "\n".join([constants, STAIRCASE, *functions, BOUND, table, *map(_asset, PURE)])


def _asset(name: str) -> str:
    """Return a script of the explorer."""
    return asset(f"{FOLDER}/{name}.js")


def _row(form: int, written: WrittenModel, told: ExploredModel) -> str:
    """Return a model as an object."""
    run = f"bound(form{form}, {written.numbers}, {written.steps})"
    return f"  {{ ...{literal(msgspec.to_builtins(told))}, run: {run} }}"


def _written(model: FittedModel) -> WrittenModel:
    """Write what a model computes."""
    language = SharedJavaScript()
    inputs = dict(zip(INPUTS, ("inputTokens", "outputTokens"), strict=True))
    inputs |= {name: f"widths.{name}" for name in WIDTHS}
    found = statements(explorer_program(model), language, "table", LOOK_UP, inputs)
    results = ", ".join(
        f"{name}: {f'{result} >= 1.0' if name in FLAGS else result}"
        for name, result in found.results.items()
    )
    tables = (
        f"{name}: {{ edges: [{numbers(LANGUAGE, steps.edges)}], "
        f"levels: [{numbers(LANGUAGE, steps.levels)}] }}"
        for name, steps in found.tables.items()
    )
    return WrittenModel(
        lines="\n".join(f"  const {name} = {text};" for name, text in found.lines),
        results=results,
        numbers=f"[{', '.join(language.constants)}]",
        steps=f"{{ {', '.join(tables)} }}",
    )
