"""The fast ways to ask say what the formulas say: compiled, on arrays, on Polars."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import SLACK
from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, FLOATS, Combination, lawful_model, requests, seeds
from token2metrics.algebra import StepTable
from token2metrics.errors import RequestError
from token2metrics.prediction import compiled
from token2metrics.prediction.arrays import AT_ONCE
from token2metrics.prediction.compiled import MOST_PROMPTS, Cases, Ranges, compile_model
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.interpreted import COMPILED_AFTER, Interpreted
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.program import INPUTS, build_program, evaluate
from token2metrics.prediction.quantities import EXTRAPOLATED, QUANTITIES
from token2metrics.symbolic import Operation, SymbolicAlgebra
from token2metrics.vocabulary import MAX_TOKENS

every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
inside = st.tuples(st.integers(1, 4_096), st.integers(1, 2_048))
tables = st.lists(requests | inside, min_size=1, max_size=8)
confidences = st.sampled_from((0.5, 0.9, 0.99))
samples = st.sampled_from((1, 2, 64))


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether numbers are equal to the last bit, or both unknown."""
    return all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))


@pytest.mark.law
@every_combination
@fewer_examples()
@given(
    seed=seeds,
    table=tables,
    metered=st.booleans(),
    confidence=confidences,
    parallel=samples,
)
def test_a_compiled_model_is_its_formulas(
    combination: Combination,
    seed: int,
    table: list[tuple[int, int]],
    metered: bool,
    confidence: float,
    parallel: int,
) -> None:
    """Every number of every request is the same to the last bit, within and beyond the rows."""
    model = lawful_model(combination, seed, metered)
    formulas = Interpreted(model, confidence, parallel)
    fast = compile_model(model, QUANTITIES, confidence, parallel)
    latency = compile_model(model, ("latency_upper_s", "latency_s"), confidence, parallel)
    places = [QUANTITIES.index(name) for name in ("latency_upper_s", "latency_s")]
    for request in table:
        expected = formulas(*request)
        assert same(fast(*request), expected)
        assert same(latency(*request), [expected[place] for place in places])


@pytest.mark.law
@every_combination
@fewer_examples()
@given(seed=seeds, table=tables, metered=st.booleans(), parallel=samples, often=st.booleans())
def test_arrays_and_tables_are_single_predictions(
    combination: Combination,
    seed: int,
    table: list[tuple[int, int]],
    metered: bool,
    parallel: int,
    often: bool,
) -> None:
    """NumPy says the same up to rounding, whether a table of prompts pays or not."""
    model = lawful_model(combination, seed, metered)
    asked = [(prompt % 97, answer) for prompt, answer in table] * 200 if often else table
    prompts, answers = zip(*asked, strict=True)
    priced = ModelPredictor(model).predict_many(prompts, answers, parallel=parallel)
    assert tuple(priced) == QUANTITIES
    assert priced[EXTRAPOLATED].dtype == np.bool_
    formulas = Interpreted(model, 0.9, parallel)
    for place, request in enumerate(asked[: len(table)]):
        for name, expected in zip(QUANTITIES, formulas(*request), strict=True):
            found = float(priced[name][place])
            assert (found != found) == (expected != expected), (name, request)
            if expected == expected:
                assert math.isclose(found, expected, rel_tol=SLACK, abs_tol=1e-290), name


def test_predictions_stay_the_same_when_the_model_is_compiled() -> None:
    """Whoever asks often notices nothing but the speed."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[-1], 7))
    asked = [(500, 300), (5_000, 3_000), (10, 1), (0, 0)]
    first = [predictor(*request) for request in asked]
    for _ in range(COMPILED_AFTER):
        assert [predictor(*request) for request in asked] == first


def test_a_predictor_goes_to_another_process_however_often_it_was_asked() -> None:
    """Pools of processes pickle what they share."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[-1], 7))
    expected = [predictor(500, 300) for _ in range(2 * COMPILED_AFTER)][-1]
    sent: Predictor = pickle.loads(pickle.dumps(Predictor((predictor,))))
    assert sent(500, 300) == expected


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"confidence": [0.9]}, "expected confidence"), ({"parallel": [1]}, "expected parallel")],
)
def test_what_is_no_number_is_refused(wrong: dict[str, Any], words: str) -> None:
    """A list is told from a number, whether or not the model was asked before."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    for _ in range(2):
        with pytest.raises(RequestError, match=words):
            predictor(1, 1, **wrong)
        predictor(1, 1)


def test_remembered_prompts_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More lengths than may be kept change no number."""
    monkeypatch.setattr(compiled, "MOST_PROMPTS", 3)
    model = lawful_model(COMBINATIONS[-1], 7)
    fast, formulas = compile_model(model), Interpreted(model, 0.9, 1)
    for prompt in (*range(10), *range(10)):
        assert same(fast(prompt, 9), formulas(prompt, 9))


