"""A Python module without dependencies: one file, the standard library alone."""

from __future__ import annotations

from keyword import iskeyword
from pathlib import Path
from pprint import pformat

from token2metrics.export.metadata import FLAGS, headline, metadata_of, plain
from token2metrics.export.target import Bundle, Target
from token2metrics.prediction.python_source import REQUIRED, python_source
from token2metrics.vocabulary import MAX_TOKENS

WIDTH = 100

HEAD = '''\
"""{words}

``predict(input_tokens, output_tokens, model)`` returns a dictionary of ``QUANTITIES``, None where
nothing was measured. ``MODELS`` says what each model is and rests on.
"""

{required}
MAX_TOKENS = {most}
PROVENANCE = {provenance}
CONFIDENCE = {confidence!r}
PARALLEL = {parallel}
QUANTITIES = {quantities}
FLAGS = {flags}
MODELS = {models}

'''

TAIL = '''\
_FUNCTIONS = {{
{functions}
}}


def find_model(name=None):
    """Return the identifier of a model by its identifier, id or name; None is the only model.

    Raises:
        ValueError: Unless exactly one model answers.
    """
    found = [
        key for key, told in MODELS.items() if name in (None, key, told["id"], told["name"])
    ]
    if len(found) != 1:
        raise ValueError(
            "expected the name of one model, got %r; there are: %s" % (name, ", ".join(MODELS))
        )
    return found[0]


def predict(input_tokens, output_tokens, model=None):
    """Return what a request costs, by quantity.

    Args:
        input_tokens: Prompt tokens, a whole number from 0 to MAX_TOKENS.
        output_tokens: Generated tokens, likewise.
        model: Identifier, id or name; not needed where there is one.

    Raises:
        ValueError: If a count is none, or no model or several are so called.
    """
    _check("input_tokens", input_tokens)
    _check("output_tokens", output_tokens)
    values = _FUNCTIONS[find_model(model)](input_tokens, output_tokens)
    return {{
        name: value == 1.0 if name in FLAGS else None if value != value else value
        for name, value in zip(QUANTITIES, values)
    }}


def _check(name, count):
    """Refuse what is no token count."""
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 0 <= count <= MAX_TOKENS:
        raise ValueError(
            "expected %s to be a whole number 0..%d, got %r" % (name, MAX_TOKENS, count)
        )
'''


class PythonModule(Target):
    """Writes the module."""

    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file."""
        metadata = metadata_of(bundle)
        head = HEAD.format(
            words="\n".join(headline(bundle)),
            required=REQUIRED,
            most=MAX_TOKENS,
            provenance=_literal(plain(bundle.provenance)),
            confidence=bundle.confidence,
            parallel=bundle.parallel,
            quantities=_literal(metadata.quantities),
            flags=_literal(sorted(FLAGS.intersection(bundle.quantities))),
            models=_literal({one.identifier: plain(one) for one in metadata.models}),
        )
        sources = [python_source(one.program, f"_{one.identifier}") for one in bundle.models]
        functions = "\n".join(
            f'    "{one.identifier}": _{one.identifier},' for one in bundle.models
        )
        written = "\n\n".join(f"{source.tables}{source.function}" for source in sources)
        return f"{head}\n{written}\n\n{TAIL.format(functions=functions)}".encode()

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of Python."""
        named = "" if len(bundle.models) == 1 else f', "{bundle.models[0].identifier}"'
        importable = path.stem.isidentifier() and not iskeyword(path.stem)
        return (
            (
                f"from {path.stem} import predict"
                if importable
                else f'import runpy; predict = runpy.run_path({path.name!r})["predict"]'
            ),
            f'predict(512, 128{named})["{bundle.example}"]',
        )


def _literal(value: object) -> str:
    """Return a plain value as ASCII source."""
    return pformat(value, width=WIDTH, sort_dicts=False)
