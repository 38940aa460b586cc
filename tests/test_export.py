"""Exported files say what the predictor says, in every language, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import Phase as Stage
from hypothesis import given, settings

from tests.exporting import (
    NOWHERE,
    STRICT,
    Drawn,
    drawn,
    drawn_models,
    two_models,
    written,
)
from tests.strategies import COMBINATIONS, Combination, Noise, draw_steps, lawful_model, seeds
from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.curves import CurveWeights
from token2metrics.export import build_target
from token2metrics.export.agreement import compare, grid, relative_difference
from token2metrics.export.checking import tools_of
from token2metrics.export.checking.compiler import Compiler
from token2metrics.export.checking.databases import DuckDb, Sqlite
from token2metrics.export.checking.node import Node
from token2metrics.export.checking.onnx_runtime import OnnxRuntime
from token2metrics.export.checking.python import Python
from token2metrics.export.checking.tool import ExportError, Request, Tool
from token2metrics.export.target import Bundle, ExportedModel, Format
from token2metrics.prediction.program import Program
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.symbolic import SymbolicAlgebra
from token2metrics.vocabulary import CalibrationMethod, RegressionType


@pytest.fixture(name="two")
def drawn_pair() -> Drawn:
    """Return two models under their own ids."""
    return two_models()


STRICTEST = (*STRICT, "-Wconversion", "-Wshadow")
SEVERAL, SHARE = 100, 100
NO_SHRINKING = (Stage.explicit, Stage.reuse, Stage.generate)
"""A smaller seed tells no more than another one."""

LIGHT: dict[Format, Tool] = {
    Format.PYTHON: Python(),
    Format.C: Compiler(STRICTEST),
    Format.JAVASCRIPT: Node(),
    Format.SQL: Sqlite(),
}
HEAVY: dict[Format, Tool] = {Format.SQL: DuckDb(macros=False), Format.ONNX: OnnxRuntime()}


def examples(most: int) -> settings:
    """Return settings for so many examples, or a share of those of the thorough profile."""
    current = settings()
    chosen = most if current.max_examples < SEVERAL else current.max_examples // SHARE
    return settings(current, max_examples=chosen, phases=NO_SHRINKING)


def agree(case: Drawn, folder: Path, tools: dict[Format, Tool]) -> None:
    """Assert that every tool says what the predictor says."""
    for chosen, tool in tools.items():
        path = written(folder, chosen, case.bundle)
        answers = tool.answers(path, case.bundle, case.requests)
        found = compare(answers, case.bundle, case.predictors, tool.name, case.requests)
        expected = len(case.predictors) * len(case.requests) * len(case.bundle.quantities)
        assert found.values == expected


@pytest.mark.law
@examples(1)
@given(seed=seeds)
def test_source_agrees_with_the_predictor(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Python, C, JavaScript and SQLite, for every family with every calibration."""
    agree(drawn(seed), tmp_path_factory.mktemp("light"), LIGHT)


