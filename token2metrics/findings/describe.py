"""Say what there is to say of one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from token2metrics.findings.factors import factors_of
from token2metrics.findings.findings import ModelFindings
from token2metrics.findings.points import HELD_ENERGY, HELD_LATENCY, STANDING, Compared, compare
from token2metrics.findings.power_steps import power_of
from token2metrics.findings.refits import (
    Refitting,
    held_out_energies_j,
    held_out_latencies_s,
    without_rows,
)
from token2metrics.findings.shown import Standing
from token2metrics.findings.subjects import NO_REFITS, Subject
from token2metrics.findings.token_curves import Lengths, context_of, staircase_of
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import Phase


@dataclass(frozen=True, slots=True)
class Shared:
    """What all models of a report are described with.

    Attributes:
        request: Input and output tokens of the typical request.
        lengths: What the curves of a phase reach where nothing was measured.
        warnings: What training could not do as asked, by model id and device.
        confidence: Of the intervals.
    """

    request: tuple[int, int]
    lengths: Mapping[Phase, Lengths]
    warnings: Mapping[tuple[str, str], tuple[str, ...]]
    confidence: float


def described(subject: Subject, shared: Shared) -> ModelFindings:
    """Say what there is to say of one model.

    Args:
        subject: The model and its rows.
        shared: What all models are described with.
    """
    record, predictor = subject.model.record, ModelPredictor(subject.model)
    confidence, lengths = shared.confidence, shared.lengths
    compared = _compared(subject, confidence)
    points = compared.points
    return ModelFindings(
        label=subject.label,
        id=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        trained_at=record.trained_at,
        sources=record.data_sources,
        hardware=record.hardware,
        phases=dict(record.phases),
        typical=predictor(*shared.request, confidence=confidence),
        points=points,
        errors=compared.errors,
        held_out_errors=compared.held_out_errors,
        staircase=staircase_of(predictor, points, lengths[Phase.PREFILL], confidence),
        context=context_of(predictor, points, lengths[Phase.DECODE], confidence),
        power=power_of(predictor, *shared.request),
        factors=factors_of(subject.model),
        warnings=shared.warnings.get((record.id, record.device), ()),
        remarks=_remarks(subject, compared),
    )


def _compared(subject: Subject, confidence: float) -> Compared:
    """Set the rows of a model beside its predictions, and beside those of refits without them."""
    if subject.rows is None:
        return Compared()
    rows = subject.rows
    all_new = (rows.get_column(STANDING) == str(Standing.UNSEEN)).all()
    if isinstance(subject.refit, Refitting) and not all_new:
        rows = rows.with_columns(
            pl.Series(HELD_LATENCY, held_out_latencies_s(subject.refit)).fill_nan(None),
            pl.Series(HELD_ENERGY, held_out_energies_j(subject.refit)).fill_nan(None),
        )
    return compare(subject.model, subject.label, rows, confidence)


def _remarks(subject: Subject, compared: Compared) -> tuple[str, ...]:
    """Say what is missing of one model, and why."""
    record = subject.model.record
    remarks = []
    if subject.judged.prepared is not None and subject.rows is None:
        remarks.append(without_rows(record))
    elif isinstance(subject.refit, str) and subject.refit != NO_REFITS:
        remarks.append(f"not refitted: {subject.refit}")
    if len(compared.points) < compared.found:
        remarks.append(
            f"pictures show {len(compared.points):,} of {compared.found:,} measured numbers, "
            "drawn at random; errors are of all"
        )
    return tuple(remarks)
