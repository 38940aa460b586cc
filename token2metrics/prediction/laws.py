"""Laws and calibrations in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.curves.mlp import MlpCurve
from token2metrics.curves.roofline import EXCESS_ORDER, RooflineCurve
from token2metrics.errors import ConfigurationError
from token2metrics.prediction.terms import EXPONENT, OFFSET_WEIGHT, curve_terms
from token2metrics.vocabulary import CalibrationMethod, Phase, SourceKind
from token2metrics.workload import Workload

MILLI = 1e3
GAIN = "gain"
RATIO_PREFIX = "ratio_"

SOURCES = {
    SourceKind.SIBLINGS: "the device's other models",
    SourceKind.MODES: "the model's other power mode",
    SourceKind.SERVER: "the model's server curve",
    SourceKind.HARDWARE: "the device's nominal figures",
    SourceKind.NONE: "its own rows",
}


def law_in_words(
    record: PhaseRecord,
    formula: PhaseFormula,
    weights: PhaseWeights[float],
    workload: Workload[float],
) -> str:
    """Return the form of a curve.

    Args:
        record: The phase.
        formula: Its formula.
        weights: Its weights.
        workload: Any request.
    """
    return f"{record.family}: {_form(formula, weights, workload)}"


def _form(formula: PhaseFormula, weights: PhaseWeights[float], workload: Workload[float]) -> str:
    """Return how the terms join."""
    curve = formula.curve
    if isinstance(curve, RooflineCurve):
        if curve.phase is Phase.DECODE:
            return "each step reads the weights, reads the KV cache and launches every layer: a sum"
        order = weights.curve.values[EXCESS_ORDER] + 1.0
        return (
            "p-norm (a smooth maximum) of arithmetic, one read of the weights and launches, "
            f"order {order:.3g}"
        )
    terms = list(curve_terms(curve, workload))
    if isinstance(curve, MlpCurve):
        return f"{listed(terms)}, bent by a rising network of {curve.hidden} hidden units"
    return f"sum of {listed(terms)}" if len(terms) > 1 else f"proportional to {terms[0]}"


def listed(words: Sequence[str]) -> str:
    """Write words in a row, at least one."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def calibration_in_words(record: PhaseRecord, weights: Mapping[str, float]) -> str:
    """Return how a curve came to the edge device.

    Args:
        record: The phase.
        weights: Weights of the calibration.

    Raises:
        ConfigurationError: If the method is ``auto``, which names no form.
    """
    source, rows = SOURCES[record.source], record.edge_rows
    own = f"{rows:,} own {'row' if rows == 1 else 'rows'}"
    match record.calibration:
        case CalibrationMethod.DIRECT:
            return f"direct: fitted on {own} alone"
        case CalibrationMethod.PRIOR:
            moved = f"moved by {own}" if rows else "moved by no row of the model"
            return f"prior: starts from {source}, {moved}"
        case CalibrationMethod.MANUAL:
            return f"manual: {source} times {weights[GAIN]:.4g}, as given"
        case CalibrationMethod.SIMPLE_SCALING | CalibrationMethod.LOG_RATIO:
            how = _HOW_FOUND[record.calibration]
            return f"{record.calibration}: {source} times {weights[GAIN]:.4g}, {how} of {own}"
        case CalibrationMethod.LINEAR_FIT:
            offset = f"{MILLI * weights[OFFSET_WEIGHT]:.3g} ms"
            return f"linear_fit: {source} times {weights[GAIN]:.4g} plus {offset}, fitted on {own}"
        case CalibrationMethod.POWER_LAW:
            form = f"{weights[GAIN]:.4g} times {source} to the power of {weights[EXPONENT]:.4g}"
            return f"power_law: {form}, fitted on {own}; the factors are those before it"
        case CalibrationMethod.PER_TERM:
            ratios = {n.removeprefix(RATIO_PREFIX): v for n, v in weights.items() if n != GAIN}
            each = listed([f"{name} times {value:.4g}" for name, value in ratios.items()])
            return f"per_term: {source} times {weights[GAIN]:.4g}, {each}, fitted on {own}"
        case CalibrationMethod.AUTO:
            raise ConfigurationError("auto is a search over the calibration methods, not a form")
        case _:
            assert_never(record.calibration)


_HOW_FOUND = {
    CalibrationMethod.SIMPLE_SCALING: "the mean ratio",
    CalibrationMethod.LOG_RATIO: "a robust mean ratio",
}
