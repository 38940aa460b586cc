"""Refits of a model on some of its rows: forecasts of the rows left out, and errors over shots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from token2metrics.artifact.manifest import ModelRecord
from token2metrics.cost import AS_FITTED
from token2metrics.findings.findings import ShotError
from token2metrics.findings.readings import Catalog, Judged
from token2metrics.modeling.campaigns import levelled
from token2metrics.modeling.candidates import Candidate, Sources, rows_of_phase
from token2metrics.modeling.gather import gather, on_measured_server
from token2metrics.modeling.objective import phase_latencies_s
from token2metrics.modeling.rows import FitRows
from token2metrics.modeling.search import Search, is_supported
from token2metrics.modeling.validation import HeldOut, plan_validation
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PERCENT = 100.0
MEDIAN, NINETIETH = 50.0, 90.0

ROWLESS = (SourceKind.NONE, SourceKind.HARDWARE)
"""Sources that no rows beside the model's own belong to."""

FEWEST_LEFT = 3
"""Fewer rows would not tell how well the others are forecast."""


@dataclass(frozen=True, slots=True)
class Refitting:
    """A model that can be fitted again as its training chose.

    Attributes:
        search: Its rows and sources.
        edge: Its rows on the device, in the order of the table.
        candidates: Family, source and calibration of each phase.
        levels: Factor on each phase by which finished requests moved it.
    """

    search: Search
    edge: FitRows
    candidates: Mapping[Phase, Candidate]
    levels: Mapping[Phase, float]

    def latencies_s(self, masks: Sequence[Mask]) -> dict[Phase, Floats]:
        """Return what refits say of every row, by the phases the row includes.

        Args:
            masks: Rows that each refit sees, ``(rows,)`` each.

        Returns:
            Seconds of each phase, ``(refits, rows)``; 0 where the row lacks the phase.
        """
        seen = torch.from_numpy(np.stack(masks).astype(np.float64))
        found = {}
        for candidate in dict.fromkeys(self.candidates.values()):
            fitted = self.search.fit_on(candidate, seen)
            told = phase_latencies_s(fitted.formulas, fitted.fit.weights, self.edge, on_edge=True)
            for phase, own in self.candidates.items():
                if own == candidate:
                    found[phase] = told[phase].expand(len(masks), -1).numpy()
        return found


def refitting(judged: Judged, catalog: Catalog, torch_device: str) -> Refitting | str:
    """Return a model ready to be refitted, or why it cannot be.

    Args:
        judged: The model and its rows.
        catalog: Every known experiment.
        torch_device: Where refits run.
    """
    if judged.experiment is None or judged.prepared is None:
        return "there are no rows to refit it on"
    data, record = judged.prepared.data, judged.model.record
    experiment = on_measured_server(data, judged.experiment)
    sources = gather(data, catalog, experiment)
    if sources.edge is None:
        return without_rows(record)
    candidates = _candidates(record, sources)
    if len(candidates) < len(record.phases):
        return "the rows it learned from beside its own are not at hand"
    search = Search(experiment, sources, torch_device, _silent)
    offsets = search.campaign_offsets()
    edge = levelled(sources.edge, offsets) if offsets else sources.edge
    search = replace(search, sources=replace(sources, edge=edge))
    levels = {phase: fitted.level for phase, fitted in record.phases.items()}
    return Refitting(search, edge, candidates, levels)


def without_rows(record: ModelRecord) -> str:
    """Say that nothing was measured of a model on its device."""
    return f"no row of it was measured on {record.device}"


def _silent(step: str) -> None:
    """Leave the steps of a single fit unreported."""


def _candidates(record: ModelRecord, sources: Sources) -> dict[Phase, Candidate]:
    """Return what training chose for each phase, where its source is at hand."""
    chosen = {
        phase: Candidate(fitted.family, fitted.source, fitted.calibration)
        for phase, fitted in record.phases.items()
    }
    return {
        phase: candidate
        for phase, candidate in chosen.items()
        if is_supported(phase, candidate, sources)
        and (candidate.source in sources.others or candidate.source in ROWLESS)
    }


def held_out_latencies_s(refit: Refitting) -> Floats:
    """Return what a refit that did not see a row says of it, ``(rows,)``; nan where none.

    Whole token settings are left out together, dealt into the folds of the training.
    """
    held = _folds(refit)
    found = np.full(len(refit.edge), np.nan)
    if not held:
        return found
    told = refit.latencies_s([~part.rows for part in held])
    for number, part in enumerate(held):
        levelled_s = [told[phase][number] * refit.levels[phase] for phase in told]
        found[part.rows] = np.sum(levelled_s, axis=0)[part.rows]
    for phase in FITTED_PHASES:
        if phase not in told:
            found[(refit.edge.includes[phase] > 0).numpy()] = np.nan
    return found


