"""The columns of a trace file: which are read, which are written, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from token2metrics.errors import DataError
from token2metrics.prediction.answering import MODEL, Answering, who_answers
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.look_ups import LookUps
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.program import INPUTS, build_program
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.prediction.staged import HIDDEN
from token2metrics.prediction.workload_file import length_column
from token2metrics.scoring.defaults import Compression
from token2metrics.scoring.inputs import Kind, Source
from token2metrics.scoring.reading import Schema, schema_of
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.tally import PRICED_AS

COUNTS = {name: f"{HIDDEN}{name}" for name in INPUTS}
"""The column of floats that is read from each length."""

ANSWERING = f"{HIDDEN}answering"


@dataclass(frozen=True)
class FilePlan:
    """How the rows of files with the same columns are priced.

    Attributes:
        schema: Columns of the files.
        text: Whether every cell is text.
        lengths: The column of each length, input tokens first.
        answering: Which model answers to a row.
        groups: Columns that totals are split by.
        kept: Columns of the files that are written.
        only_predictions: Whether both lengths are written under our names, as whole numbers.
        written: Predicted columns.
        totalled: Those that are summed and ranked.
        compression: Of the partitions.
        confidence: Of every interval.
        parallel: Answers to each prompt generated at once.
    """

    schema: Schema
    text: bool
    lengths: tuple[str, str]
    answering: Answering
    groups: tuple[str, ...]
    kept: tuple[str, ...]
    only_predictions: bool
    written: tuple[str, ...]
    totalled: tuple[str, ...]
    compression: Compression
    confidence: float
    parallel: int

    @cached_property
    def look_ups(self) -> LookUps:
        """What each model that can answer computes per row, and what once per length.

        It is built where it is used; a thread that has it goes on with it, even should another
        have built its own.
        """
        programs = (
            build_program(model, self.written, self.confidence, self.parallel)
            for model in self.answering.models
        )
        return LookUps(tuple(programs))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a partition, in order."""
        lengths = INPUTS if self.only_predictions else ()
        answered = () if self.answering.alone else (PRICED_AS,)
        return (*self.kept, *lengths, *answered, *self.written)

    @property
    def written_lengths(self) -> tuple[str, ...]:
        """The written columns with both lengths."""
        return INPUTS if self.only_predictions else self.lengths


def plan_files(
    sources: Sequence[Source], predictor: Predictor, request: ScoreRequest
) -> tuple[list[FilePlan], list[int]]:
    """Say how the rows of files are priced: files with the same columns share a plan.

    Args:
        sources: The files.
        predictor: The models of an artifact.
        request: What is asked.

    Returns:
        The plans, and the place of each file's plan among them.

    Raises:
        DataError: If a file lacks a column, has one that would be replaced, or is damaged.
        RequestError: If a model is unknown, or none is named.
    """
    places: dict[tuple[Kind, tuple[tuple[str, pl.DataType], ...]], int] = {}
    plans: list[FilePlan] = []
    of_sources: list[int] = []
    for source in sources:
        schema = schema_of(source)
        columns = (source.kind, tuple(schema.items()))
        if columns not in places:
            places[columns] = len(plans)
            plans.append(plan_file(source, schema, predictor, request))
        of_sources.append(places[columns])
    return plans, of_sources


def plan_file(
    source: Source, schema: Schema, predictor: Predictor, request: ScoreRequest
) -> FilePlan:
    """Say how the rows of a file are priced.

    Args:
        source: The file.
        schema: Its columns.
        predictor: The models of an artifact.
        request: What is asked.

    Raises:
        DataError: If the file lacks a column, has one that would be replaced, or is damaged.
        RequestError: If a model is unknown, or none is named.
    """
    columns = tuple(schema)
    prompt, answer = (length_column(name, columns, source.path) for name in INPUTS)
    lengths = (prompt, answer)
    _refuse_columns(source, schema, lengths, request)
    answering = who_answers(predictor, columns, request.model, request.conditions)
    return FilePlan(
        schema=schema,
        text=source.kind is not Kind.PARQUET,
        lengths=lengths,
        answering=answering,
        groups=request.group_by,
        kept=request.group_by if request.only_predictions else columns,
        only_predictions=request.only_predictions,
        written=request.written,
        totalled=request.totalled,
        compression=request.compression,
        confidence=request.confidence,
        parallel=request.parallel,
    )


def _refuse_columns(
    source: Source, schema: Schema, lengths: tuple[str, str], request: ScoreRequest
) -> None:
    """Refuse files whose columns cannot be read, grouped by or kept."""
    for name in request.group_by:
        if name not in schema:
            known = ", ".join(schema)
            raise DataError(f"expected the column {name!r} in {source.path}, got {known}")
    for name in (*lengths, *request.group_by, *(name for name in (MODEL,) if name in schema)):
        if schema[name].is_nested() or schema[name] == pl.Binary:
            raise DataError(
                f"expected plain cells in column {name!r} of {source.path}, got {schema[name]}"
            )
    replaced = (*PREDICTED_COLUMNS, *QUANTITIES, PRICED_AS)
    added = INPUTS if request.only_predictions else ()
    kept = request.group_by if request.only_predictions else tuple(schema)
    taken = [name for name in kept if name in replaced or name in added or name.startswith(HIDDEN)]
    if taken:
        raise DataError(
            f"{source.path} already has the column {taken[0]}, which would be replaced; "
            "rename it, or give --only-predictions"
        )
