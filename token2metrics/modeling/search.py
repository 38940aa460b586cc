"""Fit candidates on every split of a validation plan and choose one per phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from token2metrics.config import ExperimentConfig
from token2metrics.cost import PhaseFormula
from token2metrics.heads import PowerHead
from token2metrics.modeling.beliefs import Beliefs
from token2metrics.modeling.campaigns import Offset, campaigns_of, offsets_of
from token2metrics.modeling.candidates import (
    Candidate,
    Choice,
    Errors,
    Scored,
    Sources,
    believed,
    build_formulas,
    choose,
    rows_of_phase,
)
from token2metrics.modeling.energy import expecting, measured_heads
from token2metrics.modeling.fit import fit
from token2metrics.modeling.hierarchy import NOMINAL, beliefs_of
from token2metrics.modeling.objective import energy_errors, log_errors
from token2metrics.modeling.problem import Fit, Problem
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.validation import HeldOut, plan_validation
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
        cv_percent: Cross-validated MAPE; None when not validated.
        chosen: Whether it won.
    """

    phase: Phase
    candidate: str
    cv_percent: float | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Fitted:
    """A candidate's fit with the formulas its weights belong to.

    Attributes:
        formulas: Formula of each phase.
        fit: The weights.
        energy_errors: Signed relative errors of held-out energies, by phase.
        beliefs: What the curves' weights were believed to be.
    """

    formulas: Mapping[Phase, PhaseFormula]
    fit: Fit
    energy_errors: Mapping[Phase, Errors] = field(default_factory=dict)
    beliefs: Beliefs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """Fits candidates of one model.

    Attributes:
        experiment: The model and device.
        sources: Its rows.
        torch_device: Where fits run.
        progress: Told of each fitted candidate.
        beliefs: What each source says, as far as it was asked.
    """

    experiment: ExperimentConfig
    sources: Sources
    torch_device: str
    progress: Progress
    beliefs: dict[SourceKind, Beliefs] = field(default_factory=dict)

    def best(
        self, candidates: Sequence[Candidate]
    ) -> tuple[dict[Phase, Choice], list[CandidateReport]]:
        """Choose one of the candidates, at least one, for each phase."""
        edge = self.sources.edge
        if edge is None:
            return {phase: self._unvalidated(candidates, phase) for phase in FITTED_PHASES}, []
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

    def _unvalidated(self, candidates: Sequence[Candidate], phase: Phase) -> Choice:
        """Choose the most trusted candidate that the phase has any support for."""
        able = [one for one in candidates if is_supported(phase, one, self.sources)]
        return Choice((able or candidates)[0], float("inf"), np.array([]), np.array([]))

    def campaign_offsets(self) -> tuple[Offset, ...]:
        """Fit by how much the data sets of the edge rows differ, where they overlap."""
        edge = self.sources.edge
        compared = ((), ()) if edge is None else campaigns_of(edge)
        if edge is None or not compared[1]:
            return ()
        candidate = believed(self.sources)[0]
        formulas = build_formulas(candidate, self.experiment)
        everything = torch.ones(1, len(edge), dtype=torch.float64)
        most = self.experiment.regression.max_iterations
        problem = self._problem(candidate, formulas, everything, most)
        fitted = fit(replace(problem, campaigns=compared[1]))
        return offsets_of(compared, fitted.values[0, -len(compared[1]) :].tolist())

    def fit_on(self, candidate: Candidate, masks: Tensor) -> Fitted:
        """Fit a candidate without power heads, for comparison, on every mask."""
        formulas = build_formulas(candidate, self.experiment)
        most = min(SEARCH_ITERATIONS, self.experiment.regression.max_iterations)
        return Fitted(formulas, fit(self._problem(candidate, formulas, masks, most)))

    def fit_finally(self, candidate: Candidate, held: Sequence[HeldOut] = ()) -> Fitted:
        """Fit a candidate on all rows, power heads included, until it converges.

        Args:
            candidate: What to fit.
            held: Held-out rows, to judge the heads on; each takes another fit of the batch.
        """
        edge = self.sources.edge
        heads = self._heads()
        formulas = build_formulas(candidate, self.experiment, heads)
        judged = held if heads else ()
        trained = [np.ones(1 if edge is None else len(edge), dtype=bool)]
        trained += [~part.rows for part in judged]
        masks = torch.from_numpy(np.stack(trained).astype(np.float64))
        most = self.experiment.regression.max_iterations
        fitted = fit(self._problem(candidate, formulas, masks, most))
        if edge is None or not judged:
            return Fitted(formulas, fitted, beliefs=self._beliefs(candidate))
        errors = energy_errors(formulas, fitted.weights, edge).expm1().numpy()
        metered = ~edge.energy_j.isnan().numpy()
        held_out = {
            phase: np.concatenate(
                [
                    errors[number, part.rows & metered & rows_of_phase(edge, phase)]
                    for number, part in enumerate(judged, start=1)
                ]
            )
            for phase in heads
        }
        return Fitted(formulas, fitted, held_out, self._beliefs(candidate))

    def _heads(self) -> dict[Phase, PowerHead]:
        """Return a head for each metered phase, expected to ramp as in another power mode."""
        heads = measured_heads(self.sources.edge, self.experiment.edge)
        elsewhere = self.sources.others.get(SourceKind.MODES)
        there = measured_heads(elsewhere, self.experiment.edge)
        if not heads.keys() & there.keys():
            return heads
        alone = replace(self, sources=Sources(elsewhere), beliefs={})
        weights = alone.fit_finally(NOMINAL).fit.first().weights
        return {
            phase: expecting(head, weights[phase].head) if phase in there else head
            for phase, head in heads.items()
        }

    def _beliefs(self, candidate: Candidate) -> Beliefs:
        """Return what a candidate starts from; nothing without the prior method."""
        if candidate.method is not CalibrationMethod.PRIOR:
            return {}
        kind = candidate.source
        if kind not in self.beliefs:
            learned = beliefs_of(kind, self.sources, self.experiment, self.torch_device)
            self.beliefs[kind] = learned
        return self.beliefs[kind]

    def _problem(
        self,
        candidate: Candidate,
        formulas: Mapping[Phase, PhaseFormula],
        masks: Tensor,
        max_iterations: int,
    ) -> Problem:
        """State the fit of a candidate."""
        calibration = self.experiment.calibration
        beliefs = self._beliefs(candidate)
        by_hand = calibration.method is CalibrationMethod.MANUAL
        return Problem(
            formulas=formulas,
            method=candidate.method,
            edge=self.sources.edge,
            source=None if beliefs else self.sources.others.get(candidate.source),
            masks=masks,
            scale_factor=calibration.scale_factor if by_hand else 1.0,
            max_iterations=max_iterations,
            torch_device=self.torch_device,
            shares_device=candidate.source is SourceKind.SIBLINGS,
            beliefs=beliefs,
        )


def is_supported(phase: Phase, candidate: Candidate, sources: Sources) -> bool:
    """Return whether the rows a candidate's curve comes from include the phase."""
    if candidate.source is SourceKind.HARDWARE:
        return True
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
        for scored_one in sorted(scored, key=lambda s: s.loss(choice.validated_on, judged)):
            chosen = scored_one.candidate == choice.candidate
            errors = np.abs(np.expm1(scored_one.held_out(choice.validated_on, judged)))
            percent = float(PERCENT * errors.mean()) if len(errors) else None
            reports.append(CandidateReport(phase, str(scored_one.candidate), percent, chosen))
    return reports
