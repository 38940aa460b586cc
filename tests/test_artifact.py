"""An artifact is either exactly what was saved, or refused with a clear error."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tests.strategies import COMBINATIONS, Combination, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import FORMAT, MANIFEST_NAME, SCHEMA_VERSION
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import ArtifactError, ConfigurationError, Token2MetricsError
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prediction
from token2metrics.vocabulary import CalibrationMethod, RegressionType

REQUEST = (300, 200)
EVERY_MANIFEST_BYTES = 64
EVERY_WEIGHTS_BYTES = 97
TREE = Combination(RegressionType.TREE, CalibrationMethod.POWER_LAW)
SEEDS_WITH_STEPS = (0, 2)

HERE = Conditions(device="device")

Tables = dict[str, np.ndarray]


def models() -> list[FittedModel]:
    """Return two models whose weights cover every part of the format."""
    return [
        lawful_model(TREE, seed, name=name)
        for seed, name in zip(SEEDS_WITH_STEPS, ("first", "second"), strict=True)
    ]


def predictions(directory: Path) -> list[Prediction]:
    """Return what every model of an artifact predicts."""
    return [ModelPredictor(model)(*REQUEST) for model in load_artifact(directory).models]


def test_the_saved_models_have_steps() -> None:
    """Several levels, so that the tests of steps test something."""
    for model in models():
        tables = [weights.curve.steps for weights in model.weights.values()]
        assert any(table is not None and len(set(table.levels)) > 1 for table in tables)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved artifact that no test changes."""
    directory = tmp_path_factory.mktemp("artifact")
    save_artifact(directory, models())
    return directory


@pytest.fixture
def artifact(original: Path, tmp_path: Path) -> Path:
    """A copy of the artifact to tamper with."""
    return Path(shutil.copytree(original, tmp_path / "artifact"))


def weights_file(directory: Path) -> Path:
    """Return the only weights file of an artifact."""
    (file,) = directory.glob("weights-*.safetensors")
    return file


def manifest_of(directory: Path) -> dict[str, Any]:
    """Return the manifest as plain JSON values."""
    values: dict[str, Any] = msgspec.json.decode((directory / MANIFEST_NAME).read_bytes())
    return values


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest and seal it again, as a forger would."""
    unsealed = msgspec.json.encode({**manifest, "manifest_sha256": ""}, order="sorted")
    sealed = {**manifest, "manifest_sha256": hashlib.sha256(unsealed).hexdigest()}
    (directory / MANIFEST_NAME).write_bytes(msgspec.json.encode(sealed))


def forge_weights(directory: Path, change: Callable[[Tables], None]) -> None:
    """Change weights and recompute every digest."""
    tables: Tables = {
        name: values.copy() for name, values in load(weights_file(directory).read_bytes()).items()
    }
    change(tables)
    content = save(tables)
    digest = hashlib.sha256(content).hexdigest()
    weights_file(directory).unlink()
    name = f"weights-{digest[:16]}.safetensors"
    (directory / name).write_bytes(content)
    manifest = manifest_of(directory)
    write_manifest(directory, {**manifest, "weights_file": name, "weights_sha256": digest})


def test_a_saved_artifact_loads(original: Path) -> None:
    """And predicts what the models did, from weights that are plain numbers."""
    assert predictions(original) == [ModelPredictor(model)(*REQUEST) for model in models()]
    tables = load(weights_file(original).read_bytes())
    assert any(name.endswith("step_levels") for name in tables)
    assert all(values.dtype == np.float64 for values in tables.values())


def test_forging_without_a_change_is_accepted(artifact: Path) -> None:
    """So the refusals below are of the change itself."""
    before = predictions(artifact)
    forge_weights(artifact, lambda tables: None)
    assert predictions(artifact) == before


def test_a_missing_artifact_says_how_to_train(tmp_path: Path, artifact: Path) -> None:
    """No directory, no manifest, no weights, or a file in their place."""
    for directory in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ArtifactError, match=r"no trained model.*main\.py train"):
            load_artifact(directory)
    weights_file(artifact).unlink()
    with pytest.raises(ArtifactError, match=r"cannot read .*weights-.*train again"):
        load_artifact(artifact)
    (tmp_path / MANIFEST_NAME).mkdir()
    with pytest.raises(ArtifactError, match="cannot read"):
        load_artifact(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"3",
        b"null",
        b'"token2metrics-artifact"',
        b'{"format": "another-tool", "schema_version": 1}',
        b'{"format": 7}',
        b'{"schema_version": 1}',
        b"\x80\x04\x95",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_foreign_manifest_is_refused(artifact: Path, content: bytes) -> None:
    """Other JSON, and what is no JSON at all."""
    (artifact / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"not a Token2Metrics artifact|malformed"):
        load_artifact(artifact)


def test_a_newer_artifact_asks_for_an_upgrade(artifact: Path) -> None:
    """Even where its other fields are unknown to this version."""
    newer = {"format": FORMAT, "schema_version": SCHEMA_VERSION + 1, "novelty": [1, 2]}
    (artifact / MANIFEST_NAME).write_bytes(msgspec.json.encode(newer))
    with pytest.raises(ArtifactError, match=r"newer than .*upgrade"):
        load_artifact(artifact)


@pytest.mark.parametrize("version", [0, -1])
def test_an_older_artifact_asks_for_training(artifact: Path, version: int) -> None:
    """There is no earlier schema that could be read."""
    write_manifest(artifact, {**manifest_of(artifact), "schema_version": version})
    with pytest.raises(ArtifactError, match="train again"):
        load_artifact(artifact)


def _without(manifest: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the manifest without a key."""
    return {name: value for name, value in manifest.items() if name != key}


