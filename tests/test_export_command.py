"""``export`` as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from tests.conftest import Run, refused
from tests.test_imports import HEAVY, ROOT
from token2metrics.export.c_header import CHeader
from token2metrics.export.checking import databases
from token2metrics.export.python_module import PythonModule
from token2metrics.export.target import Bundle, Format, Target
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.quantities import QUANTITIES

SUFFIXES = {
    ".onnx": "ONNX Runtime",
    ".sql": "DuckDB",
    ".duckdb.sql": "DuckDB",
    ".py": "Python",
    ".h": "a C compiler",
    ".mjs": "node",
}

PROBE = """
import sys
from token2metrics.cli.app import main
for name in sys.argv[2:]:
    try:
        main(["export", "-a", sys.argv[1], "-m", "1.5B", "--output", name])
    except SystemExit as stop:
        if stop.code:
            raise
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY)))
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_suffix_says_the_format(
    run: Run, trained_artifact: Path, tmp_path: Path, suffix: str
) -> None:
    """The file is written, checked, and how to use it is told."""
    path = tmp_path / f"predict{suffix}"
    outcome = run("export", "-a", trained_artifact, "--output", path)
    assert outcome.code == 0, outcome.err
    shown = " ".join(outcome.out.split())
    assert "2 models as " in shown
    assert f"checked with {SUFFIXES[suffix]}: " in shown
    assert "agree with the predictor, " in shown
    assert "To use it" in shown
    assert "dsr1_qwen_1_5b" in shown.partition("To use it")[2]
    assert path.stat().st_size > 1_000


