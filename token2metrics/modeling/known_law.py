"""From prepared measurements to the law of a model, and to what they already tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.linalg import block_diag

from token2metrics.config import ExperimentConfig
from token2metrics.modeling.beliefs import Belief
from token2metrics.modeling.candidates import Candidate, Sources, believed
from token2metrics.modeling.departures import departure_variances
from token2metrics.modeling.exact import MAD_TO_SIGMA
from token2metrics.modeling.gather import (
    gather,
    measured_precision,
    model_traffic,
    on_measured_server,
)
from token2metrics.modeling.knowledge import Array, Knowledge
from token2metrics.modeling.law import Law, PhaseLaw, workload_at
from token2metrics.modeling.objective import (
    EXPECTED_SCALE_ROWS,
    EXPECTED_SCALES,
    ROWS_THAT_SHOW_NO_SCATTER,
    log_errors,
)
from token2metrics.modeling.parameters import Slot
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.search import Fitted, Search, is_supported
from token2metrics.modeling.slopes import curve_of, with_visible_terms
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import FITTED_PHASES, CalibrationMethod, Phase, SourceKind
from token2metrics.workload import ModelTraffic

WEAK_SPREAD = 1.0
"""Standard deviation of the logarithm of a weight of which nothing is believed."""

LENGTHS = (16.0, 128.0, 1_024.0, 8_192.0)
ANY_LENGTHS = np.array(list(product(LENGTHS, LENGTHS)))
"""Prompts and answers among which every term of a curve should show."""

SOURCES_WITHOUT_ROWS = (SourceKind.HARDWARE, SourceKind.NONE)


@dataclass(frozen=True, slots=True)
class KnownLaw:
    """A law and what is known of it.

    Attributes:
        law: The law.
        knowledge: After all rows of the source and the device.
        rows: These rows of the device; None where there are none.
    """

    law: Law
    knowledge: Knowledge
    rows: FitRows | None

    @property
    def own_rows(self) -> int:
        """How many rows of the model on the device that rests on."""
        return 0 if self.rows is None else len(self.rows)

    @property
    def own_prompts(self) -> int:
        """At how many prompt lengths a prefill is among these rows."""
        if self.rows is None:
            return 0
        prefilled = (self.rows.includes[Phase.PREFILL] > 0).numpy()
        return len(np.unique(self.rows.settings[prefilled, 0]))


def known_law(
    data: PreparedData,
    catalog: Sequence[ExperimentConfig],
    experiment: ExperimentConfig,
    chosen: Mapping[Phase, Candidate] | None = None,
    torch_device: str = "cpu",
) -> KnownLaw:
    """Return the law of a model on its device, and what the measurements tell of it.

    Args:
        data: Prepared measurements; none need be of the model or the device.
        catalog: Every known experiment.
        experiment: The model and device.
        chosen: Family, source and calibration of each phase, as a training chose them; where
            there is none, or nothing measured supports it, the most trusted belief stands in.
        torch_device: Where fits run.
    """
    experiment = on_measured_server(data, experiment)
    sources = gather(data, catalog, experiment)
    search = Search(experiment, sources, torch_device, _silent)
    precision = measured_precision(data, experiment.edge.name, experiment.model.id)
    traffic = model_traffic(experiment, precision)
    fits: dict[Candidate, Fitted] = {}
    phases = {}
    for phase in FITTED_PHASES:
        candidate = _usable(phase, (chosen or {}).get(phase), sources)
        if candidate not in fits:
            fits[candidate] = _fitted(search, candidate)
        phases[phase] = _phase_law(search, traffic, phase, candidate, fits[candidate])
    law = Law(phases, traffic)
    return KnownLaw(law, _learned(law, sources), sources.edge)


def _usable(phase: Phase, wanted: Candidate | None, sources: Sources) -> Candidate:
    """Return the wanted candidate where its source has rows, else the most trusted belief."""
    trusted = believed(sources)[0]
    if wanted is None or not is_supported(phase, wanted, sources):
        return trusted
    missing = wanted.source not in (*SOURCES_WITHOUT_ROWS, *sources.others)
    return trusted if missing else wanted


def _fitted(search: Search, candidate: Candidate) -> Fitted:
    """Fit a candidate on all rows, without power heads."""
    edge = search.sources.edge
    everything = torch.ones(1, 1 if edge is None else len(edge), dtype=torch.float64)
    return search.fit_on(candidate, everything)


def _phase_law(
    search: Search,
    traffic: ModelTraffic[float],
    phase: Phase,
    candidate: Candidate,
    fitted: Fitted,
) -> PhaseLaw:
    """Take one phase out of a fit, with what was known of it before any row."""
    curve = curve_of(phase, fitted.formulas[phase], fitted.fit)
    if candidate.method is CalibrationMethod.PRIOR:
        prior = _believed(curve.slots, search.beliefs[candidate.source][phase])
    else:
        prior = np.diag([(slot.parameter.spread or WEAK_SPREAD) ** 2 for slot in curve.slots])
        curve = with_visible_terms(curve, workload_at(ANY_LENGTHS, traffic))
    departures = np.diag(departure_variances(phase, candidate.family))
    everything = np.asarray(block_diag(prior, departures), dtype=np.float64)
    return PhaseLaw(candidate, curve, everything, _scatter(phase, fitted, search.sources.edge))


def _believed(slots: Sequence[Slot], belief: Belief) -> Array:
    """Return the covariance of a belief in the order of the slots."""
    places = [belief.names.index(slot.parameter.name) for slot in slots]
    covariance: Array = belief.covariance[np.ix_(places, places)]
    return covariance


def _scatter(phase: Phase, fitted: Fitted, edge: FitRows | None) -> float:
    """Return how far single rows are expected to lie off the law, by what the rows show."""
    expected = EXPECTED_SCALES[phase]
    chosen = None if edge is None else edge.pure[phase]
    if edge is None or chosen is None or not bool(chosen.any()):
        return expected
    errors = log_errors(fitted.formulas, fitted.fit.weights, edge, on_edge=True)[0, chosen]
    shown = MAD_TO_SIGMA * float(errors.abs().median())
    spare = max(len(errors) - ROWS_THAT_SHOW_NO_SCATTER, 0)
    pooled = EXPECTED_SCALE_ROWS * expected**2 + spare * shown**2
    return float(np.sqrt(pooled / (EXPECTED_SCALE_ROWS + spare)))


def _learned(law: Law, sources: Sources) -> Knowledge:
    """Return what is known after the rows of a source that is fitted along, and of the device."""
    knowledge = law.prior()
    for kind, rows in sources.others.items():
        fitted_along = {
            phase
            for phase, own in law.phases.items()
            if own.candidate.source is kind and own.candidate.method is not CalibrationMethod.PRIOR
        }
        absent = [
            rows.includes[phase].numpy() == 0.0
            for phase in FITTED_PHASES
            if phase not in fitted_along
        ]
        chosen = np.logical_and.reduce([np.full(len(rows), bool(fitted_along)), *absent])
        if chosen.any():
            knowledge = knowledge.after(law.rows_view(rows, on_edge=False).at(chosen))
    return knowledge if sources.edge is None else knowledge.after(law.rows_view(sources.edge))


def _silent(step: str) -> None:
    """Leave the steps of a single fit unreported."""
