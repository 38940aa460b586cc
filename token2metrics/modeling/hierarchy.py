"""Learn from a source's rows what the edge device's own rows should look like."""

from __future__ import annotations

import numpy as np
import torch

from token2metrics.config import ExperimentConfig
from token2metrics.curves.roofline import RooflineCurve
from token2metrics.errors import ConfigurationError
from token2metrics.modeling.beliefs import Belief, Beliefs, handed_down, nominal_beliefs
from token2metrics.modeling.candidates import Candidate, Sources, build_formulas
from token2metrics.modeling.fit import fit, precision_of
from token2metrics.modeling.parameters import Slot, places_of
from token2metrics.modeling.problem import Problem
from token2metrics.modeling.rows import FitRows
from token2metrics.vocabulary import CalibrationMethod, Phase, RegressionType, SourceKind

NOMINAL = Candidate(RegressionType.ROOFLINE, SourceKind.HARDWARE, CalibrationMethod.PRIOR)


def beliefs_of(
    kind: SourceKind, sources: Sources, experiment: ExperimentConfig, torch_device: str
) -> Beliefs:
    """Return what a source says of the model's roofline on the edge device.

    Args:
        kind: ``hardware``, ``server``, ``siblings`` or ``modes``.
        sources: The rows behind it.
        experiment: The model and its devices.
        torch_device: Where the fit runs.

    Raises:
        ConfigurationError: If the kind is none of these.
    """
    order = _norm_order(experiment)
    own = nominal_beliefs(experiment.edge, order)
    match kind:
        case SourceKind.HARDWARE:
            return own
        case SourceKind.SIBLINGS | SourceKind.MODES:
            above = own
        case SourceKind.SERVER if experiment.server is not None:
            above = nominal_beliefs(experiment.server, order)
        case _:
            raise ConfigurationError(f"expected a source with rows or nominal figures, got {kind}")
    learned = _learned(sources.others[kind], above, experiment, torch_device)
    return handed_down(learned, kind, above, own)


def _norm_order(experiment: ExperimentConfig) -> float:
    """Return the order of the prefill norm that the experiment's roofline starts from."""
    curve = build_formulas(NOMINAL, experiment)[Phase.PREFILL].curve
    assert isinstance(curve, RooflineCurve)
    return curve.norm_order


def _learned(
    rows: FitRows, above: Beliefs, experiment: ExperimentConfig, torch_device: str
) -> dict[Phase, Belief]:
    """Sharpen a belief by rows: the fitted weights and how well the rows tell them."""
    problem = Problem(
        formulas=build_formulas(NOMINAL, experiment),
        method=CalibrationMethod.PRIOR,
        edge=rows,
        source=None,
        masks=torch.ones(1, len(rows), dtype=torch.float64),
        scale_factor=1.0,
        max_iterations=experiment.regression.max_iterations,
        torch_device=torch_device,
        beliefs=above,
    )
    fitted = fit(problem)
    covariance = np.linalg.inv(precision_of(problem, fitted).numpy())
    weights = fitted.values[0].numpy()
    return {
        phase: _marginal(belief, phase, fitted.slots, np.log(weights), covariance)
        for phase, belief in above.items()
    }


def _marginal(
    above: Belief,
    phase: Phase,
    slots: list[Slot],
    logarithms: np.ndarray,
    covariance: np.ndarray,
) -> Belief:
    """Take one phase's weights out of a joint fit."""
    places = places_of(slots, phase, above.names)
    return Belief(above.names, logarithms[places], covariance[np.ix_(places, places)])