def _folds(refit: Refitting) -> list[HeldOut]:
    """Return the rows that each refit of a cross-validation leaves out; none for too few rows."""
    plan = plan_validation(refit.edge, refit.search.experiment.regression)
    return [split.outer for split in plan.folds]


def held_out_energies_j(refit: Refitting) -> Floats:
    """Return what a refit that did not see a row says its meter reads, ``(rows,)``.

    Nan where there is none, and for a model that finished requests have moved: its energies moved
    with it, and a refit's do not.
    """
    found = np.full(len(refit.edge), np.nan)
    metered = ~refit.edge.energy_j.isnan().numpy()
    held = _folds(refit)
    is_moved = any(level != AS_FITTED for level in refit.levels.values())
    if not held or is_moved or not metered.any():
        return found
    for candidate in dict.fromkeys(refit.candidates.values()):
        fitted = refit.search.fit_finally(candidate, held)
        for phase, errors in fitted.energy_errors.items():
            if refit.candidates.get(phase) == candidate:
                places = _judged_places(refit.edge, phase, held, metered)
                found[places] = refit.edge.energy_j.numpy()[places] * (1.0 + errors)
    return found


def _judged_places(
    edge: FitRows, phase: Phase, held: Sequence[HeldOut], metered: Mask
) -> NDArray[np.int64]:
    """Return the rows that held-out energies of a phase are of, in their order."""
    own = metered & rows_of_phase(edge, phase)
    return np.concatenate([np.flatnonzero(part.rows & own) for part in held])


def shot_errors(
    refit: Refitting, label: str, shots: Sequence[int], draws: int, seed: int
) -> list[ShotError]:
    """Refit a model on a few random rows of each kind, and judge it on the others.

    All draws are fitted as one batch. Family, source and calibration are those that training
    chose on all rows; what is learned of the model's own rows is learned anew.

    Args:
        refit: The model.
        label: What the report calls it.
        shots: Rows of each kind that a refit sees; numbers that leave too few rows are passed
            over. With 0, it is what the sources alone say, of which there is one refit.
        draws: Random draws of each number of rows.
        seed: Of the draws.
    """
    plan = list(_drawn(refit, shots, draws, seed))
    if not plan:
        return []
    told = refit.latencies_s([mask for _, mask in plan])
    return [
        found
        for kind in Phase
        if all(part in told for part in kind.parts)
        for count in dict.fromkeys(count for count, _ in plan)
        if (found := _shot_error(refit, label, kind, count, plan, told)) is not None
    ]


def _drawn(
    refit: Refitting, shots: Sequence[int], draws: int, seed: int
) -> Iterator[tuple[int, Mask]]:
    """Yield a number of rows with those that were drawn of each kind."""
    kinds = [np.flatnonzero(kind.numpy()) for kind in refit.edge.pure.values()]
    most = max(len(kind) for kind in kinds)
    for count in shots:
        for draw in range(_draws(count, draws) if most - count >= FEWEST_LEFT else 0):
            generator = np.random.default_rng((seed, count, draw))
            mask = np.zeros(len(refit.edge), dtype=bool)
            for kind in kinds:
                mask[generator.permutation(kind)[:count]] = True
            yield count, mask


def _draws(count: int, draws: int) -> int:
    """Return how many ways of drawing are tried; there is one of drawing nothing."""
    return draws if count else 1


def _shot_error(
    refit: Refitting,
    label: str,
    kind: Phase,
    count: int,
    plan: Sequence[tuple[int, Mask]],
    told: Mapping[Phase, Floats],
) -> ShotError | None:
    """Return the errors of one kind of row after so many of each; None where no row is left."""
    own = refit.edge.pure[kind].numpy()
    unfounded = any(refit.candidates[part].source is SourceKind.NONE for part in kind.parts)
    if own.sum() - count < FEWEST_LEFT or (count == 0 and unfounded):
        return None
    predicted_s = np.sum([told[part] for part in kind.parts], axis=0)
    relative = PERCENT * np.abs(predicted_s / refit.edge.latency_s.numpy() - 1.0)
    errors = [
        relative[number, own & ~mask] for number, (shots, mask) in enumerate(plan) if shots == count
    ]
    together = np.concatenate(errors)
    return ShotError(
        model=label,
        phase=kind,
        shots=count,
        draws=len(errors),
        forecasts=len(together),
        median_ape_percent=float(np.percentile(together, MEDIAN)),
        p90_ape_percent=float(np.percentile(together, NINETIETH)),
    )
