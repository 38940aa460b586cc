"""Which family, calibration and source could describe a model, and which does best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from token2metrics.calibration import build_calibration
from token2metrics.config import ExperimentConfig
from token2metrics.cost import PhaseFormula
from token2metrics.curves import FAMILIES, build_curve
from token2metrics.heads import PowerHead
from token2metrics.modeling.rows import ALGEBRA, FitRows
from token2metrics.modeling.validation import HeldOut, Split, ValidationPlan
from token2metrics.vocabulary import (
    FITTED_PHASES,
    CalibrationMethod,
    Phase,
    RegressionType,
    SourceKind,
)

HALF_COUNTED_ERROR = 0.5
"""A held-out row this far off, as a logarithm, counts half of what a hopeless one does."""

TRANSFERRED = tuple(
    method
    for method in CalibrationMethod
    if method not in (CalibrationMethod.AUTO, CalibrationMethod.DIRECT, CalibrationMethod.MANUAL)
)
"""The methods that learn a correction of a source curve."""

Errors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to describe a model on a device."""

    family: RegressionType
    source: SourceKind
    method: CalibrationMethod

    def __str__(self) -> str:
        """Return the candidate in words."""
        origin = "edge rows" if self.source is SourceKind.NONE else self.source
        return f"{self.family}, {self.method} from {origin}"


PREFERENCE = (
    Candidate(RegressionType.ROOFLINE, SourceKind.SIBLINGS, CalibrationMethod.LOG_RATIO),
    Candidate(RegressionType.ROOFLINE, SourceKind.SERVER, CalibrationMethod.PER_TERM),
    Candidate(RegressionType.ROOFLINE, SourceKind.NONE, CalibrationMethod.DIRECT),
)
"""What is taken where rows are too few to validate: the same device's other models, then the
same model's server curve, then the architecture alone."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The rows a model can be fitted on.

    Attributes:
        edge: Rows of the model on the device; None where there are none.
        others: Rows of each source that has any.
        server_model: Model of the server rows.
    """

    edge: FitRows | None
    others: Mapping[SourceKind, FitRows] = field(default_factory=dict)
    server_model: str | None = None


def list_candidates(experiment: ExperimentConfig, sources: Sources) -> list[Candidate]:
    """List every candidate the configuration allows and the rows support.

    Without edge rows the device's other models are taken as they are; a server's curve says
    nothing of the device without a factor. A factor given by hand applies to the server curve
    where there is one. A method that needs a source where there is none falls back to the edge
    rows alone.
    """
    chosen = experiment.regression.type
    families = list(FAMILIES) if chosen is RegressionType.AUTO else [chosen]
    return [
        candidate
        for family in families
        for candidate in _of_family(family, experiment.calibration.method, sources)
    ]


def _of_family(
    family: RegressionType, method: CalibrationMethod, sources: Sources
) -> list[Candidate]:
    """List the candidates of one family."""
    usable = [
        kind
        for kind in sources.others
        if kind is SourceKind.SERVER or family is RegressionType.ROOFLINE
    ]
    direct = Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT)
    if method is CalibrationMethod.MANUAL and usable:
        return [Candidate(family, usable[0], method)]
    if sources.edge is None:
        own_device = [kind for kind in usable if kind is SourceKind.SIBLINGS]
        return [Candidate(family, kind, CalibrationMethod.MANUAL) for kind in own_device]
    if method is CalibrationMethod.AUTO:
        carried = [Candidate(family, kind, m) for kind in usable for m in TRANSFERRED]
        return [direct, *carried]
    if method is CalibrationMethod.DIRECT or not usable:
        return [direct]
    return [Candidate(family, kind, method) for kind in usable]


