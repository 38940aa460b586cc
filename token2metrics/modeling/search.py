"""Fit candidates on every split of a validation plan and choose one per phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from token2metrics.config import ExperimentConfig
from token2metrics.cost import PhaseFormula
from token2metrics.modeling.candidates import (
    Candidate,
    Choice,
    Scored,
    Sources,
    build_formulas,
    choose,
    rows_of_phase,
)
from token2metrics.modeling.energy import measured_heads
from token2metrics.modeling.fit import fit
from token2metrics.modeling.objective import log_errors
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.validation import plan_validation
from token2metrics.vocabulary import FITTED_PHASES, CalibrationMethod, Phase, SourceKind

SEARCH_ITERATIONS = 22
"""Most iterations of fits that only compare candidates; the chosen one is fitted to the end."""

PERCENT = 100.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CandidateReport:
    """How one candidate did in the search.

    Attributes:
        phase: The phase judged.
        candidate: Family, calibration and source in words.
        cv_percent: Mean capped cross-validated error in percent; None when not validated.
        chosen: Whether it won.
    """

    phase: Phase
    candidate: str
    cv_percent: float | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """A candidate's fit with the formulas its weights belong to."""

    formulas: Mapping[Phase, PhaseFormula]
    fit: Fit


def any_rows(sources: Sources) -> FitRows:
    """Return rows of some side: every side knows the shape of the formulas."""
    return sources.edge if sources.edge is not None else next(iter(sources.others.values()))


@dataclass(frozen=True, slots=True)
class Search:
    """Fits candidates of one model.

    Attributes:
        experiment: The model and device.
        sources: Its rows.
        torch_device: Where fits run.
        progress: Told of each fitted candidate.
    """

    experiment: ExperimentConfig
    sources: Sources
    torch_device: str
    progress: Progress

    def best(
        self, candidates: Sequence[Candidate]
    ) -> tuple[dict[Phase, Choice], list[CandidateReport]]:
        """Choose one of the candidates, at least one, for each phase."""
        edge = self.sources.edge
        if edge is None:
            only = Choice(candidates[0], float("inf"), np.array([]), np.array([]))
            return dict.fromkeys(FITTED_PHASES, only), []
        plan = plan_validation(edge, self.experiment.regression)
        scored = []
        for candidate in candidates:
            fitted = self.fit_on(candidate, plan.masks)
            errors = log_errors(fitted.formulas, fitted.fit.weights, edge, on_edge=True)
            scored.append(Scored(candidate, errors.expand(len(plan.masks), -1).numpy()))
            self.progress(f"{self.experiment.model.name}: {candidate}")
        choices = {}
        for phase in FITTED_PHASES:
            able = [s for s in scored if is_supported(phase, s.candidate, self.sources)] or scored
            choices[phase] = choose(able, plan, rows_of_phase(edge, phase))
        return choices, _reports(scored, choices, edge)

    def fit_on(self, candidate: Candidate, masks: Tensor) -> Fitted:
        """Fit a candidate without power heads, for comparison, on every mask."""
        formulas = build_formulas(candidate, self.experiment, any_rows(self.sources))
        most = min(SEARCH_ITERATIONS, self.experiment.regression.max_iterations)
        return Fitted(formulas, fit(self._problem(candidate, formulas, masks, most)))

    def fit_finally(self, candidate: Candidate) -> Fitted:
        """Fit a candidate on all rows, power heads included, until it converges."""
        edge = self.sources.edge
        heads = measured_heads(edge, self.experiment.edge)
        formulas = build_formulas(candidate, self.experiment, any_rows(self.sources), heads)
        masks = torch.ones(1, 1 if edge is None else len(edge), dtype=torch.float64)
        most = self.experiment.regression.max_iterations
        return Fitted(formulas, fit(self._problem(candidate, formulas, masks, most)))

    def _problem(
        self,
        candidate: Candidate,
        formulas: Mapping[Phase, PhaseFormula],
        masks: Tensor,
        max_iterations: int,
    ) -> Problem:
        """State the fit of a candidate."""
        calibration = self.experiment.calibration
        by_hand = calibration.method is CalibrationMethod.MANUAL
        return Problem(
            formulas=formulas,
            method=candidate.method,
            edge=self.sources.edge,
            source=self.sources.others.get(candidate.source),
            masks=masks,
            scale_factor=calibration.scale_factor if by_hand else 1.0,
            max_iterations=max_iterations,
            torch_device=self.torch_device,
        )


def is_supported(phase: Phase, candidate: Candidate, sources: Sources) -> bool:
    """Return whether the rows a candidate's curve comes from include the phase."""
    rows = sources.others.get(candidate.source, sources.edge)
    if candidate.source is SourceKind.NONE:
        rows = sources.edge
    return rows is not None and rows.measures(phase)


def _reports(
    scored: Sequence[Scored], choices: Mapping[Phase, Choice], edge: FitRows
) -> list[CandidateReport]:
    """Tabulate the search, best candidates of each phase first."""
    reports = []
    for phase, choice in choices.items():
        judged = rows_of_phase(edge, phase)
        losses = [(s.loss(choice.validated_on, judged), s.candidate) for s in scored]
        for loss, candidate in sorted(losses, key=lambda pair: pair[0]):
            percent = PERCENT * loss if np.isfinite(loss) else None
            chosen = candidate == choice.candidate
            reports.append(CandidateReport(phase, str(candidate), percent, chosen))
    return reports
