"""Which model answers to a row of a table, by the names that the row states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from msgspec.structs import replace

from token2metrics.artifact.fitted import FittedModel
from token2metrics.errors import RequestError
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.count_rules import cell
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor

MODEL, DEVICE = "model", "device"


@dataclass(frozen=True, slots=True)
class Answering:
    """What the rows of a table say of their model, and the models that can answer.

    Attributes:
        columns: Columns of the table.
        models: Models that rows can name.
        model: Name that a row without one takes.
        device: Device that a row without one takes.
    """

    columns: tuple[str, ...]
    models: tuple[FittedModel, ...]
    model: str | None
    device: str | None

    @property
    def alone(self) -> bool:
        """Whether one model answers to every row, whatever the row says."""
        return MODEL not in self.columns and DEVICE not in self.columns and len(self.models) == 1

    def number(self) -> pl.Expr:
        """Return the place of the first model that answers to a row; null without any."""
        answers = self._answers()
        return pl.coalesce(pl.when(answer).then(place) for place, answer in enumerate(answers))

    def matches(self) -> pl.Expr:
        """Return how many models answer to a row."""
        return pl.sum_horizontal(*(answer.fill_null(value=False) for answer in self._answers()))

    def reasons(self) -> Iterator[pl.Expr]:
        """Yield why no model is meant by a row, each null where it is no reason."""
        matches = self.matches()
        yield pl.when(self._stated(MODEL, self.model).is_null()).then(pl.lit("model is missing"))
        yield pl.when(matches == 0).then(pl.lit("no trained model of this name and device"))
        yield pl.when(matches > 1).then(pl.lit("model trained more than once: state the device"))

    def _answers(self) -> list[pl.Expr]:
        """Return whether each model answers to a row."""
        model = self._stated(MODEL, self.model).str.to_lowercase()
        device = self._stated(DEVICE, self.device)
        return [
            model.is_in([name.lower() for name in (m.record.id, m.record.name, *m.record.aliases)])
            & (device.is_null() | (device == m.record.device))
            for m in self.models
        ]

    def _stated(self, name: str, default: str | None) -> pl.Expr:
        """Return what a row says, else the default."""
        fallback = pl.lit(default, dtype=pl.String)
        return pl.coalesce(cell(name), fallback) if name in self.columns else fallback


def who_answers(
    predictor: Predictor, columns: Sequence[str], model: str | None, conditions: Conditions
) -> Answering:
    """Say which models the rows of a table can name.

    Args:
        predictor: The models of an artifact.
        columns: Columns of the table.
        model: Model of rows that name none.
        conditions: Device of rows that name none, and further conditions of all rows.

    Raises:
        RequestError: If the model is unknown, or neither a column nor a name says which.
    """
    if MODEL not in columns and model is None:
        raise RequestError("expected a column model in the table or --model NAME, got neither")
    models = tuple(one.model for one in _eligible(predictor, columns, model, conditions))
    return Answering(tuple(columns), models, model, conditions.device)


def _eligible(
    predictor: Predictor, columns: Sequence[str], model: str | None, conditions: Conditions
) -> Sequence[ModelPredictor]:
    """Return the models that rows can name."""
    row_device = DEVICE in columns
    wanted = replace(conditions, device=None) if row_device else conditions
    if MODEL not in columns and not row_device and model is not None:
        return [predictor.select(model, wanted)]
    eligible: Sequence[ModelPredictor] = predictor.choose((), wanted)
    if model is not None and not any(p.model.record.answers_to(model) for p in eligible):
        predictor.select(model, wanted)
    return eligible
