"""How long an exported model takes per request: ``python benchmarks/export_speed.py [--quick]``.

Trains 1.5B on the bundled measurements, exports its latency with both bounds and times the file in
each language: compiled C, node, Python, ONNX Runtime on one row and on many, DuckDB and SQLite on a
table. Everything runs on one thread. There is no target: the figures say what to expect.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from runpy import run_path
from statistics import median
from typing import Annotated

import duckdb
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.protocol import Row, judged_rows
from benchmarks.tables import print_rows, write_tables
from token2metrics.artifact.load import load_artifact
from token2metrics.export import build_target
from token2metrics.export.target import Bundle, Format, bundle_of, provenance_of
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "main.py"
MODEL = "1.5B"
QUANTITIES = ("latency_s", "latency_lower_s", "latency_upper_s")
TASK = "export"
NANOSECONDS = 1e9
PROMPTS = 4_000
ANSWERS = 2_000
RUNS, QUICK_RUNS = 7, 3
MANY_ROWS, QUICK_ROWS = 1_000_000, 100_000
CALLS = 20_000

C_PROGRAM = """
#include <stdio.h>
#include <time.h>
#include "predict.h"
int main(void)
{
    const long count = CALLS;
    double sum = 0.0;
    long at;
    const clock_t started = clock();
    for (at = 0; at < count; ++at) {
        struct t2m_prediction cost;
        t2m_models[0].predict((double)(at % PROMPTS), (double)(at % ANSWERS), &cost);
        sum += cost.latency_s + cost.latency_lower_s + cost.latency_upper_s;
    }
    printf("%.17g %.17g", (double)(clock() - started) / CLOCKS_PER_SEC, sum);
    return 0;
}
"""

"""Prints the seconds of CALLS predictions, and a sum that keeps them from being left out."""

JAVASCRIPT_PROGRAM = """
import { models } from "./predict.mjs";
const [model] = models;
function run(count) {
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    const cost = model.predict(at % PROMPTS, at % ANSWERS);
    sum += cost.latency_s + cost.latency_lower_s + cost.latency_upper_s;
  }
  return sum;
}
run(100000);
const started = process.hrtime.bigint();
const sum = run(CALLS);
console.log(Number(process.hrtime.bigint() - started) / 1e9, sum);
"""
"""The same, after a warm-up."""


def exported(folder: Path) -> Bundle:
    """Train a model and write it in every format."""
    command = [sys.executable, str(PROGRAM), "train", "--model", MODEL, "--output", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    artifact = load_artifact(folder)
    models = [model for model in artifact.models if model.record.name == MODEL]
    made = provenance_of(artifact)
    bundle = bundle_of(models, QUANTITIES, DEFAULT_CONFIDENCE, SINGLE, made)
    suffixes = {"h": Format.C, "mjs": Format.JAVASCRIPT, "py": Format.PYTHON, "sql": Format.SQL}
    suffixes |= {"duckdb.sql": Format.DUCKDB, "onnx": Format.ONNX}
    for suffix, chosen in suffixes.items():
        (folder / f"predict.{suffix}").write_bytes(build_target(chosen).encode(bundle))
    return bundle


def seconds_told(*command: str, folder: Path) -> float:
    """Run a program that prints the seconds it measured first."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return float(ended.stdout.split()[0])


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def subjects(folder: Path, bundle: Bundle, rows: int) -> dict[str, Callable[[], float]]:
    """Return what can be timed: each gives the seconds of one prediction."""
    sizes = {"CALLS": rows, "PROMPTS": PROMPTS, "ANSWERS": ANSWERS}
    for file, text in (("speed.c", C_PROGRAM), ("speed.mjs", JAVASCRIPT_PROGRAM)):
        (folder / file).write_text(_filled(text, sizes))
    compiling = ["gcc", "-std=c99", "-O2", "speed.c", "-o", "speed", "-lm"]
    subprocess.run(compiling, cwd=folder, check=True)
    return {
        "C (gcc -O2)": lambda: seconds_told("./speed", folder=folder) / rows,
        "JavaScript (node)": lambda: seconds_told("node", "speed.mjs", folder=folder) / rows,
        "Python": _python(folder),
        **_onnx(folder, rows),
        f"DuckDB, {rows:,} rows": _duckdb(folder, bundle, rows),
        f"SQLite, {rows // 10:,} rows": _sqlite(folder, bundle, rows // 10),
    }


def _filled(text: str, sizes: Mapping[str, int]) -> str:
    """Return a program with its sizes."""
    for name, size in sizes.items():
        text = text.replace(name, str(size))
    return text


def _python(folder: Path) -> Callable[[], float]:
    """Return the time of a call of the exported module."""
    predict = run_path(str(folder / "predict.py"))["predict"]

    def calls() -> None:
        for at in range(CALLS):
            predict(at % PROMPTS, at % ANSWERS)

    return lambda: timed(calls) / CALLS


def _onnx(folder: Path, rows: int) -> dict[str, Callable[[], float]]:
    """Return the times of a row alone and of a row among many in ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "predict.onnx", options, providers=["CPUExecutionProvider"]
    )
    many = np.arange(rows, dtype=np.float64)
    feed = {"input_tokens": many % PROMPTS, "output_tokens": many % ANSWERS}
    alone = {name: column[1:2] for name, column in feed.items()}
    calls = CALLS // 10

    def one_by_one() -> None:
        for _ in range(calls):
            session.run(None, alone)

    return {
        "ONNX Runtime, 1 row": lambda: timed(one_by_one) / calls,
        f"ONNX Runtime, {rows:,} rows": lambda: timed(lambda: session.run(None, feed)) / rows,
    }


def _sums() -> str:
    """Return a selection that needs every result."""
    return ", ".join(f"sum({name})" for name in QUANTITIES)


def _duckdb(folder: Path, bundle: Bundle, rows: int) -> Callable[[], float]:
    """Return the time of a row in DuckDB, through the macro."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute((folder / "predict.duckdb.sql").read_bytes().decode())
    lengths = f"range % {PROMPTS} AS input_tokens, range % {ANSWERS} AS output_tokens"
    connection.execute(f"CREATE TABLE requests AS SELECT {lengths} FROM range({rows})")
    call = f"SELECT {_sums()} FROM t2m_{bundle.models[0].identifier}('requests')"
    return lambda: timed(lambda: connection.execute(call).fetchall()) / rows


def _sqlite(folder: Path, bundle: Bundle, rows: int) -> Callable[[], float]:
    """Return the time of a row in SQLite, through the view."""
    connection = sqlite3.connect(":memory:")
    connection.executescript((folder / "predict.sql").read_bytes().decode())
    lengths = ((at, at % PROMPTS, at % ANSWERS) for at in range(rows))
    connection.executemany("INSERT INTO t2m_requests VALUES (?, ?, ?)", lengths)
    call = f"SELECT {_sums()} FROM t2m_{bundle.models[0].identifier}"
    return lambda: timed(lambda: connection.execute(call).fetchall()) / rows


def main(
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer rows and runs.")] = False,
) -> None:
    """Time one prediction of an exported model in every language."""
    rows, runs = (QUICK_ROWS, QUICK_RUNS) if quick else (MANY_ROWS, RUNS)
    protocol = f"latency with both bounds of {MODEL}, one thread, median of {runs} runs in turn"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timers = subjects(folder, exported(folder), rows)
        taken = [{told: timer() for told, timer in timers.items()} for _ in range(runs)]
    found: list[Row] = []
    for told in timers:
        value = median(one[told] for one in taken) * NANOSECONDS
        found += judged_rows(TASK, MODEL, f"{told}, ns per request", value, (), protocol)
    print_rows(found, Console())
    if json is not None:
        write_tables(found, [], json)


if __name__ == "__main__":
    typer.run(main)