@pytest.mark.law
@examples(1)
@given(seed=seeds)
def test_engines_agree_with_the_predictor(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """DuckDB and ONNX Runtime, for every family with every calibration, on other models."""
    agree(drawn(seed + 1), tmp_path_factory.mktemp("heavy"), HEAVY)


def test_macros_agree_with_the_predictor(tmp_path: Path) -> None:
    """DuckDB's macros are the views over any table."""
    models = drawn_models(5)[:: len(CalibrationMethod)]
    agree(drawn(5, models), tmp_path, {Format.DUCKDB: DuckDb(macros=True)})


@pytest.mark.parametrize("chosen", Format)
def test_the_same_bundle_gives_the_same_bytes(chosen: Format) -> None:
    """An export can be compared with an earlier one."""
    first, second = (drawn(3, drawn_models(3)[:2]).bundle for _ in range(2))
    assert build_target(chosen).encode(first) == build_target(chosen).encode(second)


def stairs() -> Drawn:
    """Return models whose staircases have from one step to hundreds, asked around their edges."""
    models, asked = [], set()
    for most in (1, 2, 3, 300):
        model = lawful_model(Combination(RegressionType.TREE, CalibrationMethod.DIRECT), most)
        weights = {}
        for phase, told in model.weights.items():
            steps = draw_steps(Random(most), Noise.BALANCED, most)
            asked |= {int(edge) + more for edge in steps.edges[:20] for more in (0, 1, 2)}
            weights[phase] = msgspec.structs.replace(
                told, curve=CurveWeights(told.curve.values, steps)
            )
        record = msgspec.structs.replace(model.record, id=f"steps-{most}")
        models.append(FittedModel(record, model.formulas, weights))
    case = drawn(1, models)
    return replace(case, requests=(*case.requests, *((count, count) for count in sorted(asked))))


def test_staircases_turn_where_they_should(tmp_path: Path) -> None:
    """On an edge, right after it, and with repeated edges, in every language."""
    agree(stairs(), tmp_path, LIGHT | HEAVY)


def chained(links: int) -> Program:
    """Return a program whose every step is written three times by the next, or twice."""
    graph = SymbolicAlgebra()
    node = graph.input("input_tokens") * 1e-3 + graph.input("output_tokens") * 0.0
    for _ in range(links):
        node = graph.maximum(node * node - node, 0.25)
    for _ in range(links):
        node = graph.maximum(node * 1.001, 0.25)
    return Program({"latency_s": node})


def custom(program: Program) -> Bundle:
    """Return a bundle of one program."""
    record = lawful_model(COMBINATIONS[0], 0).record
    return Bundle((ExportedModel("custom", record, program),), ("latency_s",), 0.9, 1, NOWHERE)


def single(bundle: Bundle, chosen: Format, tool: Tool, folder: Path, request: Request) -> float:
    """Return the only number of a bundle."""
    answers = tool.answers(written(folder, chosen, bundle), bundle, [request])
    found = answers["custom"][0][0]
    assert found is not None
    return found


@pytest.mark.parametrize("chosen", Format)
def test_sharing_does_not_blow_up(chosen: Format, tmp_path: Path) -> None:
    """Steps that each use the last several times stay as many steps."""
    bundle = custom(chained(40))
    expected = chained(40).evaluate(FloatAlgebra(), {"input_tokens": 1.5e3, "output_tokens": 0.0})
    content = build_target(chosen).encode(bundle)
    assert len(content) < 40_000
    for tool in tools_of(chosen):
        found = single(bundle, chosen, tool, tmp_path, (1_500, 0))
        assert math.isclose(found, expected["latency_s"], rel_tol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_onnx_runtime_drops_no_constant(sign: float, tmp_path: Path) -> None:
    """Its optimiser rounds constants to single precision before it calls them neutral."""
    graph = SymbolicAlgebra()
    decayed = graph.exp(graph.input("input_tokens") * -1.0)
    apart = (decayed * (1.0 + 1e-9) - decayed + sign * 1e-300) * 1e300
    bundle = custom(Program({"latency_s": apart}))
    found = single(bundle, Format.ONNX, OnnxRuntime(), tmp_path, (1_000, 1))
    assert math.isclose(found, sign, rel_tol=1e-9)
    inside = single(bundle, Format.ONNX, OnnxRuntime(), tmp_path, (0, 1))
    assert math.isclose(inside, 1e291, rel_tol=1e-6)


def test_differences_are_found(two: Drawn) -> None:
    """A number that is off, missing, or known where nobody can know it."""
    assert relative_difference(None, None) == relative_difference(0.0, 0.0) == 0.0
    assert relative_difference(None, 1.0) == relative_difference(0.0, None) == math.inf
    assert math.isclose(relative_difference(1.0, 1.0 + 2e-6), 2e-6, rel_tol=1e-3)
    answers = {
        one.identifier: [[1.0] * len(QUANTITIES)] * len(two.requests) for one in two.bundle.models
    }
    with pytest.raises(ExportError, match=r"gives 1\.0 for .* the predictor"):
        compare(answers, two.bundle, two.predictors, "a tool", two.requests)


def test_the_grid_leaves_the_measured_range(two: Drawn) -> None:
    """It holds no token and one, both sides of every end, and the largest request."""
    asked = set(grid(two.bundle))
    for request in ((0, 0), (1, 1), (4_096, 2_048), (4_097, 2_049), (10_000_000, 10_000_000)):
        assert request in asked
