"""What is known of a law's coefficients, and how far off its predictions are expected to be.

The logarithm of a latency, linearised around a fit, is a linear function of normal coefficients:
the free numbers of the weights and the departures from the law. What is known of them is a
covariance, which every measured latency narrows (Bayesian linear regression; Chaloner and
Verdinelli 1995, "Bayesian experimental design", section 2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from token2metrics.vocabulary import Phase

Array = NDArray[np.float64]

PERCENT = 100.0
NINETY_PERCENT = 0.9
HALVINGS = 60
WIDEST_SPREADS = 10.0
"""No normal error lies beyond this many of the largest spread."""

NORMAL_MEAN = math.sqrt(2.0 / math.pi)
"""Mean absolute value of a standard normal number."""


@dataclass(frozen=True, slots=True)
class Views:
    """What the latencies of some requests tell of the coefficients.

    Attributes:
        slopes: Derivative of the logarithm by each coefficient, ``(requests, coefficients)``.
        noise: Variance of the logarithm that no coefficient explains, ``(requests,)``; infinite
            where a request shows nothing, because it has no such work.
        latency_s: Predicted seconds, ``(requests,)``.
    """

    slopes: Array
    noise: Array
    latency_s: Array

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.noise)

    @property
    def shows(self) -> NDArray[np.bool_]:
        """Which requests show anything, ``(requests,)``."""
        return np.isfinite(self.noise)

    def at(self, places: NDArray[np.int_] | NDArray[np.bool_]) -> Views:
        """Return some of the requests."""
        return Views(self.slopes[places], self.noise[places], self.latency_s[places])


PhaseViews = Mapping[Phase, Views]


def summed(parts: PhaseViews) -> Views:
    """Return what the sum of some phases' latencies tells.

    The logarithm of a sum moves by those of its parts, each weighed by its share.

    Args:
        parts: The phases, of the same requests.

    Returns:
        A request without work in any phase shows nothing.
    """
    total_s = sum((part.latency_s for part in parts.values()), start=np.zeros(()))
    works = np.asarray(total_s > 0.0)
    shares = {
        phase: np.divide(part.latency_s, total_s, out=np.zeros_like(part.latency_s), where=works)
        for phase, part in parts.items()
    }
    weighed = [shares[phase][:, None] * part.slopes for phase, part in parts.items()]
    noises = [
        np.where(part.shows, shares[phase], 0.0) ** 2 * np.where(part.shows, part.noise, 0.0)
        for phase, part in parts.items()
    ]
    noise = np.where(works, np.sum(noises, axis=0), np.inf)
    return Views(np.sum(weighed, axis=0), noise, np.asarray(total_s))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A normal distribution of the coefficients around the fit.

    Attributes:
        covariance: Their covariance, symmetric and positive semidefinite,
            ``(coefficients, coefficients)``.
    """

    covariance: Array

    def after(self, seen: Views) -> Knowledge:
        """Return what is known once latencies are measured; never more uncertain than before.

        Written as ``L (I + L^T G^T R^-1 G L)^-1 L^T`` with ``C = L L^T``, which stays symmetric
        and positive semidefinite whatever is measured.

        Args:
            seen: The measured latencies.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
        scaled = (seen.slopes @ root) / np.sqrt(seen.noise)[:, None]
        curvature = np.eye(root.shape[1]) + scaled.T @ scaled
        half: Array = np.linalg.solve(np.linalg.cholesky(curvature), root.T)
        return Knowledge(half.T @ half)

    def information(self) -> Array:
        """Return the inverse of the covariance, symmetric and positive semidefinite."""
        inverse = np.linalg.pinv(self.covariance, hermitian=True)
        return np.asarray(inverse, dtype=np.float64)

    def variances(self, asked: Views) -> Array:
        """Return the variance of the logarithm of each request's latency, ``(requests,)``."""
        known = ((asked.slopes @ self.covariance) * asked.slopes).sum(axis=1)
        total: Array = np.maximum(known, 0.0) + asked.noise
        return total


def quantile_of_errors(spreads: Array, weights: Array, share: float = NINETY_PERCENT) -> float:
    """Return the absolute error below which a share of the requests is expected to lie.

    Every request's error is normal around zero with its own spread.

    Args:
        spreads: Standard deviations, ``(requests,)``, above zero.
        weights: How often each request comes, ``(requests,)``, summing to one.
        share: The share.
    """
    low, high = 0.0, WIDEST_SPREADS * float(spreads.max())
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        below = float(weights @ erf(middle / (math.sqrt(2.0) * spreads)))
        low, high = (middle, high) if below < share else (low, middle)
    return high


def as_percent(logarithm: float) -> float:
    """Return how far off, in percent, a latency is whose logarithm is off by so much."""
    return PERCENT * math.expm1(logarithm)
