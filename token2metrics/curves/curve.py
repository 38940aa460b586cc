"""The seam of the curve families: non-negative weights on features that never fall."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic

from msgspec import Struct, StructMeta

from token2metrics.algebra import Algebra, StepTable, T
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

PHASE = "phase"
"""The field of a curve that is no hyperparameter."""

MAX_WEIGHT = 1e12
"""The largest weight an artifact may hold: every formula stays finite below it."""


class Parameter(Struct, frozen=True):
    """One scalar weight of a formula and the interval in which every law holds.

    Attributes:
        name: Name of the weight within its part of the model.
        initial: Where a fit starts.
        lower: Smallest lawful value.
        upper: Largest lawful value.
        spread: How far rows may easily move it from its initial value: standard deviation of
            its prior, in the free numbers of the fit (logarithms of non-negative weights, logits of
            bounded ones); None for no prior.
    """

    name: str
    initial: float
    lower: float = 0.0
    upper: float = MAX_WEIGHT
    spread: float | None = None

    def allows(self, value: float) -> bool:
        """Return whether ``value`` keeps every law."""
        return math.isfinite(value) and self.lower <= value <= self.upper


class Regularity(Struct, frozen=True):
    """How an exact fit is kept from following noise; penalties in units of relative error.

    Attributes:
        slopes: Penalty on the weights of the basis.
        steps: Penalty on the heights of learned steps.
        differences: Penalty on the differences of neighbouring weights among ``neighbours``.
        neighbours: Names of basis weights that should resemble each other, in order.
        scaled: Whether slopes count in shares of the latency, rather than per token.
        most_steps: Most thresholds a staircase may have.
    """

    slopes: float = 0.0
    steps: float = 0.0
    differences: float = 0.0
    neighbours: tuple[str, ...] = ()
    scaled: bool = True
    most_steps: int = 0


class CurveWeights(Struct, Generic[T], frozen=True):
    """The fitted numbers of a curve.

    Attributes:
        values: Scalar weights by parameter name.
        steps: Learned staircase, for families that have one.
    """

    values: Mapping[str, T]
    steps: StepTable[T] | None = None


class Abstract(StructMeta, ABCMeta):
    """Makes Structs that cannot be made before their abstract methods are written."""


class Curve(Struct, frozen=True, metaclass=Abstract):
    """A phase latency that never falls as tokens rise, at any lawful weights.

    A curve is a sum (or another rising combination) of terms. The terms are non-negative
    weights times the features of ``basis``, possibly shaped further by ``shape_parameters``.

    Attributes:
        phase: ``prefill`` or ``decode``.
        linear_in_weights: Whether the latency is exactly the weighted sum of basis and steps.
    """

    phase: Phase
    linear_in_weights: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse hyperparameters outside the ranges in which the laws hold.

        Raises:
            ConfigurationError: If one is.
        """
        for name, (lowest, highest) in self.ranges().items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise ConfigurationError(
                    f"expected {name} in {lowest:g}..{highest:g}, got {value!r}"
                )

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful range of each numeric hyperparameter."""
        return {}

    @abstractmethod
    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return the features by weight name, each >= 0 and never falling with tokens."""

    def hyperparameters(self) -> dict[str, Any]:
        """Return the fields that rebuild the curve, beside its phase."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name != PHASE}

    def shape_parameters(self) -> tuple[Parameter, ...]:
        """Return the parameters that enter otherwise than as factors of the basis."""
        return ()

    def regularity(self) -> Regularity:
        """Return the penalties of an exact fit."""
        return Regularity()

    def step_axis(self, workload: Workload[T]) -> T | None:
        """Return the token count along which the family learns steps, if it does."""
        return None

    def terms(
        self, algebra: Algebra[T], workload: Workload[T], weights: CurveWeights[T]
    ) -> dict[str, T]:
        """Return the named parts of the latency in seconds, each >= 0 and never falling."""
        return {
            name: weights.values[name] * algebra.constant(feature)
            for name, feature in self.basis(algebra, workload).items()
        }

    def term_names(self, algebra: Algebra[T], workload: Workload[T]) -> tuple[str, ...]:
        """Return the names of ``terms``."""
        return tuple(self.basis(algebra, workload))

    def combine(self, algebra: Algebra[T], terms: Mapping[str, T], weights: CurveWeights[T]) -> T:
        """Join the terms into the phase latency in seconds: their sum."""
        return total(terms)


def total(terms: Mapping[str, T]) -> T:
    """Return the sum of named terms, at least one."""
    whole, *others = terms.values()
    for term in others:
        whole = whole + term
    return whole


def present(feature: T) -> T:
    """Return a feature of ones, of the same kind and shape as ``feature``."""
    one: T = feature * 0.0 + 1.0
    return one
