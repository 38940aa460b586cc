"""``train``: what it writes, what it shows and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run, refused, write_rows
from token2metrics.artifact.load import load_artifact
from token2metrics.data.bundled import bundled_paths
from token2metrics.modeling.candidates import TRANSFERRED
from token2metrics.prediction.conditions import Conditions
from token2metrics.training.choice import FitOptions, TrainingOptions, choose_experiments
from token2metrics.vocabulary import CalibrationMethod, RegressionType

CONFIGS = Path(__file__).parent.parent / "configs"
DECODE_ROWS = [
    f"dsr1-qwen-1.5b,decode,{prompt},{answer},1,{0.02 * answer},,,,test"
    for prompt in (128, 512)
    for answer in (64, 128, 256)
]
PREFILL_ROWS = [
    f"dsr1-qwen-1.5b,prefill,{prompt},1,1,{0.01 + prompt / 5000},,,,test"
    for prompt in (64, 128, 256, 512, 1024)
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return good rows of one model with three bad ones among them."""
    bad = [
        "dsr1-qwen-1.5b,decode,128,64.5,1,2.0,,,,test",
        "dsr1-qwen-1.5b,decode,128,64,1,-2.0,,,,test",
        "dsr1-qwen-1.5b,decode,128,64,0,2.0,,,,test",
    ]
    return write_rows(tmp_path / "rows.csv", *DECODE_ROWS, *bad, *PREFILL_ROWS)


def test_training_writes_and_shows_everything(run: Run, data: Path, tmp_path: Path) -> None:
    """What was read, rejected, chosen and reached is on screen, in the record and in files."""
    outcome = run("train", "-m", "1.5B", "--regression", "linear", "-d", data, "-o", "models")
    assert outcome.code == 0, outcome.err
    for words in (
        "rows.csv 14 3",
        "output_tokens is not a whole number 1",
        "rows not used are in models/rejected.csv",
        "linear, direct from edge rows",
        "no measured energy",
        "trained 1.5B in",
    ):
        assert words in " ".join(outcome.out.split())
    record = json.loads((tmp_path / "models/training.json").read_text())
    assert record["options"] == {
        "models": ["1.5B"],
        "data": [str(data)],
        "regression": "linear",
    }
    (reading,) = record["data"]
    assert reading["read_rows"] == 14
    assert sum(reading["rejected_counts"].values()) == 3
    (model,) = record["models"]
    assert set(model["phases"]) == {"prefill", "decode"}
    assert [entry["chosen"] for entry in model["candidates"]] == [True, True]
    assert len((tmp_path / "models/rejected.csv").read_text().splitlines()) == 4


def test_a_clean_run_leaves_no_stale_rejections(run: Run, tmp_path: Path) -> None:
    """``rejected.csv`` of an earlier run does not outlive a run without rejections."""
    rows = write_rows(tmp_path / "rows.csv", *DECODE_ROWS, *PREFILL_ROWS)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/rejected.csv").write_text("old")
    outcome = run(
        "train", "-m", "1.5B", "--regression", "linear", "-d", rows, "-o", "models", "--json"
    )
    assert json.loads(outcome.out)["rejected_file"] is None
    assert not (tmp_path / "models/rejected.csv").exists()


def test_all_shows_every_candidate(run: Run, tmp_path: Path) -> None:
    """``--calibration all`` searches like auto and prints the whole table."""
    outcome = run("train", "-m", "8B", "--regression", "linear", "--calibration", "all")
    assert "All candidates" in outcome.out
    for method in CalibrationMethod:
        shown = method in (CalibrationMethod.DIRECT, *TRANSFERRED)
        assert (f"linear, {method} from" in outcome.out) is shown
    assert load_artifact(tmp_path / "outputs").models[0].record.name == "8B"


def test_models_of_earlier_runs_are_kept(run: Run, data: Path, tmp_path: Path) -> None:
    """A second run replaces its own models only."""
    for family, name in (("linear", "1.5B"), ("roofline", "7B"), ("roofline", "1.5B")):
        assert run("train", "-m", name, "--regression", family, "-d", data).code == 0
    found = {m.record.name: m.record.phases for m in load_artifact(tmp_path / "outputs").models}
    assert set(found) == {"1.5B", "7B"}
    assert {phase.family for phase in found["1.5B"].values()} == {RegressionType.ROOFLINE}


def test_an_unreadable_artifact_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    """Training refuses to replace what it cannot read, before it starts."""
    (tmp_path / "outputs").mkdir()
    manifest = tmp_path / "outputs/manifest.json"
    manifest.write_text("{}")
    refused(run("train", "-m", "1.5B"), "not overwritten", "choose another --output or remove it")
    assert manifest.read_text() == "{}"