def test_json_tells_everything(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """What the file says of itself, how it was checked and how it is used."""
    path = tmp_path / "predict.h"
    options = ("--confidence", 0.95, "--quantities", "latency_s, latency_upper_s,latency_s")
    outcome = run("export", "-a", trained_artifact, "-o", path, "-m", "1.5B", *options, "--json")
    told = json.loads(outcome.out)
    assert told["bytes"] == path.stat().st_size
    assert told["format"] == "c"
    assert told["metadata"]["confidence"] == 0.95
    assert list(told["metadata"]["quantities"]) == ["latency_s", "latency_upper_s"]
    (model,) = told["metadata"]["models"]
    assert (model["name"], model["identifier"]) == ("1.5B", "dsr1_qwen_1_5b")
    assert set(model["phases"]) == {"prefill", "decode"}
    agreement = told["agreement"]
    assert agreement["values"] == 2 * agreement["requests"] > 200
    assert agreement["largest_relative_difference"] <= 1e-6
    assert told["not_checked"] is None
    manifest = json.loads((trained_artifact / "manifest.json").read_text())
    assert told["metadata"]["provenance"]["artifact_sha256"] == manifest["manifest_sha256"]


def test_several_names_of_one_model_are_one(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """A model is written once; with one model no name is needed to predict."""
    path = tmp_path / "predict.py"
    options = ("-m", "1.5B", "-m", "dsr1-qwen-1.5b", "--parallel", 4, "--no-check")
    outcome = run("export", "-a", trained_artifact, "-o", path, *options)
    assert "1 model as python" in outcome.out
    assert "not checked: it was not wanted" in outcome.out
    told = run_path(str(path))["predict"](512, 128)
    wanted = Predictor.load(trained_artifact).select("1.5B")(512, 128, parallel=4)
    assert told["latency_s"] == wanted.latency_s
    assert tuple(told) == QUANTITIES


def test_what_is_never_known_is_told(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A robot that gets no energy learns why here; quantities may be named one by one."""
    start = ("export", "-a", trained_artifact, "-m", "1.5B", "--no-check", "-o")
    asked = ("--quantities", "latency_s", "--quantities", "energy_upper_j, energy_j,power_w")
    outcome = run(*start, tmp_path / "a.h", *asked)
    assert "1 model as c, 4 numbers per request" in outcome.out
    assert "note: not known of dsr1_qwen_1_5b: energy_j, power_w\n" in outcome.out
    told = json.loads(run(*start, tmp_path / "a.h", *asked, "--json").out)
    assert told["unknown"] == {"dsr1_qwen_1_5b": ["energy_upper_j", "energy_j", "power_w"]}
    known = run(*start, tmp_path / "a.h", "--quantities", "latency_s")
    assert "note" not in known.out


def test_a_name_that_python_cannot_import(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """The lines that use it work all the same."""
    path = tmp_path / "my-models.py"
    outcome = run("export", "-a", trained_artifact, "-o", path, "-m", "1.5B")
    lines = [line.strip() for line in outcome.out.partition("To use it")[2].splitlines()]
    script = f"{lines[1]}\nprint({lines[2]})"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert float(ended.stdout) > 0.0


def test_wrong_input_is_refused(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Each with what was expected, what came and what to do."""
    start = ("export", "-a", trained_artifact, "-o")
    header = tmp_path / "a.h"
    refused(run(*start, tmp_path / "a.txt"), "expected --format, or --output to end in", "a.txt")
    refused(run(*start, header, "--quantities", "joules"), "among prefill_latency_s", "'joules'")
    refused(run(*start, header, "--quantities", ""), "expected quantities among")
    refused(run(*start, header, "-m", "unheard-of"), "no trained model answers to 'unheard-of'")
    refused(run(*start, header, "--device", "desk"), "no model was trained for desk")
    refused(run(*start, header, "--confidence", 1.5), "expected confidence between")
    refused(run(*start, header, "--parallel", 0), "expected parallel to be a whole number")
    refused(run("export", "-a", "nowhere", "-o", header), "no trained model at nowhere")
    refused(run(*start, header, "--format", "fortran"), "fortran")
    refused(run("export", "-a", trained_artifact), "--output")
    assert not header.exists()


def test_nothing_else_is_overwritten(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Neither one's own files nor the artifact; an earlier export is replaced."""
    own = tmp_path / "main.py"
    own.write_text("print('Token2Metrics')\n")
    start = ("export", "-a", trained_artifact, "-m", "1.5B", "--no-check", "-o")
    refused(run(*start, own), "a new file or an earlier export", "remove it")
    assert own.read_text() == "print('Token2Metrics')\n"
    for other in (tmp_path, "/dev/null"):
        refused(run(*start, other, "--format", "c"), "a new file or an earlier export")
    for name in ("manifest.json", *(one.name for one in trained_artifact.glob("weights-*"))):
        refused(run(*start, trained_artifact / name, "--format", "c"), "than the input")
    header = tmp_path / "a.h"
    assert run(*start, header).code == 0
    assert run(*start, header, "--confidence", 0.5).code == 0
    assert "Intervals hold 0.5 of requests" in header.read_text()


def test_missing_tools_are_told(
    run: Run, trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a tool the file is written unchecked and says so; --check insists."""
    start = ("export", "-a", trained_artifact, "-m", "1.5B")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    outcome = run(*start, "-o", tmp_path / "a.h")
    assert outcome.code == 0
    assert "not checked: a C compiler is not on this machine" in outcome.out
    refused(run(*start, "-o", tmp_path / "b.mjs", "--check"), "expected node for --check")
    assert not (tmp_path / "b.mjs").exists()
    monkeypatch.setattr(databases, "find_spec", lambda name: None)
    assert "checked with SQLite: " in run(*start, "-o", tmp_path / "a.sql").out
    outcome = run(*start, "-o", tmp_path / "a.duckdb.sql")
    assert "not checked: DuckDB is not on this machine" in outcome.out


@pytest.mark.parametrize(
    ("target", "found", "put", "words"),
    [
        (PythonModule, b"input_tokens + 0.0", b"input_tokens + 1.0", "Python gives"),
        (CHeader, b"out->latency_s = ", b"out->latency_s = 2.0 * ", "a C compiler gives"),
        (CHeader, b"return T2M_OK;", b"return T2M_OK", "refused the export"),
    ],
)
def test_a_file_that_disagrees_is_not_written(
    run: Run,
    trained_artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: type[Target],
    found: bytes,
    put: bytes,
    words: str,
) -> None:
    """An earlier export stays as it was."""
    whole = target.encode

    def broken(self: Target, bundle: Bundle) -> bytes:
        content = whole(self, bundle)
        assert found in content
        return content.replace(found, put)

    path = tmp_path / ("a.py" if target is PythonModule else "a.h")
    path.write_text("Written by Token2Metrics 0.0.1")
    monkeypatch.setattr(target, "encode", broken)
    refused(run("export", "-a", trained_artifact, "-m", "1.5B", "-o", path), words)
    assert path.read_text() == "Written by Token2Metrics 0.0.1"


def test_exports_import_nothing_heavy(trained_artifact: Path, tmp_path: Path) -> None:
    """All but ONNX are written, and checked, without any numerical library."""
    names = [str(tmp_path / f"a{suffix}") for suffix in (".py", ".h", ".mjs", ".sql")]
    script = PROBE.replace("HEAVY", repr(HEAVY))
    command = [sys.executable, "-c", script, str(trained_artifact), *names]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "LOADED", ended.stderr


def test_every_format_can_be_named(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """--format counts more than the suffix."""
    for chosen in Format:
        path = tmp_path / f"{chosen}.txt"
        options = ("--format", chosen, "--no-check", "-m", "1.5B", "--quantities", "latency_s")
        outcome = run("export", "-a", trained_artifact, "-o", path, *options)
        assert f"1 model as {chosen}, 1 number per request" in outcome.out, outcome.err
