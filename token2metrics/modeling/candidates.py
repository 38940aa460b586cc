"""Which family, calibration and source could describe a model, and which does best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from token2metrics.calibration import build_calibration
from token2metrics.config import ExperimentConfig
from token2metrics.cost import PhaseFormula
from token2metrics.curves import FAMILIES, build_curve
from token2metrics.heads import PowerHead
from token2metrics.modeling.rows import FLOATS, FitRows
from token2metrics.modeling.validation import HeldOut, Split, ValidationPlan
from token2metrics.vocabulary import (
    FITTED_PHASES,
    CalibrationMethod,
    Phase,
    RegressionType,
    SourceKind,
)
from token2metrics.workload import ANY_REQUEST

HALF_COUNTED_ERROR = 0.5
"""A held-out row this far off, as a logarithm, counts half of what a hopeless one does."""

TRANSFERRED = tuple(
    method
    for method in CalibrationMethod
    if method
    not in (
        CalibrationMethod.AUTO,
        CalibrationMethod.DIRECT,
        CalibrationMethod.MANUAL,
        CalibrationMethod.PRIOR,
    )
)
"""The methods that learn a correction of a source curve."""

CERTAINTY = 0.95
"""How certain it must be that a less trusted candidate does better; there are several to try."""

ORIGINS = {SourceKind.NONE: "edge rows", SourceKind.HARDWARE: "nominal hardware figures"}
"""Sources in words, where their name does not say it."""

Errors = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to describe a model on a device."""

    family: RegressionType
    source: SourceKind
    method: CalibrationMethod

    def __str__(self) -> str:
        """Return the candidate in words."""
        return f"{self.family}, {self.method} from {ORIGINS.get(self.source, str(self.source))}"


FEWEST_SETTINGS = {
    RegressionType.LINEAR: 6,
    RegressionType.POLYNOMIAL: 8,
    RegressionType.SPLINE: 16,
    RegressionType.TREE: 24,
    RegressionType.MLP: 40,
}
"""Rows below which ``auto`` does not offer a family that knows nothing but them."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The rows a model can be fitted on.

    Attributes:
        edge: Rows of the model on the device; None where there are none.
        others: Rows of each source that has any.
        server_model: Model of the server rows.
        other_mode: Power mode of the rows in another one.
    """

    edge: FitRows | None
    others: Mapping[SourceKind, FitRows] = field(default_factory=dict)
    server_model: str | None = None
    other_mode: str | None = None


OF_THE_MODEL = (SourceKind.MODES, SourceKind.SERVER)
"""Sources whose rows are of the model itself or of its shape: any family can start there."""


def list_candidates(experiment: ExperimentConfig, sources: Sources) -> list[Candidate]:
    """List every candidate the configuration allows and the rows support, most trusted first.

    Trusted most is what knows most beside the calibration rows: the same device's other models,
    the same model in another power mode, its server curve, the nominal figures of the device. A
    method that needs a source where there is none falls back to the edge rows alone.
    """
    chosen = experiment.regression.type
    method = experiment.calibration.method
    families = [chosen]
    if chosen is RegressionType.AUTO:
        families = sorted(FAMILIES, key=lambda family: family is not RegressionType.ROOFLINE)
    if sources.edge is None and method is not CalibrationMethod.MANUAL:
        return believed(sources) if RegressionType.ROOFLINE in families else []
    if method is CalibrationMethod.AUTO:
        return _automatic(families, sources)
    if method is CalibrationMethod.PRIOR and RegressionType.ROOFLINE in families:
        return believed(sources)
    return [candidate for family in families for candidate in _of_family(family, method, sources)]


def believed(sources: Sources) -> list[Candidate]:
    """List rooflines that start from a belief, the most trusted first."""
    return [
        Candidate(RegressionType.ROOFLINE, kind, CalibrationMethod.PRIOR)
        for kind in (SourceKind.SIBLINGS, *OF_THE_MODEL, SourceKind.HARDWARE)
        if kind is SourceKind.HARDWARE or kind in sources.others
    ]


def _automatic(families: Sequence[RegressionType], sources: Sources) -> list[Candidate]:
    """List what ``auto`` tries: beliefs, then families the edge rows alone can tell.

    One family that was asked for is tried whatever the number of rows, and carried over from
    another power mode and the server too.
    """
    settings = 0 if sources.edge is None else _most_settings(sources.edge)
    alone = len(families) == 1
    candidates = believed(sources) if RegressionType.ROOFLINE in families else []
    for family in families:
        if family is RegressionType.ROOFLINE:
            continue
        if alone or settings >= FEWEST_SETTINGS[family]:
            candidates.append(Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT))
        if alone:
            usable = (kind for kind in OF_THE_MODEL if kind in sources.others)
            candidates += [Candidate(family, kind, m) for kind in usable for m in TRANSFERRED]
    return candidates


def _most_settings(rows: FitRows) -> int:
    """Return how many token settings the most measured kind of row has."""
    kinds = (kind.numpy() for kind in rows.pure.values())
    return max(len(np.unique(rows.settings[kind], axis=0)) for kind in kinds)


def _of_family(
    family: RegressionType, method: CalibrationMethod, sources: Sources
) -> list[Candidate]:
    """List the candidates of one family under a method that was asked for."""
    rooflike = family is RegressionType.ROOFLINE
    usable = [kind for kind in sources.others if kind in OF_THE_MODEL or rooflike]
    direct = Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT)
    if method is CalibrationMethod.MANUAL and usable:
        return [Candidate(family, usable[0], method)]
    if sources.edge is None:
        return []
    if method in (CalibrationMethod.DIRECT, CalibrationMethod.PRIOR) or not usable:
        return [direct]
    return [Candidate(family, kind, method) for kind in usable]


def build_formulas(
    candidate: Candidate,
    experiment: ExperimentConfig,
    heads: Mapping[Phase, PowerHead] | None = None,
) -> dict[Phase, PhaseFormula]:
    """Build the formula of both phases.

    Args:
        candidate: Family and method.
        experiment: Hyperparameters of the configured family, and the prior spread.
        heads: Power head of the phases that have measured energy.
    """
    regression = experiment.regression
    hyperparameters = (
        regression.section().model_dump() if candidate.family is regression.type else {}
    )
    formulas = {}
    for phase in FITTED_PHASES:
        curve = build_curve(candidate.family, phase, hyperparameters)
        terms = curve.term_names(FLOATS, ANY_REQUEST)
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
        losses = self.losses(held, rows)
        return float(losses.mean()) if len(losses) else float("inf")

    def losses(self, held: Sequence[HeldOut], rows: NDArray[np.bool_]) -> Errors:
        """Return the bounded error of each held-out row of a kind."""
        errors = np.abs(self.held_out(held, rows))
        return errors / (HALF_COUNTED_ERROR + errors)

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
    """Return the most trusted candidate that is no worse than the best by more than chance.

    The one-standard-error rule (Breiman et al. 1984) on paired losses, with Student's quantile
    for few rows: then no difference is certain and trust decides; with many the rows do.
    """
    losses = np.stack([candidate.losses(held, judged) for candidate in scored])
    if not losses.shape[1]:
        return scored[0]
    excess = losses - losses[int(np.argmin(losses.mean(axis=1)))]
    rows = excess.shape[1]
    if rows == 1:
        return scored[0]
    chance = stdtrit(rows - 1, CERTAINTY) * excess.std(axis=1, ddof=1) / np.sqrt(rows)
    return scored[int(np.argmax(excess.mean(axis=1) <= chance))]