@pytest.mark.parametrize("key", ["models", "weights_file", "weights_sha256", "versions"])
def test_a_manifest_without_a_key_is_refused(artifact: Path, key: str) -> None:
    """Every key is needed."""
    write_manifest(artifact, _without(manifest_of(artifact), key))
    with pytest.raises(ArtifactError, match=f"malformed.*{key}"):
        load_artifact(artifact)


def test_a_manifest_with_another_key_is_refused(artifact: Path) -> None:
    """Unknown keys are no part of the format."""
    write_manifest(artifact, {**manifest_of(artifact), "comment": "hello"})
    with pytest.raises(ArtifactError, match="comment"):
        load_artifact(artifact)


def test_an_edited_manifest_is_refused(artifact: Path) -> None:
    """Any value, when the seal was not renewed."""
    file = artifact / MANIFEST_NAME
    text = file.read_text()
    assert text.count('"maxn"') == len(models())
    file.write_text(text.replace('"maxn"', '"15w"'))
    with pytest.raises(ArtifactError, match="altered"):
        load_artifact(artifact)


def test_a_reformatted_manifest_still_loads(artifact: Path) -> None:
    """White space is not part of the seal."""
    before = predictions(artifact)
    file = artifact / MANIFEST_NAME
    file.write_bytes(msgspec.json.format(file.read_bytes(), indent=4))
    assert predictions(artifact) == before


def cuts(file: Path, every: int) -> Iterator[bytes]:
    """Yield the beginnings of a file."""
    content = file.read_bytes()
    for length in (*range(0, len(content), every), len(content) - 1):
        yield content[:length]


def test_a_truncated_manifest_is_refused(artifact: Path) -> None:
    """Wherever it was cut."""
    file = artifact / MANIFEST_NAME
    for content in list(cuts(file, EVERY_MANIFEST_BYTES)):
        file.write_bytes(content)
        with pytest.raises(ArtifactError):
            load_artifact(artifact)


def test_truncated_weights_are_refused(artifact: Path) -> None:
    """Wherever they were cut, and with anything added."""
    file = weights_file(artifact)
    whole = file.read_bytes()
    for content in (*cuts(file, EVERY_WEIGHTS_BYTES), whole + b"\0"):
        file.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"truncated or altered.*train again"):
            load_artifact(artifact)


@given(position=st.floats(0.0, 1.0, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(
    original: Path,
    tmp_path_factory: pytest.TempPathFactory,
    position: float,
    flip: int,
) -> None:
    """In the weights always; in the manifest unless it only changes white space."""
    before = predictions(original)
    directory = tmp_path_factory.mktemp("flipped")
    for file in sorted(original.iterdir()):
        copy = Path(shutil.copytree(original, directory / file.name)) / file.name
        content = bytearray(copy.read_bytes())
        content[int(position * len(content))] ^= flip
        copy.write_bytes(bytes(content))
        try:
            after = predictions(copy.parent)
        except ArtifactError:
            continue
        assert file.name == MANIFEST_NAME
        assert after == before
    shutil.rmtree(directory)


def scalar_names(directory: Path) -> list[str]:
    """Return the names of every scalar weight."""
    return [n for n in load(weights_file(directory).read_bytes()) if "/step_" not in n]


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), -float("inf"), 1e300])
def test_an_unlawful_weight_is_refused(original: Path, tmp_path: Path, value: float) -> None:
    """Every single one, though all digests fit."""
    for number, name in enumerate(scalar_names(original)):
        directory = Path(shutil.copytree(original, tmp_path / str(number)))

        def spoil(tables: Tables, name: str = name) -> None:
            tables[name][0] = value

        forge_weights(directory, spoil)
        with pytest.raises(ArtifactError, match=rf"{name.split('/')[-1]} in \["):
            load_artifact(directory)


