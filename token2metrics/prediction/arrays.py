"""Price arrays of requests at once, on NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.prediction.program import INPUTS, Program, build_program, evaluate
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.symbolic import Node, Operation
from token2metrics.vocabulary import MAX_TOKENS

Array = NDArray[np.float64]

LENGTHS_WORTH_A_REQUEST = 2
"""A table of prompt lengths pays where there are twice as many requests as lengths."""

AT_ONCE = 8_192
"""Requests priced together: intermediate numbers stay in the cache of a core."""


class ArrayAlgebra:
    """The algebra of formulas over float64 arrays."""

    def constant(self, value: Array) -> Array:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def number(self, value: float) -> Array:
        """Return a plain number as a quantity."""
        return np.asarray(value, dtype=np.float64)

    def exp(self, exponent: Array) -> Array:
        """Return ``e`` to the power of ``exponent``."""
        return np.asarray(np.exp(exponent))

    def tanh(self, value: Array) -> Array:
        """Return the hyperbolic tangent."""
        return np.asarray(np.tanh(value))

    def log1p(self, value: Array) -> Array:
        """Return ``log(1 + value)``."""
        return np.asarray(np.log1p(value))

    def ceil(self, value: Array) -> Array:
        """Return the smallest whole number not below ``value``."""
        return np.asarray(np.ceil(value))

    def maximum(self, value: Array, floor: Array | float) -> Array:
        """Return the larger of both."""
        return np.asarray(np.fmax(value, floor))

    def power(self, base: Array, exponent: Array | float) -> Array:
        """Return ``base ** exponent`` for ``base >= 0``."""
        return np.asarray(np.power(base, exponent))

    def at_least(self, value: Array, threshold: Array | float) -> Array:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return np.asarray(value >= threshold, dtype=np.float64)

    def unknown(self) -> Array:
        """Return a quantity of which nothing is known: not a number."""
        return self.number(np.nan)

    def select(self, flag: Array, then: Array, otherwise: Array) -> Array:
        """Return ``then`` where ``flag`` is 1, and ``otherwise`` where it is 0."""
        return np.where(flag == 1.0, then, otherwise)

    def staircase(self, value: Array, table: StepTable[Array]) -> Array:
        """Return the level of the last edge below ``value``, or 0."""
        levels = np.array([0.0, *table.levels])
        return np.asarray(levels[np.searchsorted(table.edges, value, side="left")])


ALGEBRA = ArrayAlgebra()


def price_arrays(
    model: FittedModel,
    counts: tuple[ArrayLike, ArrayLike],
    names: Sequence[str],
    confidence: float,
    parallel: int,
) -> dict[str, NDArray[np.generic]]:
    """Return what requests cost.

    Args:
        model: The fitted model.
        counts: Input and output tokens, whole numbers, ``(requests,)`` each.
        names: Wanted quantities.
        confidence: Of every interval.
        parallel: Answers generated at once.

    Returns:
        An array ``(requests,)`` for each name: float64, ``nan`` where nothing measured supports the
        number; ``extrapolated`` is boolean.

    Raises:
        RequestError: If a count is none that a request can have, or the lengths differ.
    """
    prompts, answers = (_counts(*pair) for pair in zip(INPUTS, counts, strict=True))
    if prompts.shape != answers.shape:
        raise RequestError(
            f"expected as many output_tokens as input_tokens, got {answers.size} and {prompts.size}"
        )
    program = build_program(model, names, confidence, parallel)
    found = {name: np.empty(prompts.shape) for name in names}
    with np.errstate(under="ignore"):
        table = _prompt_table(program, prompts)
        for start in range(0, prompts.size, AT_ONCE):
            part = slice(start, start + AT_ONCE)
            inputs = dict(zip(INPUTS, (prompts[part], answers[part]), strict=True))
            places = prompts[part].astype(np.intp) if table else None
            given = {node: values[places] for node, values in table.items()}
            for name, values in program.evaluate(ALGEBRA, inputs, given).items():
                found[name][part] = values
    return {
        name: values == 1.0 if name == EXTRAPOLATED else values for name, values in found.items()
    }


def _prompt_table(program: Program, prompts: Array) -> dict[Node, Array]:
    """Return what prompts alone decide, at every length up to the longest, if that saves work."""
    prompt = INPUTS[0]
    longest = int(prompts.max(initial=0.0))
    if longest * LENGTHS_WORTH_A_REQUEST > prompts.size:
        return {}
    lengths = np.arange(longest + 1, dtype=np.float64)
    decided = [
        node for node in program.depending_on_alone(prompt) if node.operation is not Operation.INPUT
    ]
    values = evaluate(ALGEBRA, decided, {prompt: lengths})
    return dict(zip(decided, values, strict=True))


def _counts(name: str, given: ArrayLike) -> Array:
    """Return token counts as floats, refusing those that no request can have."""
    try:
        counts = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"expected {name} to be numbers: {error}") from error
    if counts.ndim != 1:
        raise RequestError(f"expected {name} of one dimension, got the shape {counts.shape}")
    wrong = ~((counts >= 0) & (counts <= MAX_TOKENS) & (counts == np.floor(counts)))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise RequestError(
            f"expected {name} to be whole numbers 0..{MAX_TOKENS}, got {counts[place]!r} "
            f"at position {place}"
        )
    return counts
