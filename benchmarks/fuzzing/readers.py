"""Read a file as the package does, and go on as its commands do.

Each function takes a path, may raise a ``Token2MetricsError``, and nothing else.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.fuzzing import sound
from token2metrics.artifact.digest import digest_of
from token2metrics.artifact.load import encode_manifest, load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME, Manifest
from token2metrics.comparing.quality import read_qualities
from token2metrics.data.save_records import frame_of
from token2metrics.experiments import load_experiment
from token2metrics.given_settings import SETTINGS_FILE_VARIABLE
from token2metrics.ingest.conditions import Conditions as ToldConditions
from token2metrics.ingest.convert import convert
from token2metrics.measure.journal import Journal
from token2metrics.measure.plan import read_plan
from token2metrics.modeling.gguf_file import read_gguf
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.reading import LineReader
from token2metrics.monitoring.state_file import load_state
from token2metrics.monitoring.watch import watch
from token2metrics.power.logs import ReadOptions, read_power_log
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.tokens import count_tokens, load_tokenizer, read_text
from token2metrics.settings import load_settings

GIVEN = {"model": "m0"}
INTERVAL_S = 0.1


def _with_artifact(path: Path) -> Path:
    """Return a directory of its own with the sound artifact."""
    directory = path.parent / "artifact"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(sound.artifact(), directory)
    return directory


def _use(directory: Path) -> None:
    """Load an artifact and predict with whatever it holds."""
    loaded = Predictor.load(directory)
    for model in loaded.models:
        model(*sound.REQUEST, confidence=0.99, parallel=2)
        model.compiled(("latency_s", "latency_upper_s"))(*sound.REQUEST)


def manifest(path: Path) -> None:
    """Load an artifact whose manifest is the file."""
    directory = _with_artifact(path)
    shutil.copy(path, directory / MANIFEST_NAME)
    _use(directory)


def sealed_manifest(path: Path) -> None:
    """Load an artifact whose manifest is the file, sealed anew as a forger would."""
    directory = _with_artifact(path)
    (directory / MANIFEST_NAME).write_bytes(_sealed(path.read_bytes()))
    _use(directory)


def _sealed(content: bytes) -> bytes:
    """Return a manifest with its own digest; as it is where it is no JSON object."""
    try:
        told = msgspec.json.decode(content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content
    try:
        return encode_manifest(msgspec.convert(told, Manifest))
    except msgspec.ValidationError:
        return msgspec.json.encode(told)


def weights(path: Path) -> None:
    """Load an artifact whose weights are the file, with digests made to fit."""
    directory = _with_artifact(path)
    content = path.read_bytes()
    known = load_artifact(directory).manifest
    digest = digest_of(content)
    forged = msgspec.structs.replace(
        known, weights_file=f"weights-{digest[:16]}.safetensors", weights_sha256=digest
    )
    (directory / forged.weights_file).write_bytes(content)
    (directory / MANIFEST_NAME).write_bytes(encode_manifest(forged))
    _use(directory)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable of the environment for a block."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def settings(path: Path) -> None:
    """Read the file as settings."""
    with _environment(SETTINGS_FILE_VARIABLE, str(path)):
        load_settings()


def experiment(path: Path) -> None:
    """Run the file as an experiment file."""
    load_experiment(path)


def tool_file(path: Path) -> None:
    """Convert the results of a benchmark tool into a table."""
    converted = convert((path,), ToldConditions(), (), path)
    frame_of(converted.records)


def power_log(path: Path) -> None:
    """Read a power log."""
    log = read_power_log(path, ReadOptions(interval_s=INTERVAL_S))
    log.hottest_c(0.0, 1.0)


def finished(path: Path) -> None:
    """Feed a monitor with finished requests."""
    monitor = Monitor(sound.predictor())
    lines = LineReader(GIVEN).lines(io.BytesIO(path.read_bytes()))
    watch(lines, monitor, lambda event: None, lambda line, reason: None, lambda: None)


def state(path: Path) -> None:
    """Go on with a monitor whose state is the file."""
    monitor = Monitor(sound.predictor(), state=load_state(path))
    for _ in range(3):
        monitor.observe(Observation(model="m0", input_tokens=300, output_tokens=200, latency_s=1.5))
    monitor.moves()


def qualities(path: Path) -> None:
    """Read how good answers are."""
    read_qualities(path)


def plan(path: Path) -> None:
    """Read which points to measure."""
    read_plan(path)


def journal(path: Path) -> None:
    """Go on with a measuring run."""
    with Journal(path, sound.CAMPAIGN) as opened:
        frame_of(opened.records())


def gguf(path: Path) -> None:
    """Read what a GGUF file says about its model."""
    read_gguf(path)


def tokenizer(path: Path) -> None:
    """Count tokens with a tokenizer."""
    count_tokens(load_tokenizer(path), "an edge device")


def prompt(path: Path) -> None:
    """Read a prompt."""
    read_text(str(path), io.BytesIO())


def model_config(path: Path) -> None:
    """Read the shape of a model for the local engine."""
    from token2metrics.measure.engines.local import read_config

    read_config(path)