def first_of(tables: Tables, ending: str) -> str:
    """Return the longest table with an ending."""
    found = [name for name in tables if name.endswith(ending)]
    return max(found, key=lambda name: len(tables[name]))


@pytest.mark.parametrize("ending", ["step_edges", "step_levels"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_unlawful_steps_are_refused(artifact: Path, ending: str, value: float) -> None:
    """Negative, infinite or no numbers."""

    def spoil(tables: Tables) -> None:
        tables[first_of(tables, ending)][0] = value

    forge_weights(artifact, spoil)
    with pytest.raises(ArtifactError, match="ascending steps"):
        load_artifact(artifact)


@pytest.mark.parametrize("ending", ["step_edges", "step_levels"])
def test_descending_steps_are_refused(artifact: Path, ending: str) -> None:
    """A staircase that falls would make predictions fall."""

    def turn(tables: Tables) -> None:
        name = first_of(tables, ending)
        assert len(np.unique(tables[name])) > 1
        tables[name] = np.ascontiguousarray(tables[name][::-1])

    forge_weights(artifact, turn)
    with pytest.raises(ArtifactError, match="ascending steps"):
        load_artifact(artifact)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tables, name: tables.pop(name),
        lambda tables, name: tables.update({name: np.zeros(2)}),
        lambda tables, name: tables.update({name: np.zeros(0)}),
        lambda tables, name: tables.update({name: np.zeros(1, dtype=np.float32)}),
        lambda tables, name: tables.update({name: np.zeros(1, dtype=np.int64)}),
    ],
    ids=["missing", "long", "empty", "float32", "int64"],
)
def test_a_weight_of_another_shape_is_refused(
    artifact: Path, spoil: Callable[[Tables, str], object]
) -> None:
    """Missing, of another length, or of another type."""
    name = scalar_names(artifact)[0]
    forge_weights(artifact, lambda tables: (spoil(tables, name), None)[1])
    with pytest.raises(ArtifactError, match="expected"):
        load_artifact(artifact)


@pytest.mark.parametrize(
    "name",
    [
        "../weights-0123456789abcdef.safetensors",
        "..",
        "/etc/passwd",
        "sub/weights-0123456789abcdef.safetensors",
        "sub\\weights-0123456789abcdef.safetensors",
        "weights-0123456789abcdef.safetensors\n",
        "weights-0123456789abcdef.pickle",
        "weights-0123456789ABCDEF.safetensors",
        "",
    ],
)
def test_weights_lie_beside_the_manifest(artifact: Path, name: str) -> None:
    """A name that leads anywhere else is refused before anything is read."""
    write_manifest(artifact, {**manifest_of(artifact), "weights_file": name})
    with pytest.raises(ArtifactError, match="weights file name"):
        load_artifact(artifact)


def with_model(manifest: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a manifest whose first model has other values."""
    first, *others = manifest["models"]
    return {**manifest, "models": [{**first, **changes}, *others]}


def with_phase(manifest: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a manifest whose first model has other values in its prefill."""
    phases = manifest["models"][0]["phases"]
    changed = {**phases, "prefill": {**phases["prefill"], **changes}}
    return with_model(manifest, phases=changed)


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "cubic"},
        {"family": "auto"},
        {"family": "linear"},
        {"calibration": "auto"},
        {"calibration": "magic"},
        {"calibration": "per_term"},
        {"hyperparameters": {"degree": 2}},
        {"step_count": 1_000},
        {"step_count": -1},
        {"hull": 3},
    ],
    ids=str,
)
def test_a_forged_phase_is_refused(artifact: Path, changes: dict[str, Any]) -> None:
    """A formula whose weights are not there, or that does not exist."""
    write_manifest(artifact, with_phase(manifest_of(artifact), **changes))
    with pytest.raises(Token2MetricsError):
        load_artifact(artifact)


