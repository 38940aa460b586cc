"""``calibrate``: from a running engine to a calibrated artifact, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run, refused
from tests.gguf_server import ServerProcess, serving, write_gguf
from token2metrics.architecture import Architecture
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.predictor import Predictor

SHAPE = Architecture(
    layers=4, hidden=384, heads=6, kv_heads=2, head_dim=64, ffn=1_024, vocabulary=2_048
)
EXPERIMENT = f'''
"""A model of random weights."""

from token2metrics.config import Architecture, ExperimentConfig, HardwareConfig, ModelConfig

EXPERIMENT = ExperimentConfig(
    model=ModelConfig(id="random-llama", name="random", architecture={SHAPE}, precision="q8_0"),
    edge=HardwareConfig(name="desk", tiled=False, memory_bandwidth_bytes_per_s=20e9),
)
'''
NO_MODEL = "--no-model"
COMMAND = ("calibrate", "--model", "random", "--config", "experiment.py", "--device", "desk")
EFFORT = ("--max-input-tokens", 256, "--max-output-tokens", 64, "--power", "constant:15")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Return a llama.cpp server with random weights."""
    with serving(write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf", SHAPE)) as running:
        yield running


@pytest.fixture
def place(clean_place: Path) -> Path:
    """Return a folder with the experiment."""
    (clean_place / "experiment.py").write_text(EXPERIMENT)
    return clean_place


def test_a_running_engine_becomes_a_calibrated_artifact(
    run: Run, server: ServerProcess, place: Path
) -> None:
    """The first calibration beats the nominal figures; the second knows the first."""
    target = ("--target", server.address, "--artifact", "out")
    first = run(*COMMAND, *EFFORT, *target, "--points", 5, "--json")
    assert first.code == 0, first.err
    report = json.loads(first.out)
    assert report["before_is"] == "a training without rows"
    assert [phase["phase"] for phase in report["phases"]] == ["prefill", "decode"]
    for phase in report["phases"]:
        assert phase["points"] == 5
        assert phase["after"]["error_percent"] < phase["before"]["error_percent"]
        assert phase["after"]["width_percent"] > 0.0
        assert "rows of random-llama on desk" in phase["after"]["rests_on"]
    where = Conditions(device="desk", runtime="llama.cpp", precision="q8_0")
    predicted = Predictor.load(place / "out").select("random", where)(128, 64)
    assert predicted.decode.power_w == pytest.approx(15.0, rel=0.1)
    only = ("calibrate", "--config", "experiment.py", "--device", "desk")
    second = run(*only, *EFFORT, *target, "--points", 3)
    assert second.code == 0, second.err
    assert "before: the artifact in out" in " ".join(second.out.split())
    assert len(list((place / "out" / "measured").glob("*.parquet"))) == 2


def test_the_same_calibration_measures_nothing_twice(
    run: Run, server: ServerProcess, place: Path
) -> None:
    """What the journal has is taken from there."""
    command = (*COMMAND, *EFFORT, "--target", server.address, "--points", 2, "--json")
    first, second = (json.loads(run(*command).out)["measured"] for _ in range(2))
    assert first["rows"] == second["rows"]
    assert first["points"] == second["points"]
    assert {point["repeats"] for point in first["points"]} == {3}


def test_an_absent_engine_leaves_the_artifact_alone(run: Run, place: Path) -> None:
    """Nothing is trained without rows."""
    outcome = run(*COMMAND, "--target", "http://127.0.0.1:9", "--artifact", "out")
    refused(outcome, "127.0.0.1:9")
    assert not (place / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--model", "unheard-of"), "shape nobody told"),
        ((NO_MODEL,), "expected --model to name one of the models of outputs"),
        (("--points", "40", "--max-input-tokens", "20"), "ask for fewer --points"),
        (("--max-output-tokens", "1"), "answers of 2"),
        (("--memory-bandwidth-gb-per-s", "-1"), "memory_bandwidth_bytes_per_s"),
        (("--device", " "), "--device to name the device"),
    ],
)
def test_wrong_options_are_refused(
    run: Run, clean_place: Path, options: tuple[str, ...], expected: str
) -> None:
    """Each says what was expected."""
    base = ("calibrate", "--device", "desk", "--target", "http://127.0.0.1:9")
    model = () if {"--model", NO_MODEL} & set(options) else ("--model", "1.5B")
    named = (option for option in options if option != NO_MODEL)
    refused(run(*base, *model, *named), expected)