def build_formulas(
    candidate: Candidate,
    experiment: ExperimentConfig,
    rows: FitRows,
    heads: Mapping[Phase, PowerHead] | None = None,
) -> dict[Phase, PhaseFormula]:
    """Build the formula of both phases.

    Args:
        candidate: Family and method.
        experiment: Hyperparameters of the configured family, and the prior spread.
        rows: Any rows, to learn the names of the curve's terms.
        heads: Power head of the phases that have measured energy.
    """
    regression = experiment.regression
    hyperparameters = (
        regression.section().model_dump() if candidate.family is regression.type else {}
    )
    formulas = {}
    for phase in FITTED_PHASES:
        curve = build_curve(candidate.family, phase, hyperparameters)
        terms = curve.term_names(ALGEBRA, rows.workload)
        spread = experiment.calibration.ratio_spread
        calibration = build_calibration(candidate.method, terms, spread)
        formulas[phase] = PhaseFormula(curve, calibration, (heads or {}).get(phase))
    return formulas


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate and its logarithmic errors in every fit of the validation plan.

    Attributes:
        candidate: The candidate.
        errors: Logarithm of predicted over measured latency, ``(fits, rows)``.
    """

    candidate: Candidate
    errors: Errors

    def loss(self, held: Sequence[HeldOut], rows: NDArray[np.bool_]) -> float:
        """Return the mean bounded error over held-out rows of a kind; infinite without any."""
        errors = np.abs(self.held_out(held, rows))
        if not len(errors):
            return float("inf")
        return float((errors / (HALF_COUNTED_ERROR + errors)).mean())

    def held_out(self, held: Sequence[HeldOut], rows: NDArray[np.bool_]) -> Errors:
        """Return the logarithmic errors on held-out rows of a kind."""
        errors = [self.errors[part.fit, part.rows & rows] for part in held]
        return np.concatenate(errors) if errors else np.array([])


@dataclass(frozen=True, slots=True)
class Choice:
    """What validation chose for a phase.

    Attributes:
        candidate: The winner.
        loss: Its cross-validated mean error; infinite when nothing could be validated.
        nested: Errors of rows held out from the choice too, signed and relative.
        test: Errors of the test rows, held out from the choice too.
        validated_on: The held-out rows of the cross-validation.
    """

    candidate: Candidate
    loss: float
    nested: Errors
    test: Errors
    validated_on: tuple[HeldOut, ...] = ()


def rows_of_phase(rows: FitRows, phase: Phase) -> NDArray[np.bool_]:
    """Return the rows that judge a phase: its own, or whole requests where it has none."""
    own = rows.pure[phase]
    return (own if bool(own.any()) else rows.pure[Phase.REQUEST]).numpy()


def choose(scored: Sequence[Scored], plan: ValidationPlan, judged: NDArray[np.bool_]) -> Choice:
    """Choose the candidate of a phase by cross-validation, and estimate its error by nesting.

    Args:
        scored: Every candidate with its errors.
        plan: Which fit held out which rows.
        judged: The rows that judge the phase.
    """
    outer = [split.outer for split in plan.folds]
    winner = _best(scored, outer, judged)
    nested = [_nested_errors(scored, split, judged) for split in plan.folds]
    test = _nested_errors(scored, plan.test, judged) if plan.test is not None else np.array([])
    return Choice(
        winner.candidate,
        winner.loss(outer, judged),
        np.concatenate(nested) if nested else np.array([]),
        test,
        tuple(outer),
    )


def _nested_errors(scored: Sequence[Scored], split: Split, judged: NDArray[np.bool_]) -> Errors:
    """Return the relative errors on held-out rows of what the training part alone chooses."""
    winner = _best(scored, split.inner, judged)
    errors = winner.errors[split.outer.fit, split.outer.rows & judged]
    relative: Errors = np.expm1(errors)
    return relative


def _best(scored: Sequence[Scored], held: Sequence[HeldOut], judged: NDArray[np.bool_]) -> Scored:
    """Return the candidate of least loss; without held-out rows the most trusted one."""
    losses = [candidate.loss(held, judged) for candidate in scored]
    least = int(np.argmin(losses))
    if np.isfinite(losses[least]):
        return scored[least]
    for preferred in PREFERENCE:
        for candidate in scored:
            if candidate.candidate == preferred:
                return candidate
    return scored[0]
