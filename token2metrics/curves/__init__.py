"""The curve families, and the factory that builds one by name."""

from collections.abc import Mapping
from typing import Any

from token2metrics.curves.curve import Curve, CurveWeights, Parameter
from token2metrics.curves.linear import LinearCurve
from token2metrics.curves.mlp import MlpCurve
from token2metrics.curves.polynomial import PolynomialCurve
from token2metrics.curves.roofline import RooflineCurve
from token2metrics.curves.spline import SplineCurve
from token2metrics.curves.tree import TreeCurve
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase, RegressionType

__all__ = ["FAMILIES", "Curve", "CurveWeights", "Parameter", "build_curve"]

FAMILIES: dict[RegressionType, type[Curve]] = {
    RegressionType.LINEAR: LinearCurve,
    RegressionType.POLYNOMIAL: PolynomialCurve,
    RegressionType.TREE: TreeCurve,
    RegressionType.SPLINE: SplineCurve,
    RegressionType.MLP: MlpCurve,
    RegressionType.ROOFLINE: RooflineCurve,
}
"""Every family by its name in configurations and artifacts."""


def build_curve(
    family: RegressionType, phase: Phase, hyperparameters: Mapping[str, Any] | None = None
) -> Curve:
    """Build one curve.

    Args:
        family: Any family but ``auto``.
        phase: ``prefill`` or ``decode``.
        hyperparameters: Fields of the family's curve; those left out take their defaults.

    Raises:
        ConfigurationError: If the family is not a curve or a hyperparameter is unknown.
    """
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ConfigurationError(f"expected a curve family among {known}, got {family}")
    try:
        return FAMILIES[family](phase=phase, **(hyperparameters or {}))
    except TypeError as error:
        raise ConfigurationError(f"{family} does not take {dict(hyperparameters or {})}") from error
