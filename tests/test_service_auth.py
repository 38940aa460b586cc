"""Who may ask the service: over real sockets, with and without its token."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run, refused
from tests.serving import REQUEST, Listening, listening
from token2metrics.errors import ConfigurationError
from token2metrics.service.layers.auth import is_local_name
from token2metrics.service.layers.tokens import LONGEST, checked_token, token_in
from token2metrics.service.listening import is_loopback
from token2metrics.service.setup import Setup

TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = 0o600
PATHS = ("/", "/v1/models", "/openapi.json", "/metrics", "/v1/monitor", "/nothing")


def basic(password: str) -> dict[str, str]:
    """Return the header of a browser's log-in."""
    return {"Authorization": "Basic " + b64encode(f"me:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def guarded(
    trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    """Return a service with a token."""
    folder = tmp_path_factory.mktemp("token")
    setup = Setup(directory=trained_artifact, token=TOKEN, state=folder / "state")
    with listening(setup, folder / "log") as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}0"},
        {"Authorization": TOKEN},
        {"Authorization": f"Digest {TOKEN}"},
        {"Authorization": "Basic ???"},
        basic(TOKEN[:-1]),
    ],
    ids=str,
)
def test_without_the_token_nothing_is_told(guarded: Listening, headers: dict[str, str]) -> None:
    """Not even whether an address exists."""
    for path in PATHS:
        answer = guarded.ask(path, headers=headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json["status"] == 401
    assert guarded.ask("/v1/predict", REQUEST, headers).status == 401
    assert guarded.raw(b"POST /v1/predict HTTP/1.1\r\nHost: a\r\n\r\n")[9:12] == b"401"


def test_with_the_token_everything_is(guarded: Listening) -> None:
    """In whatever letters the scheme is written, and at any name of the computer."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKEN}", "Host": "device.example"}
        assert guarded.ask("/v1/predict", REQUEST, headers).status == 200


def test_browsers_may_look_and_no_more(guarded: Listening) -> None:
    """What a browser sends along by itself could come from any page, so it changes nothing."""
    assert guarded.ask("/v1/models", headers=basic(TOKEN)).status == 200
    assert guarded.ask("/v1/predict", REQUEST, basic(TOKEN)).status == 401


def test_whoever_looks_after_the_process_needs_no_token(guarded: Listening) -> None:
    """Whether it lives and can answer is no secret."""
    assert guarded.ask("/healthz").json == {"status": "ok"}
    assert guarded.ask("/readyz").json["models"] == 2


def test_the_token_is_in_no_log(guarded: Listening) -> None:
    """Nor is what was sent in place of it."""
    guarded.ask("/v1/models", headers={"Authorization": "Bearer a-wrong-but-secret-word"})
    assert TOKEN not in guarded.log.read_text()
    assert "a-wrong-but-secret-word" not in guarded.log.read_text()


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        (b"localhost", True),
        (b"LocalHost:8000", True),
        (b"127.0.0.1:8000", True),
        (b"127.9.9.9", True),
        (b"[::1]:8000", True),
        (b"evil.example", False),
        (b"localhost.evil.example", False),
        (b"10.0.0.1", False),
        (b"[::]", False),
        (b"\xff", False),
        (b"", False),
        (None, False),
    ],
)
def test_names_of_this_computer(host: bytes | None, is_local: bool) -> None:
    """A page of another site cannot have the service answer to its own name."""
    assert is_local_name(host) is is_local


@pytest.mark.parametrize(
    ("host", "is_safe"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_addresses_that_others_reach(host: str, is_safe: bool) -> None:
    """Only loopback is out of reach."""
    assert is_loopback(host) is is_safe


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_other_computers_need_a_token(run: Run, trained_artifact: Path, host: str) -> None:
    """Nothing is started that they could ask without one."""
    refused(run("serve", "-a", trained_artifact, "--host", host), "--token-file", "openssl rand")


@pytest.mark.parametrize("host", ["", "no such name.invalid", "a" * 300])
def test_addresses_that_are_none(run: Run, trained_artifact: Path, host: str) -> None:
    """Names of nothing are refused."""
    refused(run("serve", "-a", trained_artifact, "--host", host), "for --host, got")


@pytest.mark.parametrize(
    "content",
    ["", "short", "with a blank in between it", "x" * (LONGEST + 1), "é" * 20, "a\nb" * 9],
)
def test_bad_tokens_are_refused(tmp_path: Path, content: str) -> None:
    """In words that do not repeat them."""
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(SECRET)
    with pytest.raises(ConfigurationError, match="16 to 1,024 printable letters") as caught:
        token_in(file)
    assert not content or content not in str(caught.value).replace("token", "")


@pytest.mark.parametrize(("mode", "is_secret"), [(0o600, True), (0o440, True), (0o644, False)])
def test_token_files_that_everyone_reads_are_refused(
    tmp_path: Path, mode: int, is_secret: bool
) -> None:
    """A token that every user of the computer knows keeps nobody out; a group may share one."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(mode)
    if is_secret:
        assert token_in(file) == TOKEN
    else:
        with pytest.raises(ConfigurationError, match=f"got mode 644.*chmod 600 {file}"):
            token_in(file)


def test_a_device_without_an_end_holds_no_token() -> None:
    """What is read of it is little."""
    with pytest.raises(ConfigurationError, match="/dev/zero"):
        token_in(Path("/dev/zero"))


def test_tokens_come_from_files_and_settings(
    run: Run, trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, and a setting that is too short, are told."""
    (tmp_path / "token").write_bytes(TOKEN.encode() + b"\r\n")
    (tmp_path / "token").chmod(SECRET)
    assert token_in(tmp_path / "token") == TOKEN
    assert checked_token(TOKEN, "here") == TOKEN
    refused(run("serve", "-a", trained_artifact, "--token-file", "nowhere"), "cannot read")
    monkeypatch.setenv("TOKEN2METRICS_TOKEN", "tiny")
    refused(run("serve", "-a", trained_artifact), "the setting token", "openssl rand")