def test_all_models_passes_over_what_has_no_data(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With ``--all-models`` a model without measurements is a warning; alone it is an error."""
    configs = tmp_path / "configs"
    configs.mkdir()
    shutil.copy(CONFIGS / "qwen_1_5b.py", configs)
    stranger = (CONFIGS / "qwen_7b.py").read_text()
    stranger = stranger.replace("JETSON_AGX_ORIN_64GB", "NVIDIA_A100")
    (configs / "stranger.py").write_text(stranger)
    monkeypatch.setenv("TOKEN2METRICS_CONFIGS", str(configs))
    outcome = run("train", "--all-models", "--regression", "linear", "--json")
    assert outcome.code == 0
    record = json.loads(outcome.out)
    assert [model["name"] for model in record["models"]] == ["1.5B"]
    assert "nothing measured supports dsr1-qwen-7b on nvidia-a100" in record["skipped"]["7B"]
    assert "7B is not trained" in outcome.err
    refused(run("train", "-m", "7B", "--regression", "linear"), "nothing measured supports")


def test_a_copied_and_changed_file_is_a_new_experiment(run: Run, tmp_path: Path) -> None:
    """Copy a file of ``configs/``, change it, train it: no other file is touched."""
    copied = (CONFIGS / "qwen_1_5b.py").read_text()
    mine = tmp_path / "mine.py"
    mine.write_text(
        copied.replace('name="1.5B"', 'name="mine"').replace("Type.AUTO", "Type.POLYNOMIAL")
    )
    assert run("train", "--config", mine).code == 0
    (model,) = load_artifact(tmp_path / "outputs").models
    assert model.record.name == "mine"
    assert {p.family for p in model.record.phases.values()} == {RegressionType.POLYNOMIAL}
    assert run("predict", "-m", "mine", "-i", 10, "-o", 10).code == 0


def test_options_override_the_experiment() -> None:
    """Every option lands in its place; a new family drops the old one's hyperparameters."""
    options = TrainingOptions(
        models=("1.5B",),
        data=(Path("x.csv"),),
        where=Conditions("elsewhere", "15w", "trt", "fp8"),
        power_rail="VDD_IN",
        fit=FitOptions("mlp", scale_factor=2.0, folds=3, test_size=0.1, seed=7),
    )
    choice = choose_experiments(options, None)
    (chosen,) = choice.chosen
    assert chosen.regression.type is RegressionType.MLP
    assert chosen.regression.cross_validation_folds == 3
    assert (chosen.regression.test_size, chosen.regression.random_state) == (0.1, 7)
    assert chosen.calibration.method is CalibrationMethod.MANUAL
    assert chosen.calibration.scale_factor == 2.0
    assert chosen.data.paths == (Path("x.csv"),)
    assert (chosen.data.power_mode, chosen.data.runtime) == ("15w", "trt")
    assert (chosen.data.precision, chosen.data.power_rail) == ("fp8", "VDD_IN")
    assert {experiment.edge.name for experiment in choice.catalog} == {"elsewhere"}


def test_method_names_may_be_hyphenated_and_capital() -> None:
    """``Simple-Scaling`` is ``simple_scaling``."""
    options = TrainingOptions(models=("8B",), fit=FitOptions(calibration="Simple-Scaling"))
    (chosen,) = choose_experiments(options, None).chosen
    assert chosen.calibration.method is CalibrationMethod.SIMPLE_SCALING


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], ["--model NAME, --all-models or --config FILE"]),
        (["train", "-m", "1.5B", "--all-models"], ["got both"]),
        (["train", "-m", "unheard-of"], ["unknown model 'unheard-of'", "1.5B"]),
        (["train", "-m", "8B", "--regression", "forest"], ["--regression", "roofline", "forest"]),
        (["train", "-m", "8B", "--calibration", "hope"], ["--calibration", "per_term", "hope"]),
        (["train", "-m", "8B", "--scale-factor", "0"], ["scale_factor", "greater than 0"]),
        (["train", "-m", "8B", "--scale-factor", "2", "--calibration", "direct"], ["manual"]),
        (["train", "-m", "8B", "--folds", "1"], ["cross_validation_folds", "got 1"]),
        (["train", "-m", "8B", "--test-size", "1.5"], ["test_size", "got 1.5"]),
        (["train", "-m", "8B", "--seed", "-1"], ["random_state", "got -1"]),
        (["train", "-m", "8B", "--device", ""], ["name", "at least 1 character"]),
        (["train", "--config", "nowhere.py"], ["nowhere.py", "missing"]),
        (["train", "-m", "8B", "-d", "nowhere.csv"], ["nowhere.csv", "check the path"]),
        (["train", "-m", "8B", "-d", "empty.csv"], ["empty.csv", "empty file"]),
        (["train", "-m", "8B", "-d", "lacking.csv"], ["lacking.csv", "latency_s"]),
        (["train", "-m", "8B", "-o", "empty.csv"], ["to be a directory"]),
        (["train", "-m", "8B", "--bogus"], ["No such option"]),
    ],
)
def test_wrong_input_is_refused(
    run: Run, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """Wrong input ends with exit code 2 and one line that says what to do."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "lacking.csv").write_text("device,model,phase\na,b,prefill\n")
    refused(run(*arguments), *words)


def test_two_given_files_of_one_model_are_refused(run: Run, tmp_path: Path) -> None:
    """Two experiments may not write the same model of an artifact."""
    for name in ("one.py", "two.py"):
        shutil.copy(CONFIGS / "qwen_7b.py", tmp_path / name)
    refused(run("train", "-c", "one.py", "-c", "two.py"), "two --config files")


def test_a_name_on_two_devices_needs_the_device(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model configured for two devices is named together with one of them."""
    shipped = (CONFIGS / "qwen_7b.py").read_text()
    (tmp_path / "one.py").write_text(shipped)
    (tmp_path / "two.py").write_text(shipped.replace("JETSON_AGX_ORIN_64GB", "NVIDIA_A100"))
    monkeypatch.setenv("TOKEN2METRICS_CONFIGS", str(tmp_path))
    refused(run("train", "-m", "7B"), "nvidia-a100", "--device")
    options = TrainingOptions(models=("7B",), where=Conditions("nvidia-a100"))
    (chosen,) = choose_experiments(options, tmp_path).chosen
    assert chosen.edge.power_limit_w == 400.0


def test_bundled_measurements_are_the_default(trained_artifact: Path) -> None:
    """Without ``--data`` the bundled files are read, each counted."""
    record = json.loads((trained_artifact / "training.json").read_text())
    (reading,) = record["data"]
    assert [file["file"] for file in reading["files"]] == [str(path) for path in bundled_paths()]
    assert sum(file["rows"] for file in reading["files"]) == reading["read_rows"]
