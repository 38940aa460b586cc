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

from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, Combination, lawful_model, requests, seeds
from token2metrics.artifact.fitted import FittedModel
from token2metrics.curves import FAMILIES
from token2metrics.prediction.expressions import POINT_COLUMNS, PREDICTED_COLUMNS, expressions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Interval
from token2metrics.vocabulary import CalibrationMethod, Phase, RegressionType

SLACK = 1e-9
MANY_ROWS = 200_000
Engine = Literal["in-memory", "streaming"]
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
tables = st.lists(requests, min_size=1, max_size=40)


def singly(model: FittedModel, request: tuple[int, int]) -> tuple[float | bool | None, ...]:
    """Price one request on floats, in the order of the columns."""
    priced = ModelPredictor(model)(*request)
    parts = (priced.prefill, priced.decode, priced)
    limits = [
        *(ends(part.latency_interval_s) for part in parts),
        *(ends(part.energy_interval_j) for part in parts),
    ]
    return (
        priced.prefill.latency_s,
        priced.decode.latency_s,
        priced.latency_s,
        priced.prefill.energy_j,
        priced.decode.energy_j,
        priced.energy_j,
        priced.power_w,
        priced.extrapolated,
        *(limit for pair in limits for limit in pair),
    )


def ends(interval: Interval | None) -> tuple[float | None, float | None]:
    """Return both ends of an interval, if there is one."""
    return (None, None) if interval is None else (interval.lower, interval.upper)


def together(
    model: FittedModel,
    table: Sequence[tuple[int, int]],
    engine: Engine = "in-memory",
    names: Sequence[str] = POINT_COLUMNS,
) -> list[tuple[float | bool | None, ...]]:
    """Price a table with expressions."""
    frame = pl.LazyFrame(table, schema=["prompt", "answer"], orient="row")
    columns = expressions(model, pl.col("prompt"), pl.col("answer"))
    assert tuple(columns) == PREDICTED_COLUMNS
    return frame.select(columns[name] for name in names).collect(engine=engine).rows()


def assert_equal(
    model: FittedModel,
    table: Sequence[tuple[int, int]],
    engine: Engine = "in-memory",
    names: Sequence[str] = POINT_COLUMNS,
) -> None:
    """Assert that both ways agree on the named numbers of every request."""
    for request, row in zip(table, together(model, table, engine, names), strict=True):
        priced = dict(zip(PREDICTED_COLUMNS, singly(model, request), strict=True))
        for name, one in zip(names, row, strict=True):
            other = priced[name]
            if one is None or other is None or isinstance(other, bool):
                assert one == other, (name, request)
            else:
                assert math.isclose(one, other, rel_tol=SLACK), (name, request, one, other)


@every_combination
@fewer_examples()
@given(seed=seeds, table=tables, metered=st.booleans())
def test_expressions_equal_the_predictor(
    combination: Combination, seed: int, table: list[tuple[int, int]], metered: bool
) -> None:
    """Every family with every calibration gives the same numbers either way."""
    assert_equal(lawful_model(combination, seed, metered), table)


@pytest.mark.parametrize("family", FAMILIES)
def test_intervals_are_the_predictor_s(family: RegressionType) -> None:
    """The ends of every interval are the same numbers either way, inside the hull and outside."""
    table = [(prompt, answer) for prompt in (0, 1, 65, 9_000) for answer in (0, 1, 2, 5_000)]
    model = lawful_model(Combination(family, CalibrationMethod.DIRECT), 1)
    assert_equal(model, table, names=PREDICTED_COLUMNS)


@every_combination
def test_the_streaming_engine_agrees(combination: Combination) -> None:
    """Staircases and shapes survive the streaming engine."""
    table = [(prompt, answer) for prompt in (0, 1, 64, 129, 5000) for answer in (0, 1, 2, 900)]
    assert_equal(lawful_model(combination, 1), table, "streaming")


def test_a_large_table_streams_in_order() -> None:
    """Chunks of a large table keep their order and their levels."""
    model = lawful_model(COMBINATIONS[-1], 1)
    table = pl.LazyFrame({"prompt": range(MANY_ROWS)}).with_columns(answer=pl.lit(3))
    priced = expressions(model, pl.col("prompt"), pl.col("answer"))
    columns = {name: priced[name] for name in POINT_COLUMNS}
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
