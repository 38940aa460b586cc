"""The artifact that is served follows the one on the disk, unless that cannot be trusted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.serving import REQUEST, Listening, listening, wait_until
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.relevel import Move, fingerprint_of, relevel_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import ArtifactError
from token2metrics.prediction.predictor import Predictor
from token2metrics.service.serving import Serving
from token2metrics.service.setup import Setup

HALF, TWICE = 0.5, 2.0
STARTS = 20


def copied(artifact: Path, folder: Path) -> Path:
    """Return a copy that may be altered."""
    return Path(shutil.copytree(artifact, folder))


def relevel(directory: Path, level: float) -> str:
    """Move every level of an artifact, and return the digest of what comes of it."""
    manifest = load_artifact(directory).manifest
    moves = {
        one.key: Move(fingerprint_of(one), dict.fromkeys(one.phases, level))
        for one in manifest.models
    }
    relevel_artifact(directory, moves)
    return load_artifact(directory).manifest.manifest_sha256


def spoil(directory: Path, how: str) -> None:
    """Make an artifact one that cannot be trusted."""
    manifest = directory / MANIFEST_NAME
    weights = next(directory.glob("weights-*"))
    match how:
        case "truncated weights":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "no weights":
            weights.unlink()
        case "truncated manifest":
            manifest.write_bytes(manifest.read_bytes()[:-50])
        case "altered manifest":
            manifest.write_text(manifest.read_text().replace("maxn", "MAXN"))
        case "no manifest":
            manifest.unlink()
        case "nothing":
            shutil.rmtree(directory)
        case "pickle":
            manifest.write_bytes(b"cos\nsystem\n(S'true'\ntR.")


WAYS = (
    "truncated weights",
    "no weights",
    "truncated manifest",
    "altered manifest",
    "no manifest",
    "nothing",
    "pickle",
)


@pytest.mark.parametrize("how", WAYS)
def test_what_cannot_be_trusted_is_not_served(
    trained_artifact: Path, tmp_path: Path, how: str
) -> None:
    """The old one is served on, until a good one lies there."""
    told: list[bool] = []
    directory = copied(trained_artifact, tmp_path / "artifact")
    serving = Serving(directory, tell=told.append)
    before = serving.current
    spoil(directory, how)
    assert not serving.refresh()
    assert not serving.refresh()
    assert serving.current is before
    assert serving.refusal is not None
    assert told == [False]
    copied(trained_artifact, tmp_path / "good")
    digest = relevel(tmp_path / "good", TWICE)
    shutil.rmtree(directory, ignore_errors=True)
    copied(tmp_path / "good", directory)
    assert serving.refresh()
    assert serving.current.digest == digest
    assert serving.refusal is None
    assert told == [False, True]


def test_a_good_one_is_served_as_a_whole(trained_artifact: Path, tmp_path: Path) -> None:
    """Predictions, digest and time of loading change together; what was taken before stays."""
    directory = copied(trained_artifact, tmp_path / "artifact")
    serving = Serving(directory)
    before = serving.current
    latency_s = before.predictor(512, 128, "1.5B").latency_s
    assert not serving.refresh()
    digest = relevel(directory, TWICE)
    assert serving.refresh()
    after = serving.current
    assert (after.digest, before.digest) == (
        digest,
        load_artifact(trained_artifact).manifest.manifest_sha256,
    )
    assert after.predictor(512, 128, "1.5B").latency_s == pytest.approx(TWICE * (latency_s or 0))
    assert before.predictor(512, 128, "1.5B").latency_s == latency_s
    assert after.loaded_at_s >= before.loaded_at_s


def test_an_artifact_that_is_only_touched_stays(trained_artifact: Path, tmp_path: Path) -> None:
    """The same content is the same artifact."""
    directory = copied(trained_artifact, tmp_path / "artifact")
    serving = Serving(directory)
    before = serving.current
    (directory / MANIFEST_NAME).touch()
    assert not serving.refresh()
    assert serving.current is before


def test_processes_that_start_late_serve_the_last_good_one(
    trained_artifact: Path, tmp_path: Path
) -> None:
    """A worker that starts while the artifact is invalid serves what the others serve."""
    directory, kept = copied(trained_artifact, tmp_path / "artifact"), tmp_path / "kept"
    early, sleepy = Serving(directory, kept), Serving(directory, kept)
    digest = relevel(directory, TWICE)
    assert early.refresh()
    spoil(directory, "truncated weights")
    late = Serving(directory, kept)
    assert late.current.digest == digest
    assert late.refusal is not None
    assert sleepy.refresh()
    assert sleepy.current.digest == digest
    shutil.rmtree(kept)
    with pytest.raises(ArtifactError, match="truncated or altered"):
        Serving(directory, kept)


@pytest.fixture(scope="module")
def served(
    trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Listening, Path]]:
    """Return a service and its artifact, which may be altered."""
    folder = tmp_path_factory.mktemp("reload")
    directory = copied(trained_artifact, folder / "artifact")
    with listening(Setup(directory=directory), folder / "log") as running:
        yield running, directory


def digest_served(service: Listening) -> str:
    """Return the digest of what is served."""
    digest: str = service.ask("/readyz").json["artifact"]
    return digest


def test_a_service_follows_the_disk(served: tuple[Listening, Path]) -> None:
    """Every answer meanwhile is that of one artifact or the other, and none fails."""
    service, directory = served
    old_s = Predictor.load(directory)(512, 128, "1.5B").latency_s
    digest = relevel(directory, HALF)
    new_s = Predictor.load(directory)(512, 128, "1.5B").latency_s
    while digest_served(service) != digest:
        answer = service.ask("/v1/predict", REQUEST)
        assert answer.status == 200
        assert answer.json["latency_s"] in (old_s, new_s)
    assert service.ask("/v1/predict", REQUEST).json["latency_s"] == new_s


def test_a_service_refuses_what_cannot_be_trusted(served: tuple[Listening, Path]) -> None:
    """It says so where it is looked for, answers as before, and takes the next good one."""
    service, directory = served
    manifest = directory / MANIFEST_NAME
    good, digest = manifest.read_bytes(), digest_served(service)
    spoil(directory, "truncated manifest")
    wait_until(lambda: not service.ask("/readyz").json["is_latest"], "the artifact is refused")
    assert service.ask("/v1/predict", REQUEST).status == 200
    assert digest_served(service) == digest
    counts = service.ask("/metrics").content.decode()
    assert 'token2metrics_artifacts_total{outcome="refused"}' in counts
    lines = [line for line in service.logged() if line["event"].startswith("artifact refused")]
    assert [line["artifact"] for line in lines] == [digest]
    manifest.write_bytes(good)
    wait_until(lambda: service.ask("/readyz").json["is_latest"], "the good artifact is back")


def test_replacing_while_starting_is_no_failure(trained_artifact: Path, tmp_path: Path) -> None:
    """However often the artifact is replaced, whoever starts finds a whole one."""
    directory = copied(trained_artifact, tmp_path / "artifact")
    models = load_artifact(directory).models
    over = Event()

    def save_again_and_again() -> None:
        """Save the whole artifact and half of it in turns, each under weights of another name."""
        while not over.is_set():
            save_artifact(directory, models[:1])
            save_artifact(directory, models)

    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(save_again_and_again)
        try:
            starts = [Serving(directory) for _ in range(STARTS)]
        finally:
            over.set()
        work.result()
    assert {len(one.current.predictor.models) for one in starts} <= {1, len(models)}


def test_the_watch_goes_on_after_a_failure(
    trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while the artifact is looked at is logged, and the next is served."""
    directory, refresh = copied(trained_artifact, tmp_path / "artifact"), Serving.refresh
    failures = iter([ValueError("not expected")])

    def failing_once(self: Serving) -> bool:
        """Fail the first time."""
        for failure in failures:
            raise failure
        return refresh(self)

    monkeypatch.setattr(Serving, "refresh", failing_once)
    with listening(Setup(directory=directory), tmp_path / "log") as service:
        digest = relevel(directory, HALF)
        wait_until(lambda: digest_served(service) == digest, "the new artifact is served")
        failed = [line for line in service.logged() if line["level"] == "error"]
        assert [line["error"] for line in failed] == ["ValueError"]
