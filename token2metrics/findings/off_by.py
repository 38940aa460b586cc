"""How far latencies are off on rows that no fit had seen: one answer for words and tables."""

from __future__ import annotations

from typing import TypeAlias

from token2metrics.artifact.manifest import ErrorSummary
from token2metrics.findings.findings import ModelFindings
from token2metrics.findings.shown import LATENCY, Standing
from token2metrics.prediction.result import MetricErrors
from token2metrics.vocabulary import FITTED_PHASES, Phase

Errors: TypeAlias = ErrorSummary | MetricErrors


def latency_errors(model: ModelFindings) -> dict[Phase, Errors]:
    """Return the errors of each phase that was judged.

    They are those of the training, whose held-out rows had no say in the choice of family and
    source either. Where rows were brought that the model never saw, they are of the rows brought.

    Args:
        model: The model.
    """
    records = ((phase, model.phases.get(phase)) for phase in FITTED_PHASES)
    trained = {phase: one.errors[0] for phase, one in records if one is not None and one.errors}
    return {**trained, **_brought(model)}


def _brought(model: ModelFindings) -> dict[Phase, Errors]:
    """Return the errors of the phases of which rows were brought that the model never saw."""
    new = {point.phase for point in model.points if point.standing is Standing.UNSEEN}
    return {
        phase: one
        for one in model.held_out_errors
        if one.metric == LATENCY and (phase := Phase(one.phase)) in new and phase in FITTED_PHASES
    }
