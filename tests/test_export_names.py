"""Names of models are inert in every language, and files say what they are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from runpy import run_path

import duckdb
import msgspec
import onnx
import pytest

from tests.exporting import (
    STRICT,
    Drawn,
    drawn,
    drawn_models,
    output,
    two_models,
    written,
)
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.errors import RequestError
from token2metrics.export import SUFFIXES, format_of
from token2metrics.export.agreement import compare
from token2metrics.export.checking import tools_of
from token2metrics.export.identifiers import identifiers
from token2metrics.export.sql import PREFIX, REQUESTS
from token2metrics.export.target import Format
from token2metrics.prediction.quantities import QUANTITIES


@pytest.fixture(name="two")
def drawn_pair() -> Drawn:
    """Return two models under their own ids."""
    return two_models()


CPP = ("-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++")
EVIL = 'a\'); DROP TABLE t2m_requests; --"""\n*/ </script> \\ ??/ %s {x} é\r\t`${1}\n#error'
LONGEST_POSTGRES_NAME = 63
MATHEMATICS = {"exp", "tanh", "log1p", "ceil", "pow", "sqrt", "floor"}


EVIL_MODELS = tuple(
    FittedModel(
        msgspec.structs.replace(
            model.record, id=f"{EVIL}{place}", name=f"{EVIL}{place}", device=EVIL, runtime=None
        ),
        model.formulas,
        model.weights,
    )
    for place, model in enumerate(drawn_models(2)[:3])
)


def names_in(path: Path, chosen: Format) -> list[str]:
    """Return the names of the models as a reader of the file sees them."""
    match chosen:
        case Format.PYTHON:
            return [told["name"] for told in run_path(str(path))["MODELS"].values()]
        case Format.C:
            return c_names(path)
        case Format.JAVASCRIPT:
            script = f'import {{models}} from "./{path.name}"; console.log(JSON.stringify(models))'
            told = output("node", "--input-type=module", "-e", script, folder=path.parent)
            return [one["name"] for one in json.loads(told)]
        case Format.SQL | Format.DUCKDB:
            with duckdb.connect() as connection:
                connection.execute(path.read_bytes().decode())
                found = connection.execute("SELECT name FROM t2m_models").fetchall()
            return [str(name) for (name,) in found]
        case Format.ONNX:
            (told,) = onnx.load(path).metadata_props
            return [one["name"] for one in json.loads(told.value)["models"]]


def c_names(path: Path) -> list[str]:
    """Return the names in a header, compiled strictly."""
    body = "for (i = 0; i < T2M_MODEL_COUNT; ++i) {fputs(t2m_models[i].name, stdout); putchar(0);}"
    text = (
        f'#include <stdio.h>\n#include "{path.name}"\nint main(void) {{int i; {body} return 0;}}\n'
    )
    (path.parent / "names.c").write_text(text)
    output("gcc", *STRICT, "names.c", "-o", "names", "-lm", folder=path.parent)
    return output("./names", folder=path.parent).split("\0")[:-1]


@pytest.mark.parametrize("chosen", Format)
def test_names_are_inert_and_whole(chosen: Format, tmp_path: Path) -> None:
    """Quotes, ends of comments and scripts, newlines and directives in names do nothing."""
    case = drawn(2, EVIL_MODELS)
    path = written(tmp_path, chosen, case.bundle)
    assert names_in(path, chosen) == [model.record.name for model in EVIL_MODELS]
    for tool in tools_of(chosen):
        answers = tool.answers(path, case.bundle, case.requests)
        compare(answers, case.bundle, case.predictors, tool.name, case.requests)
    if chosen is Format.JAVASCRIPT:
        assert "</script" not in path.read_text()
    if chosen in (Format.JAVASCRIPT, Format.C):
        assert path.read_text().isascii()


def test_the_header_refuses_arithmetic_without_nan(tmp_path: Path) -> None:
    """Such a compiler would take what is unknown, and what is no request, for numbers."""
    path = written(tmp_path, Format.C, drawn(4, drawn_models(4)[:1]).bundle)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        output("gcc", "-ffast-math", "-fsyntax-only", path.name, folder=tmp_path)
    assert b"compile without -ffast-math" in refused.value.stderr


def test_the_header_is_cpp_without_allocation(tmp_path: Path) -> None:
    """C++ reads it too; it includes and calls nothing but mathematics."""
    path = written(tmp_path, Format.C, drawn(4, drawn_models(4)[::5]).bundle)
    text = path.read_text()
    assert re.findall("#include (.*)", text) == ["<math.h>"]
    calls = set(re.findall(r"\b([a-z0-9]+)\(", text)) - {
        "if",
        "while",
        "predict",
        "defined",
        "sizeof",
    }
    assert calls <= MATHEMATICS
    output("g++", *CPP, path.name, folder=tmp_path)


def test_two_headers_in_one_program_are_refused(tmp_path: Path) -> None:
    """The same one twice is one; another one says what to do."""
    models = drawn_models(4)
    for place in (0, 1):
        path = written(tmp_path, Format.C, drawn(place, models[place : place + 1]).bundle)
        path.rename(tmp_path / f"export{place}.h")
    same, other = '#include "export0.h"\n' * 2, '#include "export0.h"\n#include "export1.h"\n'
    (tmp_path / "same.c").write_text(same)
    (tmp_path / "other.c").write_text(other)
    output("gcc", *STRICT, "-c", "same.c", folder=tmp_path)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        output("gcc", *STRICT, "-c", "other.c", folder=tmp_path)
    assert b"export all models into one header" in refused.value.stderr


def test_the_graph_says_what_it_is(two: Drawn, tmp_path: Path) -> None:
    """Double precision, a stated opset, an output per quantity; one model's have plain names."""
    graph = onnx.load(written(tmp_path, Format.ONNX, two.bundle))
    onnx.checker.check_model(graph, full_check=True)
    assert [one.version for one in graph.opset_import] == [18]
    names = [f"drawn_model_{at}/{name}" for at in (0, 1) for name in QUANTITIES]
    assert [one.name for one in graph.graph.output] == names
    kinds = {one.type.tensor_type.elem_type for one in (*graph.graph.input, *graph.graph.output)}
    assert kinds == {onnx.TensorProto.DOUBLE}
    alone = drawn(1, [two.predictors[0].model], ("latency_s", "extrapolated")).bundle
    outputs = onnx.load(written(tmp_path, Format.ONNX, alone)).graph.output
    assert [one.name for one in outputs] == ["latency_s", "extrapolated"]


def record_of(name: str, device: str = "device", runtime: str | None = "vllm") -> ModelRecord:
    """Return the record of a model under some conditions."""
    record = lawful_model(COMBINATIONS[0], 0).record
    return msgspec.structs.replace(record, id=name, device=device, runtime=runtime)


def test_identifiers() -> None:
    """Ids alone, conditions where they differ, digests where nothing plain does."""
    assert identifiers([record_of("Qwen-1.5B")]) == ("qwen_1_5b",)
    several = [record_of("a"), record_of("a", runtime=None), record_of("b", runtime="llama.cpp")]
    assert identifiers(several) == ("vllm_a", "a", "llama_cpp_b")
    first, second, other = identifiers([record_of("a.b"), record_of("a-b"), record_of("c")])
    assert other == "c"
    assert first != second
    assert {first[:4], second[:4]} == {"a_b_"}
    assert identifiers([record_of("--")]) == ("model",)
    (long,) = identifiers([record_of("a" * 500)])
    assert len(f"{PREFIX}{long}") <= LONGEST_POSTGRES_NAME
    forged = identifiers([record_of("a.b"), record_of("a-b"), record_of(first)])
    assert len(set(forged)) == 3
    assert all(re.fullmatch("[a-z0-9_]+", name) for name in forged)


def test_identifiers_stay_apart_where_a_database_cuts_them() -> None:
    """PostgreSQL keeps 63 letters of a name; the model at its end is not what is lost."""
    conditions = {"device": "jetson-agx-orin-64gb-" * 2, "runtime": "llama.cpp"}
    distills = [
        record_of(f"DeepSeek-R1-Distill-Qwen-{size}B", **conditions) for size in (7, 14, 32)
    ]
    names = identifiers([*distills, record_of("a", device="other")])
    assert len({f"{PREFIX}{name}"[:LONGEST_POSTGRES_NAME] for name in names}) == len(names)
    assert "distill_qwen_14b" in names[1]


@pytest.mark.parametrize("taken", [REQUESTS.removeprefix(PREFIX), "Models"])
def test_models_are_not_called_as_the_file_calls_its_own(taken: str, tmp_path: Path) -> None:
    """A model of the name of the table of requests, or of the view of models, replaces neither."""
    model = lawful_model(COMBINATIONS[0], 1)
    named = FittedModel(
        msgspec.structs.replace(model.record, id=taken, name=taken), model.formulas, model.weights
    )
    case = drawn(1, [named])
    path = written(tmp_path, Format.SQL, case.bundle)
    assert names_in(path, Format.SQL) == [taken]
    for tool in tools_of(Format.SQL):
        answers = tool.answers(path, case.bundle, case.requests)
        compare(answers, case.bundle, case.predictors, tool.name, case.requests)


def test_formats_by_suffix() -> None:
    """Every format has a suffix; others are refused with all of them."""
    assert set(SUFFIXES.values()) == set(Format)
    assert format_of(Path("a.DuckDB.SQL")) is Format.DUCKDB
    assert format_of(Path("a.sql")) is Format.SQL
    with pytest.raises(RequestError, match=r"\.onnx; got a\.txt"):
        format_of(Path("a.txt"))
