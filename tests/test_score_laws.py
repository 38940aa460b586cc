"""Scoring equals single predictions, and does not depend on how the work is cut."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.profiles import fewer_examples
from tests.scoring import draw_trace, predictor_of, rejected_of, rows_of, scored
from tests.strategies import COMBINATIONS, Combination, lawful_model, requests, seeds
from tests.test_expressions import singly
from token2metrics.artifact.fitted import FittedModel
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.look_ups import LONGEST_TABLE, SHORTEST_TABLE, LookUps
from token2metrics.prediction.program import INPUTS, build_program
from token2metrics.prediction.staged import NOT_SEARCHED, with_program, with_programs
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.result import ScoredGroup
from token2metrics.scoring.sketch import RELATIVE_ERROR, bucket_of, quantile

pytestmark = pytest.mark.law

SLACK = 1e-9
ROUNDING = LAST_BITS = 1e-12
TWO_BUCKETS = 2.5 * RELATIVE_ERROR
"""A value at the edge of two buckets may be in either."""

MANY_ROWS = 10**9
FEW_PROMPTS = (-1, 0, 40, 700, 3_000)
COUNTS = dict(zip(INPUTS, INPUTS, strict=True))
MODEL_COLUMN = "which"
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
tables = st.lists(requests, min_size=1, max_size=20)
positive = st.floats(1e-9, 1e9)
short = st.integers(0, SHORTEST_TABLE - 1)
short_requests = st.tuples(short, short)


def staged(models: list[FittedModel], table: list[tuple[int, int]]) -> pl.DataFrame:
    """Price a table whose rows name one model after the other."""
    frame = pl.LazyFrame(table, schema=INPUTS, orient="row").with_columns(
        *(pl.col(name).cast(pl.Float64) for name in INPUTS),
        (pl.int_range(pl.len()) % len(models)).alias(MODEL_COLUMN),
    )
    programs = [build_program(model, PREDICTED_COLUMNS) for model in models]
    priced = with_programs(frame, programs, MODEL_COLUMN, COUNTS).select(PREDICTED_COLUMNS)
    return priced.collect(engine="streaming", optimizations=NOT_SEARCHED)


@every_combination
@fewer_examples()
@given(seed=seeds, table=tables, metered=st.booleans())
def test_staged_columns_equal_the_predictor(
    combination: Combination, seed: int, table: list[tuple[int, int]], metered: bool
) -> None:
    """Every number of every request is that of a single prediction, alone or among models."""
    models = [lawful_model(combination, seed, metered), lawful_model(COMBINATIONS[0], seed)]
    for asked in (models[:1], models):
        for place, (request, row) in enumerate(
            zip(table, staged(asked, table).rows(), strict=True)
        ):
            expected = singly(asked[place % len(asked)], request)
            for name, one, other in zip(PREDICTED_COLUMNS, row, expected, strict=True):
                if one is None or other is None or isinstance(other, bool):
                    assert one == other, (name, request)
                else:
                    assert math.isclose(one, other, rel_tol=SLACK), (name, request, one, other)


@every_combination
@fewer_examples()
@given(seed=seeds, table=st.lists(short_requests, min_size=1, max_size=20))
def test_look_ups_change_nothing(
    combination: Combination, seed: int, table: list[tuple[int, int]]
) -> None:
    """Tables hold what the formulas say; a length beyond them is computed."""
    program = build_program(lawful_model(combination, seed), PREDICTED_COLUMNS)
    look_ups = LookUps((program,))
    assert look_ups.known(dict.fromkeys(INPUTS, float(2 * LONGEST_TABLE)), MANY_ROWS) == ({},)
    assert look_ups.known(dict.fromkeys(INPUTS, 1.0), 1) == ({},)
    (known,) = look_ups.known(dict.fromkeys(INPUTS, float(SHORTEST_TABLE - 1)), MANY_ROWS)
    assert all(len(numbers) == SHORTEST_TABLE for _, numbers in known.values())
    frame = pl.LazyFrame(table, schema=INPUTS, orient="row").cast(pl.Float64)
    computed, looked_up = (
        with_program(frame, program, COUNTS, one)
        .select(PREDICTED_COLUMNS)
        .collect(engine="streaming")
        for one in ({}, known)
    )
    assert_frame_equal(looked_up, computed, rel_tol=LAST_BITS, abs_tol=0.0)


@fewer_examples()
@given(
    rows=st.integers(1, 60),
    seed=seeds,
    one=st.integers(1, 70),
    other=st.integers(1, 70),
    kind=st.sampled_from(["parquet", "csv", "ndjson"]),
)
def test_partitions_do_not_matter(rows: int, seed: int, one: int, other: int, kind: str) -> None:
    """Any size of partitions gives the same rows and totals.

    To the last bits: Polars' own powers and exponentials may differ by one of them between the
    middle and the end of a piece of a table. What is added up of them is exact.
    """
    predictor = predictor_of(lawful_model(COMBINATIONS[seed % len(COMBINATIONS)], seed))
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / f"trace.{kind}"
        getattr(draw_trace(rows, seed), f"write_{kind}")(trace)
        frames: list[pl.DataFrame] = []
        wholes: list[ScoredGroup] = []
        parts: list[list[ScoredGroup]] = []
        for place, size in enumerate((one, other)):
            target = Path(folder) / str(place)
            asked = ScoreRequest(
                (str(trace),), target, "model", group_by=("user",), partition_rows=size
            )
            summary = scored(predictor, asked)
            assert summary.partitions == math.ceil(rows / size)
            frames.append(rows_of(target))
            wholes.append(summary.overall)
            parts.append(by_name(summary.groups))
    assert_frame_equal(*frames, rel_tol=LAST_BITS, abs_tol=0.0)
    assert frames[0].height == rows
    assert_alike(*wholes)
    for group, other_group in zip(*parts, strict=True):
        assert_alike(group, other_group)


@fewer_examples()
@given(
    prompts=st.lists(st.sampled_from(FEW_PROMPTS), min_size=1, max_size=40),
    size=st.integers(1, 45),
    seed=seeds,
    kind=st.sampled_from(["parquet", "csv", "ndjson"]),
)
def test_no_row_is_lost(prompts: list[int], size: int, seed: int, kind: str) -> None:
    """Every row is priced or set aside, also the only bad one, and ranked once if priced."""
    predictor = predictor_of(lawful_model(COMBINATIONS[seed % len(COMBINATIONS)], seed))
    sound = [prompt for prompt in prompts if prompt >= 0]
    with tempfile.TemporaryDirectory() as folder:
        trace, target = Path(folder) / f"trace.{kind}", Path(folder) / "out"
        frame = pl.DataFrame({INPUTS[0]: prompts, INPUTS[1]: [abs(one) for one in prompts]})
        getattr(frame, f"write_{kind}")(trace)
        asked = ScoreRequest((str(trace),), target, "model", partition_rows=size)
        summary = scored(predictor, asked)
        written = rows_of(target)
        rejected = rejected_of(target)["row"].to_list() if len(sound) < len(prompts) else []
    assert written[INPUTS[0]].to_list() == sound
    assert rejected == [place for place, prompt in enumerate(prompts, 1) if prompt < 0]
    assert summary.rejected_counts == (
        {"input_tokens is negative": len(rejected)} if rejected else {}
    )
    for name in ("p50", "p90", "p99"):
        found = getattr(summary.overall.latency_s, name)
        share = int(name[1:]) / 100.0
        exact = written["latency_s"].quantile(share, "lower")
        assert found == (exact if exact is None else pytest.approx(exact, rel=TWO_BUCKETS))


def by_name(groups: Sequence[ScoredGroup]) -> list[ScoredGroup]:
    """Return groups in the order of their names."""
    return sorted(groups, key=lambda one: str(one.group))


def assert_alike(one: ScoredGroup, other: ScoredGroup) -> None:
    """Assert that the requests of two groups come to the same."""
    for name in ("group", "requests", "input_tokens", "output_tokens", "extrapolated"):
        assert getattr(one, name) == getattr(other, name)
    assert one.latency_s.total == pytest.approx(other.latency_s.total, rel=SLACK)
    for name in ("p50", "p90", "p99"):
        expected = pytest.approx(getattr(other.latency_s, name), rel=TWO_BUCKETS)
        assert getattr(one.latency_s, name) == expected


def counted(values: list[float]) -> dict[int, int]:
    """Count values by bucket."""
    frame = pl.DataFrame({"value": values}, schema={"value": pl.Float64})
    return dict(frame.group_by(bucket_of(pl.col("value")).alias("bucket")).len().iter_rows())


@given(values=st.lists(positive | st.just(0.0), min_size=1, max_size=200), share=st.floats(0, 1))
def test_percentiles_are_as_right_as_stated(values: list[float], share: float) -> None:
    """The sketch is off the exact percentile by its stated error at most, whatever the values."""
    found = quantile(counted(values), share)
    exact = float(np.quantile(values, share, method="lower"))
    assert found is not None
    assert abs(found - exact) <= exact * (RELATIVE_ERROR + ROUNDING)


@given(values=st.lists(positive, min_size=2, max_size=50))
def test_percentiles_never_fall(values: list[float]) -> None:
    """A larger share has no smaller percentile."""
    counts = counted(values)
    found = [quantile(counts, share) or 0.0 for share in (0.0, 0.1, 0.5, 0.9, 0.99, 1.0)]
    assert all(low <= high for low, high in pairwise(found))
