"""Models of a report with their rows, ready to be refitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from token2metrics.artifact.fitted import FittedModel
from token2metrics.findings.asked import Asked
from token2metrics.findings.points import own_rows, with_standing
from token2metrics.findings.readings import Judged, Rows
from token2metrics.findings.refits import Refitting, refitting

NO_REFITS = "refits were not asked for"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model of the report with its rows.

    Attributes:
        label: What the report calls it.
        judged: The model and its rows.
        rows: Its prepared rows on its device, with what each was to the fit; there may be none.
        refit: The model ready to be refitted, or why it is not.
    """

    label: str
    judged: Judged
    rows: pl.DataFrame | None
    refit: Refitting | str

    @property
    def model(self) -> FittedModel:
        """The fitted model."""
        return self.judged.model


def subject_of(label: str, judged: Judged, rows: Rows, asked: Asked) -> Subject:
    """Return a model with its rows, ready to be refitted if that was asked for."""
    found = None
    if judged.prepared is not None:
        own = own_rows(judged.prepared.data.rows, judged.model)
        trained_on = judged.trained_on
        known = None if trained_on is None else trained_on.data.rows
        found = with_standing(own, known) if own.height else None
    refit: Refitting | str = NO_REFITS
    if asked.refits:
        refit = refitting(judged, rows.catalog, asked.torch_device)
    return Subject(label, judged, found, refit)


def measured_first(subjects: Sequence[Subject]) -> list[Subject]:
    """Put models with rows before those without: then each has one colour in every picture."""
    return sorted(subjects, key=lambda subject: subject.rows is None)