def test_all_cases_share_what_is_remembered() -> None:
    """Prompts and answers of any length fill no more memory than those of one case."""
    prefill, decode = (Ranges(9.0, 99.0, 9.0, 99.0), Ranges(20.0, 50.0, 20.0, 50.0))
    model = lawful_model(COMBINATIONS[-1], 7)
    cases = Cases(model, QUANTITIES, 0.9, 1, prefill, decode)
    for prompt in range(0, 2 * MOST_PROMPTS, 3):
        for answer in (1, 30, 3_000):
            cases(prompt, answer)
            assert sum(map(len, cases.tables)) <= MOST_PROMPTS
    assert len(cases.tables) == 15


def test_kinds_of_questions_stay_bounded() -> None:
    """Asking at ever new confidences fills no memory."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    for step in range(200):
        predictor(10, 10, confidence=0.5 + step / 1_000)
    assert len(predictor._made) <= 64


def test_ever_new_questions_displace_no_frequent_one() -> None:
    """Who asks at many confidences slows down nobody who asks all the time at one."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    for _ in range(COMPILED_AFTER + 1):
        predictor(10, 10)
    (kept,) = predictor._made.values()
    for step in range(200):
        predictor(10, 10, confidence=0.5 + step / 1_000)
    assert kept in predictor._made.values()
    for step in range(20):
        for _ in range(COMPILED_AFTER + 1):
            predictor(10, 10, confidence=0.6 + step / 1_000)
    assert len(predictor._made) <= 64


@every_combination
def test_a_program_holds_nothing_twice(combination: Combination) -> None:
    """No two nodes compute the same of the same, and none is constant beside the constants."""
    program = build_program(lawful_model(combination, 3))
    nodes = program.nodes
    told = [(node.operation, node.operands, repr(node.value)) for node in nodes]
    assert len(set(told)) == len(told)
    for node in nodes:
        constant = node.operands and all(one.number is not None for one in node.operands)
        assert not constant or node.operation is Operation.STAIRCASE
    places = {node: place for place, node in enumerate(nodes)}
    assert all(places[one] < places[node] for node in nodes for one in node.operands)


@every_combination
def test_what_the_prompt_decides_needs_nothing_else(combination: Combination) -> None:
    """A table by prompt length gives the very numbers of the whole computation."""
    program = build_program(lawful_model(combination, 3))
    decided = program.depending_on_alone(INPUTS[0])
    inputs = dict(zip(INPUTS, (700.0, 300.0), strict=True))
    whole = program.evaluate(FLOATS, inputs)
    before = evaluate(FLOATS, decided, {INPUTS[0]: inputs[INPUTS[0]]})
    kept = dict(zip(decided, before, strict=True))
    assert same([*program.evaluate(FLOATS, inputs, kept).values()], [*whole.values()])


def test_a_graph_folds_what_is_constant() -> None:
    """Numbers are computed once; adding nothing and multiplying by one leave no trace."""
    algebra = SymbolicAlgebra()
    count = algebra.input("input_tokens")
    two = algebra.number(1.0) + 1.0
    assert two.number == 2.0
    assert count + 0.0 is count
    assert 0.0 + count is count
    assert count * 1.0 is count
    assert count / 1.0 is count
    assert count - 0.0 is count
    assert (count * 0.0).number == 0.0
    assert count * two is count * 2.0
    assert algebra.maximum(count, count) is count
    assert algebra.select(algebra.number(1.0), count, two) is count
    assert algebra.select(algebra.number(0.0), count, two) is two
    assert algebra.staircase(count, StepTable((), ())).number == 0.0
    unknown = algebra.unknown() * 0.0
    assert unknown.number is not None
    assert math.isnan(unknown.number)


