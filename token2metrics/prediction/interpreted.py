"""A model as its formulas: nothing to prepare, for whoever asks a few times."""

from __future__ import annotations

from collections.abc import Callable

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.prediction.quantities import Asked, request_quantities

Numbers = tuple[float, ...]
Compiled = Callable[[int, int], Numbers]
"""From input and output tokens to the wanted quantities, in their order."""

ALGEBRA = FloatAlgebra()

COMPILED_AFTER = 32
"""A model is compiled in the time that this many requests take by its formulas."""


class Interpreted:
    """The formulas themselves, evaluated one by one: right for the first requests."""

    def __init__(self, model: FittedModel, confidence: float, parallel: int) -> None:
        """Take a model as it is.

        Args:
            model: The fitted model.
            confidence: Of the intervals.
            parallel: Answers generated at once.
        """
        self._model = model
        self._confidence = confidence
        self._parallel = parallel
        self._asked = 0

    @property
    def worn(self) -> bool:
        """Whether a compiled model would have paid by now."""
        return self._asked >= COMPILED_AFTER

    def __call__(self, input_tokens: int, output_tokens: int) -> Numbers:
        """Return all quantities of a request."""
        self._asked += 1
        counts = float(input_tokens), float(output_tokens)
        asked = Asked(*counts, self._confidence, self._parallel)
        return tuple(request_quantities(ALGEBRA, self._model, asked).values())
