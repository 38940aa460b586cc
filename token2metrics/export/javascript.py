"""An ES module without dependencies, for browsers and node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from token2metrics.export.identifiers import plain_words
from token2metrics.export.language import Language, numbers, statements
from token2metrics.export.metadata import FLAGS, headline, metadata_of, plain
from token2metrics.export.target import Bundle, ExportedModel, Target
from token2metrics.prediction.program import INPUTS
from token2metrics.symbolic import Operation
from token2metrics.vocabulary import MAX_TOKENS

LOOK_UP = "staircase({value}, {table}_edges, {table}_levels)"

HEAD = """\
/** More tokens than any request has. */
export const MAX_TOKENS = {most};

/** What the file was made from. */
export const provenance = Object.freeze({provenance});

/** Results of every prediction, with their units; null where nothing was measured. */
export const quantities = Object.freeze({quantities});

/** Share of requests within each interval, and answers generated at once. */
export const confidence = {confidence};
export const parallel = {parallel};

function staircase(value, edges, levels) {{
  let low = 0;
  let high = edges.length;
  while (low < high) {{
    const middle = (low + high) >> 1;
    if (edges[middle] < value) low = middle + 1;
    else high = middle;
  }}
  return low > 0 ? levels[low - 1] : 0.0;
}}

function known(value) {{
  return Number.isNaN(value) ? null : value;
}}

function checkTokens(name, count) {{
  if (!Number.isInteger(count) || count < 0 || count > MAX_TOKENS) {{
    const expected = `expected ${{name}} to be a whole number 0..${{MAX_TOKENS}}`;
    throw new RangeError(`${{expected}}, got ${{String(count)}}`);
  }}
}}
"""

FUNCTION = """\
// {words}
{tables}function {name}(inputTokens, outputTokens) {{
  checkTokens("inputTokens", inputTokens);
  checkTokens("outputTokens", outputTokens);
{lines}
  return {{
{results}
  }};
}}
"""

TAIL = """\
/** Every model: what it is, what it rests on, and predict(inputTokens, outputTokens). */
export const models = Object.freeze([
{models}
].map(Object.freeze));

/** Return a model by its identifier, id or name; throw a RangeError unless exactly one answers. */
export function findModel(name) {{
  const found = models.filter(
    (model) => model.identifier === name || model.id === name || model.name === name,
  );
  if (found.length !== 1) {{
    const all = models.map((model) => model.identifier).join(", ");
    const expected = `expected one model called ${{String(name)}}`;
    throw new RangeError(`${{expected}}, got ${{found.length}}; there are: ${{all}}`);
  }}
  return found[0];
}}

/** Predict what a request costs on a model, by its identifier, id or name. */
export function predict(name, inputTokens, outputTokens) {{
  return findModel(name).predict(inputTokens, outputTokens);
}}
"""


class JavaScript(Language):
    """ECMAScript 2015 and later."""

    functions: ClassVar[Mapping[Operation, str]] = {
        Operation.EXP: "Math.exp",
        Operation.TANH: "Math.tanh",
        Operation.LOG1P: "Math.log1p",
        Operation.CEIL: "Math.ceil",
        Operation.POWER: "Math.pow",
    }
    square_root = "Math.sqrt"
    unknown = "NaN"

    def choice(self, test: str, then: str, otherwise: str) -> str:
        """Return a conditional expression."""
        return f"{test} ? {then} : {otherwise}"


LANGUAGE = JavaScript()


class JavaScriptModule(Target):
    """Writes the module."""

    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file."""
        metadata = metadata_of(bundle)
        head = HEAD.format(
            most=MAX_TOKENS,
            provenance=literal(plain(bundle.provenance)),
            quantities=literal(metadata.quantities),
            confidence=LANGUAGE.number(bundle.confidence),
            parallel=bundle.parallel,
        )
        functions = [_function(place, one) for place, one in enumerate(bundle.models)]
        rows = ",\n".join(
            f"  {{ ...{literal(plain(told))}, predict: predict{place} }}"
            for place, told in enumerate(metadata.models)
        )
        comment = "\n".join(f"// {line}" for line in headline(bundle))
        return "\n".join([comment, "", head, *functions, TAIL.format(models=rows)]).encode()

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of JavaScript."""
        return (
            f"import {{ predict }} from {literal('./' + path.name)};",
            f"predict({literal(bundle.models[0].identifier)}, 512, 128).{bundle.example}",
        )


def literal(value: Any) -> str:
    """Return a plain value as JavaScript that is inert within a page too."""
    return json.dumps(value, indent=None).replace("<", "\\u003c").replace(">", "\\u003e")


def _function(place: int, one: ExportedModel) -> str:
    """Return the function of a model and its staircases."""
    inputs = dict(zip(INPUTS, ("inputTokens", "outputTokens"), strict=True))
    written = statements(one.program, LANGUAGE, f"steps{place}", LOOK_UP, inputs)
    tables = "".join(
        f"const {name}_{part} = [{numbers(LANGUAGE, values)}];\n"
        for name, steps in written.tables.items()
        for part, values in (("edges", steps.edges), ("levels", steps.levels))
    )
    results = (
        f"    {name}: {f'{result} >= 1.0' if name in FLAGS else f'known({result})'},"
        for name, result in written.results.items()
    )
    return FUNCTION.format(
        words=f"{plain_words(one.record.name)} on {plain_words(one.record.device)}",
        tables=tables,
        name=f"predict{place}",
        lines="\n".join(f"  const {name} = {text};" for name, text in written.lines),
        results="\n".join(results),
    )