def test_expressions_price_a_lazy_table(trained_artifact: Path) -> None:
    """The columns of a model are added to a lazy table, in the streaming engine."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    table = pl.LazyFrame({"input_tokens": [100, 500], "output_tokens": [50, 300]})
    priced = table.with_columns(predictor.expressions()).collect(engine="streaming")
    assert priced.columns == ["input_tokens", "output_tokens", *PREDICTED_COLUMNS]
    assert priced["latency_s"].to_list() == pytest.approx(
        [predictor(100, 50).latency_s, predictor(500, 300).latency_s], rel=SLACK
    )


@every_combination
def test_a_lazy_table_is_priced_as_arrays_are(combination: Combination) -> None:
    """A whole table, each step once, in the streaming engine: the same numbers."""
    predictor = ModelPredictor(lawful_model(combination, 5))
    counts = {"read": [0, 1, 65, 500, 9_000], "made": [2, 0, 1, 300, 5_000]}
    table = pl.LazyFrame({**counts, "user": list("abcde")})
    priced = predictor.price_table(table, "read", "made", parallel=2).collect(engine="streaming")
    assert priced.columns == ["read", "made", "user", *QUANTITIES]
    expected = predictor.predict_many(counts["read"], counts["made"], parallel=2)
    for name in QUANTITIES:
        found = priced[name].cast(pl.Float64).fill_null(math.nan).to_list()
        assert found == pytest.approx(
            expected[name].astype(float).tolist(), rel=SLACK, nan_ok=True
        ), name


def test_tables_that_cannot_be_priced_are_refused() -> None:
    """Columns must be there, and none may be replaced."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    table = pl.LazyFrame({"input_tokens": [1], "output_tokens": [1], "latency_s": [1.0]})
    with pytest.raises(RequestError, match="expected no column latency_s"):
        predictor.price_table(table)
    with pytest.raises(RequestError, match="expected the column prompt, got input_tokens"):
        predictor.price_table(table, "prompt")


def test_arrays_longer_than_a_block_keep_their_order(trained_artifact: Path) -> None:
    """Blocks are put together again in order."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    prompts = np.arange(AT_ONCE + 3) % 4_000
    priced = predictor.predict_many(prompts, np.full(prompts.shape, 10), ("latency_s",))
    for place in (0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 2):
        expected = predictor(int(prompts[place]), 10).latency_s
        assert priced["latency_s"][place] == pytest.approx(expected, rel=SLACK)


@pytest.mark.parametrize(
    ("prompts", "answers", "words"),
    [
        ([1, -1], [1, 1], "at position 1"),
        ([1.5], [1], "whole numbers"),
        ([float("nan")], [1], "whole numbers"),
        ([1], [MAX_TOKENS + 1], "output_tokens"),
        ([1, 2], [1], "as many output_tokens"),
        ([[1]], [[1]], "one dimension"),
        (["many"], [1], "numbers"),
    ],
)
def test_wrong_arrays_are_refused(prompts: list[Any], answers: list[Any], words: str) -> None:
    """What no request can have is refused, with its place."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    with pytest.raises(RequestError, match=words):
        predictor.predict_many(prompts, answers)


def test_unknown_quantities_are_refused() -> None:
    """Names that nothing predicted has, and no names at all."""
    predictor = ModelPredictor(lawful_model(COMBINATIONS[0], 7))
    with pytest.raises(RequestError, match="got 'speed'"):
        predictor.compiled(("latency_s", "speed"))
    with pytest.raises(RequestError, match="got nothing"):
        predictor.predict_many([1], [1], ())
    with pytest.raises(RequestError, match="confidence"):
        predictor.compiled(confidence=0.1)
    with pytest.raises(RequestError, match="parallel"):
        predictor.expressions(parallel=0)


def test_an_artifact_of_several_models_asks_for_a_name(trained_artifact: Path) -> None:
    """The whole artifact answers too: by name, or for its only model."""
    predictor = Predictor.load(trained_artifact)
    assert predictor(100, 50, "1.5B") == predictor.select("1.5B")(100, 50)
    only = Predictor((predictor.select("1.5B"),))
    assert only(100, 50) == predictor(100, 50, "1.5B")
    if len(predictor.models) > 1:
        with pytest.raises(RequestError, match="expected the name of a model"):
            predictor(100, 50)
