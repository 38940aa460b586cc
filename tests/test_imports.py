"""What imports what: light commands stay light, and modules import only what lies below them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "token2metrics"
HEAVY = {
    "torch",
    "polars",
    "numpy",
    "scipy",
    "dataframely",
    "altair",
    "fastapi",
    "jinja2",
    "vl_convert",
    "tokenizers",
    "transformers",
    "httpx2",
    "pydantic",
}

ORDER = (
    "errors",
    "vocabulary",
    "records",
    "extras",
    "files",
    "workers",
    "algebra",
    "symbolic",
    "intervals",
    "workload",
    "precision",
    "architecture",
    "curves",
    "calibration",
    "heads",
    "parallel",
    "cost",
    "config",
    "devices",
    "given_settings",
    "settings",
    "experiments",
    "columns",
    "artifact",
    "data",
    "processors",
    "power",
    "ingest",
    "doctor",
    "modeling",
    "prediction",
    "export",
    "fleet",
    "planning",
    "comparing",
    "budgeting",
    "scoring",
    "monitoring",
    "training",
    "bench",
    "measure",
    "report",
    "figures",
    "findings",
    "page",
    "service",
    "client",
    "cli",
)
"""Modules and packages, each importing only earlier ones."""

PROBE = """
import sys
from token2metrics.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
loaded = sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY))
print("LOADED", code, *loaded)
"""

BLOCKED = """
import sys
sys.modules[sys.argv[1]] = None
from token2metrics.cli.app import main
main(sys.argv[2:])
"""


def in_a_new_process(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script with the repository on its path."""
    command = [sys.executable, "-c", script.replace("HEAVY", repr(HEAVY)), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["evaluate", "--help"], 0),
        (["train", "--bogus"], 2),
        (["train", "--folds", "many"], 2),
        (["predict", "-a", "nowhere", "-i", "1", "-o", "1"], 2),
        (["evaluate", "-a", "nowhere"], 2),
        (["batch-predict", "-a", "nowhere", "--input-file", "a", "--output-file", "b"], 2),
        (["doctor", "--help"], 0),
        (["doctor", "--bogus"], 2),
        (["ingest", "--help"], 0),
        (["measure", "--help"], 0),
        (["calibrate", "--help"], 0),
        (["plan", "--help"], 0),
        (["plan", "-a", "nowhere", "-i", "1", "--max-latency-s", "1"], 2),
        (["compare", "--help"], 0),
        (["compare", "-a", "nowhere", "-i", "1", "-o", "1"], 2),
        (["budget", "--help"], 0),
        (["budget", "-a", "nowhere", "-i", "1", "-o", "1", "--battery-wh", "1"], 2),
        (["monitor", "--help"], 0),
        (["monitor", "nowhere.csv", "-a", "nowhere"], 2),
        (["next-points", "--help"], 0),
        (["report", "--help"], 0),
        (["report", "-a", "nowhere"], 2),
        (["serve", "--help"], 0),
        (["serve", "-a", "nowhere"], 2),
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], code: int) -> None:
    """Help, wrong options and a missing artifact answer without numbers or validation."""
    ended = in_a_new_process(PROBE, *arguments)
    assert ended.stdout.splitlines()[-1] == f"LOADED {code}", ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "-m", "unheard-of"],
        ["train", "-m", "8B", "--regression", "forest"],
        ["calibrate", "-m", "unheard-of", "--device", "desk"],
        ["next-points", "-m", "unheard-of"],
    ],
)
def test_experiment_files_need_nothing_but_their_validation(arguments: list[str]) -> None:
    """What reads them to see that a name is wrong imports what checks them, and no more."""
    ended = in_a_new_process(PROBE, *arguments)
    assert ended.stdout.splitlines()[-1] == "LOADED 2 pydantic", ended.stderr


def test_settings_need_nothing_but_their_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where there are settings is what checks them imported."""
    monkeypatch.setenv("TOKEN2METRICS_THREADS", "none")
    ended = in_a_new_process(PROBE, "predict", "-i", "1", "-o", "1")
    assert "error: threads: " in ended.stderr
    assert ended.stdout.splitlines()[-1] == "LOADED 2 pydantic"


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "-i", 100, "-o", 50),
        ("explain", "-i", 100, "-o", 50),
        ("plan", "-i", 400, "--max-latency-s", 5),
        ("compare", "-i", 100, "-o", 50),
        ("budget", "-i", 100, "-o", 50, "--battery-wh", 50),
        ("monitor", "finished.csv"),
    ],
)
def test_answers_import_nothing_heavy(
    trained_artifact: Path, tmp_path: Path, arguments: tuple[object, ...]
) -> None:
    """Predictions, plans and budgets of single requests, and watching, are plain Python."""
    finished = tmp_path / "finished.csv"
    finished.write_text("input_tokens,output_tokens,latency_s\n100,50,1.3\n")
    command, *rest = (finished if one == "finished.csv" else one for one in arguments)
    ended = in_a_new_process(PROBE, command, "-a", trained_artifact, "-m", "1.5B", *rest)
    assert ended.stdout.splitlines()[-1] == "LOADED 0", ended.stderr


@pytest.mark.parametrize(
    ("package", "arguments", "words"),
    [
        ("torch", ["train", "-m", "8B"], "training needs the package 'torch'"),
        ("polars", ["train", "-m", "8B"], "training needs the package 'polars'"),
        ("polars", ["evaluate", "-a", "ARTIFACT"], "evaluating needs the package 'polars'"),
        (
            "polars",
            ["batch-predict", "-a", "ARTIFACT", "--input-file", "a", "--output-file", "b"],
            "predicting tables needs the package 'polars'",
        ),
        ("tokenizers", ["count-tokens", "--tokenizer", "t"], "pip install 'token2metrics[tokens]'"),
    ],
)
def test_a_missing_package_names_its_extra(
    trained_artifact: Path, package: str, arguments: list[str], words: str
) -> None:
    """Without an optional package the error says which extra installs it."""
    placed = [str(trained_artifact) if part == "ARTIFACT" else part for part in arguments]
    ended = in_a_new_process(BLOCKED, package, *placed)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def parts_imported(file: Path) -> set[str]:
    """Return the first-party modules and packages that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            package, *inner = node.module.split(".")
            names = inner[:1] or [a.name for a in node.names if a.name in ORDER]
        elif isinstance(node, ast.Import):
            package, *names = node.names[0].name.split(".")[:2]
        else:
            continue
        if package == PACKAGE:
            found.update(names)
    return found


def test_every_module_has_its_place() -> None:
    """The order names every module and package, and nothing else."""
    present = {path.stem for path in (ROOT / PACKAGE).iterdir() if path.name[0] not in "_."}
    assert present - {"py"} == set(ORDER)


def test_modules_import_only_earlier_ones() -> None:
    """There is an order in which every module sees only earlier ones; nothing imports ``cli``."""
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        place = file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
        if place == "__init__":
            continue
        later = set(ORDER[ORDER.index(place) + 1 :])
        assert not parts_imported(file) & later, file


def test_configurations_import_only_what_they_build_from() -> None:
    """An experiment file needs the configuration classes and the devices."""
    for file in sorted((ROOT / "configs").glob("*.py")):
        assert parts_imported(file) <= {"config", "devices"}, file


@pytest.mark.parametrize("folder", ["data", "processors"])
def test_frames_never_meet_tensors(folder: str) -> None:
    """Loading and preparing do not import torch."""
    for file in sorted((ROOT / PACKAGE / folder).rglob("*.py")):
        assert "import torch" not in file.read_text(), file
