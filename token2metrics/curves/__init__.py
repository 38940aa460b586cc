"""The curve families, and the factory that builds one by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from token2metrics.curves.curve import Curve, CurveWeights, Parameter
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase, RegressionType

__all__ = ["FAMILIES", "Curve", "CurveWeights", "Parameter", "build_curve", "family_of"]

FAMILIES = {
    RegressionType.LINEAR: "LinearCurve",
    RegressionType.POLYNOMIAL: "PolynomialCurve",
    RegressionType.TREE: "TreeCurve",
    RegressionType.SPLINE: "SplineCurve",
    RegressionType.MLP: "MlpCurve",
    RegressionType.ROOFLINE: "RooflineCurve",
}
"""The class of every family, by its name in configurations and artifacts.

It is in the module that is called as the family is; only those that are used are imported.
"""


def family_of(name: RegressionType) -> type[Curve]:
    """Return a family.

    Args:
        name: One of ``FAMILIES``.
    """
    family: type[Curve] = getattr(import_module(f"{__name__}.{name}"), FAMILIES[name])
    return family


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
        return family_of(family)(phase=phase, **(hyperparameters or {}))
    except TypeError as error:
        raise ConfigurationError(f"{family} does not take {dict(hyperparameters or {})}") from error
