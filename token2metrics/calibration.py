"""Carry a source curve to the edge device: one class per form of the correction.

Every calibration is a rising function of the source's terms, and leaves a decode without steps at
zero, so the laws of the curve hold after it too. Each starts at the identity.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import assert_never

from msgspec import Struct

from token2metrics.algebra import Algebra, T
from token2metrics.curves import Parameter
from token2metrics.curves.curve import Abstract
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import CalibrationMethod

MIN_EXPONENT = 0.25
MAX_EXPONENT = 4.0
DEFAULT_SPREAD = 0.1

Join = Callable[[Mapping[str, T]], T]
"""Joins named terms in seconds into a latency in seconds."""


class Calibration(Struct, frozen=True, metaclass=Abstract):
    """A correction of a source curve with a handful of weights.

    Attributes:
        terms: Names of the source curve's terms.
        spread: Prior spread of what few rows should leave at the identity.
    """

    terms: tuple[str, ...] = ()
    spread: float = DEFAULT_SPREAD

    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the weights; at their initial values the correction is the identity."""

    @abstractmethod
    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the edge latency in seconds.

        Args:
            algebra: Where the quantities live.
            join: The curve's way to join terms into a latency.
            terms: The source's terms in seconds.
            started: 1 where the phase has work, else 0.
            weights: Values of ``parameters`` by name.
        """


class Identity(Calibration, frozen=True):
    """No correction: a curve fitted on the edge rows themselves."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return nothing."""
        return ()

    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the curve's own latency."""
        return join(terms)


class Scaling(Calibration, frozen=True):
    """``gain * source``."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the gain."""
        return (Parameter("gain", 1.0),)

    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the scaled latency."""
        latency: T = weights["gain"] * join(terms)
        return latency


class Affine(Calibration, frozen=True):
    """``offset + gain * source``, the offset paid once the phase has work."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return gain and offset in seconds."""
        return (Parameter("gain", 1.0), Parameter("offset_s", 0.0))

    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the scaled and shifted latency."""
        scaled = weights["gain"] * join(terms)
        latency: T = scaled + weights["offset_s"] * started
        return latency


class PowerLaw(Calibration, frozen=True):
    """``gain * source ** exponent``, the source in seconds."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return gain and exponent."""
        return (
            Parameter("gain", 1.0),
            Parameter("exponent", 1.0, MIN_EXPONENT, MAX_EXPONENT, spread=self.spread),
        )

    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the latency on the power law."""
        latency: T = weights["gain"] * algebra.power(join(terms), weights["exponent"])
        return latency


class PerTerm(Calibration, frozen=True):
    """A common gain, and for each term a ratio to it that few rows leave at one."""

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the common gain and the ratio of each term."""
        return (
            Parameter("gain", 1.0),
            *(Parameter(f"ratio_{term}", 1.0, spread=self.spread) for term in self.terms),
        )

    def apply(
        self,
        algebra: Algebra[T],
        join: Join[T],
        terms: Mapping[str, T],
        started: T,
        weights: Mapping[str, T],
    ) -> T:
        """Return the latency from the corrected terms."""
        corrected = {name: weights[f"ratio_{name}"] * seconds for name, seconds in terms.items()}
        latency: T = weights["gain"] * join(corrected)
        return latency


def build_calibration(
    method: CalibrationMethod, terms: tuple[str, ...], spread: float = DEFAULT_SPREAD
) -> Calibration:
    """Build the correction a method fits.

    ``SIMPLE_SCALING``, ``LOG_RATIO`` and ``MANUAL`` share the form and differ in how the gain
    is found: as the mean ratio, by robust least squares on the logarithm of the ratio, or by the
    user.

    Raises:
        ConfigurationError: If the method is ``auto``, which names no form.
    """
    match method:
        case CalibrationMethod.DIRECT | CalibrationMethod.PRIOR:
            return Identity(terms, spread)
        case (
            CalibrationMethod.SIMPLE_SCALING
            | CalibrationMethod.LOG_RATIO
            | CalibrationMethod.MANUAL
        ):
            return Scaling(terms, spread)
        case CalibrationMethod.LINEAR_FIT:
            return Affine(terms, spread)
        case CalibrationMethod.POWER_LAW:
            return PowerLaw(terms, spread)
        case CalibrationMethod.PER_TERM:
            return PerTerm(terms, spread)
        case CalibrationMethod.AUTO:
            raise ConfigurationError("auto is a search over the calibration methods, not a form")
        case _:
            assert_never(method)
