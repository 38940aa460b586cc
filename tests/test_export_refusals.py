"""What is no request, and what is unknown, is told in every language."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from pathlib import Path
from runpy import run_path

import duckdb
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest

from tests.exporting import (
    STRICT,
    Drawn,
    drawn,
    output,
    two_models,
    without,
    written,
)
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.export.checking.compiler import Compiler
from token2metrics.export.checking.databases import DuckDb, Sqlite
from token2metrics.export.checking.node import Node
from token2metrics.export.checking.tool import ExportError, Tool
from token2metrics.export.target import Format
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.vocabulary import Phase


@pytest.fixture(name="two")
def drawn_pair() -> Drawn:
    """Return two models under their own ids."""
    return two_models()


WRONG = (-1.0, 0.5, 10_000_001.0, math.nan, math.inf, -math.inf, 1e300)


def test_python_refuses_what_is_no_request(two: Drawn, tmp_path: Path) -> None:
    """A ValueError says what was expected and what came."""
    module = run_path(str(written(tmp_path, Format.PYTHON, two.bundle)))
    for wrong in (*WRONG, -1, 10_000_001, True, "3", None):
        for request in ((wrong, 1), (1, wrong)):
            with pytest.raises(ValueError, match=r"expected (input|output)_tokens to be a whole"):
                module["predict"](*request, "drawn-model-0")
    for name in (None, "unheard-of"):
        with pytest.raises(ValueError, match="there are: drawn_model_0, drawn_model_1"):
            module["predict"](1, 1, name)
    assert module["predict"](1, 1, "model-1") == module["predict"](1, 1, "drawn_model_1")


def test_javascript_refuses_what_is_no_request(two: Drawn, tmp_path: Path) -> None:
    """A RangeError says what was expected and what came."""
    path = written(tmp_path, Format.JAVASCRIPT, two.bundle)
    script = f"""
import {{ predict, models }} from "./{path.name}";
const wrong = [-1, 0.5, 10000001, NaN, Infinity, "3", null, undefined, true, Symbol("s")];
const calls = wrong.flatMap((count) => [[models[0].id, count, 1], [models[0].id, 1, count]]);
calls.push(["unheard-of", 1, 1], [undefined, 1, 1]);
const told = calls.map((call) => {{
  try {{ predict(...call); return "answered"; }}
  catch (error) {{ return `${{error.name}}: ${{error.message}}`; }}
}});
console.log(JSON.stringify([told, Object.isFrozen(models), Object.isFrozen(models[0])]));
"""
    told, *frozen = json.loads(output("node", "--input-type=module", "-e", script, folder=tmp_path))
    assert len(told) == 22
    assert frozen == [True, True]
    for message in told[:-2]:
        assert re.match(r"RangeError: expected (input|output)Tokens to be a whole number", message)
    for message in told[-2:]:
        assert "there are: drawn_model_0, drawn_model_1" in message


def test_c_refuses_what_is_no_request(two: Drawn, tmp_path: Path) -> None:
    """A code says which length is wrong, and the result is left alone."""
    path = written(tmp_path, Format.C, two.bundle)
    text = f"""
