"""Formulas on Polars expressions equal the same formulas on floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import COMBINATIONS, Combination, lawful_model, requests, seeds
from token2metrics.artifact.fitted import FittedModel
from token2metrics.prediction.expressions import PREDICTED_COLUMNS, expressions
from token2metrics.prediction.predictor import ModelPredictor
from token2metrics.vocabulary import Phase

SLACK = 1e-9
MANY_ROWS = 200_000
Engine = Literal["in-memory", "streaming"]
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
tables = st.lists(requests, min_size=1, max_size=8)


def singly(model: FittedModel, request: tuple[int, int]) -> tuple[float | bool | None, ...]:
    """Price one request on floats, in the order of the columns."""
    priced = ModelPredictor(model)(*request)
    return (
        priced.prefill.latency_s,
        priced.decode.latency_s,
        priced.latency_s,
        priced.prefill.energy_j,
        priced.decode.energy_j,
        priced.energy_j,
        priced.power_w,
        priced.extrapolated,
    )


def together(
    model: FittedModel, table: Sequence[tuple[int, int]], engine: Engine = "in-memory"
) -> list[tuple[float | bool | None, ...]]:
    """Price a table with expressions."""
    frame = pl.LazyFrame(table, schema=["prompt", "answer"], orient="row")
    columns = expressions(model, pl.col("prompt"), pl.col("answer"))
    assert tuple(columns) == PREDICTED_COLUMNS
    return frame.select(**columns).collect(engine=engine).rows()


def assert_equal(
    model: FittedModel, table: Sequence[tuple[int, int]], engine: Engine = "in-memory"
) -> None:
    """Assert that both ways agree on every number of every request."""
    for request, row in zip(table, together(model, table, engine), strict=True):
        for name, one, other in zip(PREDICTED_COLUMNS, row, singly(model, request), strict=True):
            if one is None or other is None or isinstance(other, bool):
                assert one == other, (name, request)
            else:
                assert math.isclose(one, other, rel_tol=SLACK), (name, request, one, other)


@every_combination
@given(seed=seeds, table=tables, metered=st.booleans())
def test_expressions_equal_the_predictor(
    combination: Combination, seed: int, table: list[tuple[int, int]], metered: bool
) -> None:
    """Every family with every calibration gives the same numbers either way."""
    assert_equal(lawful_model(combination, seed, metered), table)


@pytest.mark.parametrize("seed", range(3))
@every_combination
def test_the_streaming_engine_agrees(combination: Combination, seed: int) -> None:
    """Staircases and shapes survive the streaming engine."""
    table = [(prompt, answer) for prompt in (0, 1, 64, 129, 5000) for answer in (0, 1, 2, 900)]
    assert_equal(lawful_model(combination, seed), table, "streaming")


def test_a_large_table_streams_in_order() -> None:
    """Chunks of a large table keep their order and their levels."""
    model = lawful_model(COMBINATIONS[-1], 1)
    table = pl.LazyFrame({"prompt": range(MANY_ROWS)}).with_columns(answer=pl.lit(3))
    columns = expressions(model, pl.col("prompt"), pl.col("answer"))
    streamed = table.select(**columns).collect(engine="streaming")
    assert streamed.equals(table.select(**columns).collect())


def without(model: FittedModel, phase: Phase) -> FittedModel:
    """Return a model that lacks the fit of a phase."""
    kept = [other for other in model.record.phases if other is not phase]
    phases = {other: model.record.phases[other] for other in kept}
    return FittedModel(
        msgspec.structs.replace(model.record, phases=phases),
        {other: model.formulas[other] for other in kept},
        {other: model.weights[other] for other in kept},
    )


@pytest.mark.parametrize("phase", [Phase.PREFILL, Phase.DECODE])
def test_a_missing_phase_is_null(phase: Phase) -> None:
    """What no measurement supports is null either way."""
    model = without(lawful_model(COMBINATIONS[0], 5), phase)
    assert_equal(model, [(0, 0), (10, 1), (10, 2)])
    assert together(model, [(10, 2)])[0][2] is None


def test_an_unmeasured_hull_extrapolates() -> None:
    """A model without rows of its own extrapolates wherever it has work."""
    model = lawful_model(COMBINATIONS[0], 2)
    phases = {
        phase: msgspec.structs.replace(record, hull=None)
        for phase, record in model.record.phases.items()
    }
    record = msgspec.structs.replace(model.record, phases=phases)
    assert_equal(FittedModel(record, model.formulas, model.weights), [(0, 0), (100, 1), (100, 9)])