@pytest.mark.parametrize(
    ("group", "changes"),
    [
        ("traffic", {"weight_bytes": -1.0}),
        ("traffic", {"layers": 1e300}),
        ("hardware", {"idle_power_w": 1e5}),
        ("hardware", {"idle_power_w": -1.0}),
        ("hardware", {"power_limit_w": 0.0}),
    ],
)
def test_a_forged_model_is_refused(artifact: Path, group: str, changes: dict[str, float]) -> None:
    """A shape or a power under which a law could fail, though all digests fit."""
    manifest = manifest_of(artifact)
    forged = {**manifest["models"][0][group], **changes}
    write_manifest(artifact, with_model(manifest, **{group: forged}))
    with pytest.raises(ArtifactError, match=f"expected .*{next(iter(changes))}"):
        load_artifact(artifact)


def test_no_pickle_is_ever_loaded(artifact: Path, tmp_path: Path) -> None:
    """Code in place of numbers does not run, with or without fitting digests."""
    trace = tmp_path / "executed"
    bomb = pickle.dumps(_Bomb(trace))
    weights_file(artifact).write_bytes(bomb)
    with pytest.raises(ArtifactError, match="truncated or altered"):
        load_artifact(artifact)
    digest = hashlib.sha256(bomb).hexdigest()
    write_manifest(artifact, {**manifest_of(artifact), "weights_sha256": digest})
    with pytest.raises(ArtifactError, match="not a safetensors file"):
        load_artifact(artifact)
    assert not trace.exists()
    pickle.loads(bomb)
    assert trace.exists()


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Say what unpickling calls."""
        return (Path.touch, (self.trace,))


class Crash(BaseException):
    """Ends the program as a power cut would: nothing handles it."""


@pytest.mark.parametrize("failure", [Crash(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("call", [1, 2])
def test_a_crash_leaves_the_old_artifact_whole(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, call: int, failure: BaseException
) -> None:
    """At either of the two steps that change files, and saving again then works."""
    before = predictions(artifact)
    earlier = load_artifact(artifact)
    fresh = [lawful_model(COMBINATIONS[0], 5, name="first")]
    calls = iter(range(1, 3))
    rename = os.replace

    def crash(source: str, target: Path) -> None:
        if next(calls) == call:
            raise failure
        rename(source, target)

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises((Crash, ConfigurationError)):
        save_artifact(artifact, fresh, earlier)
    monkeypatch.undo()
    assert predictions(artifact) == before
    assert not list(artifact.glob(".*"))
    save_artifact(artifact, fresh, earlier)
    assert predictions(artifact) != before
    assert len(list(artifact.iterdir())) == 2


def test_saving_keeps_the_other_models(artifact: Path) -> None:
    """A model of the same key is replaced; the others stay as they were."""
    first, second = predictions(artifact)
    changed = lawful_model(COMBINATIONS[0], 5, name="first")
    manifest = save_artifact(artifact, [changed], load_artifact(artifact))
    assert [record.name for record in manifest.models] == ["first", "second"]
    assert predictions(artifact) == [ModelPredictor(changed)(*REQUEST), second]
    assert first not in predictions(artifact)


def test_saving_without_the_earlier_ones_replaces_all(artifact: Path) -> None:
    """Nothing is kept by accident."""
    save_artifact(artifact, [lawful_model(COMBINATIONS[0], 5, name="third")])
    assert [model.record.name for model in load_artifact(artifact).models] == ["third"]


def test_saving_twice_gives_the_same_files(tmp_path: Path) -> None:
    """Byte by byte, in whatever order the models come."""
    one, other = tmp_path / "one", tmp_path / "other"
    save_artifact(one, models())
    save_artifact(other, list(reversed(models())))
    assert weights_file(one).read_bytes() == weights_file(other).read_bytes()
    assert (one / MANIFEST_NAME).read_bytes() == (other / MANIFEST_NAME).read_bytes()


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the directory should be."""
    place = tmp_path / "file"
    place.write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot write"):
        save_artifact(place, models())


def test_artifacts_can_be_shared(original: Path) -> None:
    """Others may read what is written: temporary files are private, these are not."""
    for file in original.iterdir():
        assert file.stat().st_mode & stat.S_IRGRP


def test_a_predictor_selects_by_any_name(original: Path) -> None:
    """Name and id; an unknown one lists what was trained."""
    predictor = Predictor.load(original)
    assert predictor.select("FIRST").model.record.id == "drawn-first"
    assert predictor.select("drawn-second", HERE).model.record.name == "second"
    with pytest.raises(Token2MetricsError, match="first on device"):
        predictor.select("third")
    with pytest.raises(Token2MetricsError, match=r"'first' on another.*first on device"):
        predictor.select("first", Conditions(device="another"))