#include <stdio.h>
#include "{path.name}"
int main(void)
{{
    const double wrong[] = {{-1.0, 0.5, 10000001.0, NAN, INFINITY, -INFINITY, 1e300}};
    unsigned i;
    struct t2m_prediction cost;
    cost.latency_s = 7.0;
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {{
        printf("%d", (int)t2m_drawn_model_0_predict(wrong[i], 1.0, &cost));
        printf("%d", (int)t2m_drawn_model_0_predict(1.0, wrong[i], &cost));
    }}
    printf(" %g %s", cost.latency_s, t2m_models[1].id);
    return 0;
}}
"""
    (tmp_path / "wrong.c").write_text(text)
    output("gcc", *STRICT, "wrong.c", "-o", "wrong", "-lm", folder=tmp_path)
    assert output("./wrong", folder=tmp_path) == f"{'12' * len(WRONG)} 7 drawn-model-1"


def test_sql_gives_nothing_for_what_is_no_request(two: Drawn, tmp_path: Path) -> None:
    """Every quantity of a wrong or missing length is null; the request itself stays."""
    wrong = [*WRONG, None]
    rows = [pair for count in wrong for pair in ((count, 1.0), (1.0, count))]
    names = ", ".join(QUANTITIES)
    text = written(tmp_path, Format.SQL, two.bundle).read_text()
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t2m_requests (request_id INT, a DOUBLE, b DOUBLE)")
        connection.execute("ALTER TABLE t2m_requests RENAME a TO input_tokens")
        connection.execute("ALTER TABLE t2m_requests RENAME b TO output_tokens")
        connection.execute(text)
        for at, row in enumerate(rows):
            connection.execute("INSERT INTO t2m_requests VALUES (?, ?, ?)", (at, *row))
        found = connection.execute(f"SELECT {names} FROM t2m_drawn_model_0").fetchall()
        macros = written(tmp_path, Format.DUCKDB, two.bundle).read_text()
        connection.execute("DROP VIEW t2m_models")
        connection.execute(macros)
        called = f"SELECT request_id, {names} FROM t2m_drawn_model_0('t2m_requests')"
        kept = connection.execute(called).fetchall()
    assert found == [(None,) * len(QUANTITIES)] * len(rows)
    assert sorted(kept) == [(at, *found[0]) for at in range(len(rows))]
    with sqlite3.connect(":memory:") as lite:
        lite.executescript(text)
        lite.executemany("INSERT INTO t2m_requests VALUES (0, ?, ?)", rows)
        assert lite.execute(f"SELECT {names} FROM t2m_drawn_model_0").fetchall() == found


def test_onnx_gives_nothing_for_what_is_no_request(two: Drawn, tmp_path: Path) -> None:
    """Not a number; beside it requests are answered."""
    session = onnxruntime.InferenceSession(written(tmp_path, Format.ONNX, two.bundle))
    wrong = np.array([*WRONG, 1.0])
    right = np.ones_like(wrong)
    for lengths in ((wrong, right), (right, wrong)):
        told = session.run(None, dict(zip(("input_tokens", "output_tokens"), lengths, strict=True)))
        for values in told:
            assert np.isnan(values[:-1]).all()
        assert not np.isnan(told[0][-1])
    empty = session.run(None, {one.name: np.array([]) for one in session.get_inputs()})
    assert all(values.shape == (0,) for values in empty)


def test_what_is_unknown_is_none(tmp_path: Path) -> None:
    """Without a fit of prefill: None in Python, null in JavaScript, not a number in C."""
    model = without(lawful_model(COMBINATIONS[0], 1, metered=False), Phase.PREFILL)
    bundle = drawn(1, [model]).bundle
    told = run_path(str(written(tmp_path, Format.PYTHON, bundle)))["predict"](10, 1)
    nothing = {name: value for name, value in told.items() if value is not None}
    assert nothing == {
        "decode_latency_s": 0.0,
        "decode_latency_lower_s": 0.0,
        "decode_latency_upper_s": 0.0,
        "decode_energy_j": 0.0,
        "decode_energy_lower_j": 0.0,
        "decode_energy_upper_j": 0.0,
        "extrapolated": False,
    }
    path = written(tmp_path, Format.JAVASCRIPT, bundle)
    script = f"""
import {{ models }} from "./{path.name}";
const told = Object.entries(models[0].predict(10, 1));
console.log(JSON.stringify(told.filter(([name, value]) => value === null).map(([name]) => name)));
"""
    names = json.loads(output("node", "--input-type=module", "-e", script, folder=tmp_path))
    assert names == [name for name, value in told.items() if value is None]
    header = written(tmp_path, Format.C, bundle).read_text()
    assert "out->prefill_latency_s = (double)NAN;" in header


def test_views_read_one_s_own_table(two: Drawn, tmp_path: Path) -> None:
    """A view in place of the table adapts any table; the requests keep their numbers."""
    text = written(tmp_path, Format.SQL, two.bundle).read_text()
    log = "CREATE TABLE log AS SELECT 7 AS at, 512 AS prompt, 128 AS answer"
    view = "CREATE VIEW t2m_requests AS SELECT at AS request_id, prompt AS input_tokens, "
    view += "answer AS output_tokens FROM log"
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(f"{log}; {view}; {text}")
        query = "SELECT request_id, input_tokens, output_tokens FROM t2m_drawn_model_0"
        assert connection.execute(query).fetchall() == [(7, 512.0, 128.0)]


@pytest.mark.parametrize(
    ("chosen", "tool"),
    [
        (Format.C, Compiler()),
        (Format.JAVASCRIPT, Node()),
        (Format.SQL, Sqlite()),
        (Format.SQL, DuckDb(macros=False)),
    ],
)
def test_a_broken_file_is_told(two: Drawn, tmp_path: Path, chosen: Format, tool: Tool) -> None:
    """What the tool said of it is in the error."""
    path = written(tmp_path, chosen, two.bundle)
    path.write_bytes(path.read_bytes() + b"\n)")
    with pytest.raises(ExportError, match="refused the export"):
        tool.answers(path, two.bundle, two.requests)
