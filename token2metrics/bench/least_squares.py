"""Least squares as rivals use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from token2metrics.bench.contender import Array

Features = Callable[[Array, Array], Array]
"""Input and output tokens, ``(rows,)``, to a matrix ``(rows, coefficients)``."""

ONE = np.ones(1)


@dataclass(frozen=True, slots=True)
class LinearCurve:
    """A sum of features with fitted coefficients.

    Attributes:
        features: The features.
        coefficients: One per feature.
    """

    features: Features
    coefficients: Array

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the value of every row, ``(rows,)``."""
        value: Array = self.features(input_tokens, output_tokens) @ self.coefficients
        return value


def count_of(features: Features) -> int:
    """Return how many coefficients a form has."""
    return int(features(ONE, ONE).shape[1])


def fit_linear(
    features: Features,
    input_tokens: Array,
    output_tokens: Array,
    target: Array,
    *,
    relative: bool = False,
) -> LinearCurve | None:
    """Fit a linear form by ordinary least squares, unconstrained.

    Columns are scaled to one length first, as ``numpy.polyfit`` does; where the rows leave
    coefficients open, the solution of the smallest scaled coefficients is taken, as it does too.

    Args:
        features: The features.
        input_tokens: Prompt tokens, ``(rows,)``.
        output_tokens: Generated tokens, ``(rows,)``.
        target: What is fitted, ``(rows,)``; above 0.
        relative: Whether every row counts by its relative error.

    Returns:
        The curve; None with fewer rows than coefficients.
    """
    if len(target) < count_of(features):
        return None
    weights = 1.0 / target if relative else np.ones_like(target)
    matrix = features(input_tokens, output_tokens) * weights[:, None]
    lengths = np.linalg.norm(matrix, axis=0)
    scale = np.where(lengths > 0, lengths, 1.0)
    solution = np.linalg.lstsq(matrix / scale, target * weights, rcond=None)[0]
    return LinearCurve(features, solution / scale)
