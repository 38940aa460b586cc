"""``serve`` as a user starts it: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.conftest import Run, refused
from tests.serving import PATIENCE_S, REQUEST, ROOT, Service, serving, started, wait_until
from tests.test_imports import BLOCKED, PROBE, in_a_new_process
from token2metrics.prediction.predictor import Predictor

SECRET = "a-very-secret-model-name"
CLIENTS = 4
SAFE = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def service(trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service of two workers."""
    folder = tmp_path_factory.mktemp("serve")
    options = ("--workers", 2, "--state", folder / "state")
    with serving(trained_artifact, folder / "log", *options) as running:
        yield running


def test_answers_are_those_of_predict(service: Service, trained_artifact: Path) -> None:
    """Over HTTP come the numbers that the package gives, with the headers that browsers heed."""
    answer = service.ask("/v1/predict", REQUEST)
    assert answer.json["latency_s"] == Predictor.load(trained_artifact)(512, 128, "1.5B").latency_s
    assert SAFE.items() <= answer.headers.items()
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_pages_of_others_get_nothing(service: Service) -> None:
    """No other site may read answers, whether it asks first or not; nor give us its name."""
    origin = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    asked = service.ask("/v1/predict", headers=origin, method="OPTIONS")
    assert asked.status == 405
    assert not [name for name in asked.headers if name.startswith("access-control")]
    simple = service.ask("/v1/observe", b"{}", {"Content-Type": "text/plain"})
    assert simple.status == 415
    assert service.ask("/v1/models", headers={"Host": "evil.example"}).status == 421


def test_paths_lead_nowhere_else(service: Service) -> None:
    """There are no files behind the addresses."""
    for path in ("/../manifest.json", "/%2e%2e/manifest.json", "//etc/passwd", "/v1/../etc", "/\\"):
        answer = service.ask(path)
        assert (answer.status, answer.json["status"]) == (404, 404)


def test_workers_share_monitor_and_counts(service: Service) -> None:
    """Whichever worker answers, it knows what all of them observed and counted."""
    finished = {**REQUEST, "latency_s": 3.2}
    for number in range(1, 21):
        observed = service.ask("/v1/observe", [finished, finished])
        assert observed.json["requests"] == 2 * number
    report = service.ask("/v1/monitor").json
    assert report["requests"] == 40
    assert [model["name"] for model in report["models"]] == ["1.5B"]
    counts = service.ask("/metrics").content.decode()
    assert 'token2metrics_observations_total{outcome="accepted"} 40.0' in counts
    asked = 'token2metrics_requests_total{method="POST",path="/v1/observe",status="200"} 20.0'
    assert asked in counts


def test_the_log_tells_of_requests_and_not_what_they_say(service: Service) -> None:
    """Every line is a JSON object; paths that are none of ours are not repeated either."""
    service.ask("/v1/predict", {**REQUEST, "model": SECRET})
    service.ask(f"/{SECRET}?{SECRET}", headers={"X-Secret": SECRET})
    answer = service.ask("/v1/predict", REQUEST)
    name = answer.headers["x-request-id"]
    wait_until(lambda: name in service.log.read_text(), "the request is logged")
    lines = [line for line in service.logged() if line["event"] == "request"]
    named = [line for line in lines if line["request"] == name]
    assert [(one["path"], one["method"], one["status"]) for one in named] == [
        ("/v1/predict", "POST", 200)
    ]
    assert 404 in {line["status"] for line in lines if line["path"] == "other"}
    assert SECRET not in service.log.read_text()


def test_ending_answers_what_was_asked(trained_artifact: Path, tmp_path: Path) -> None:
    """SIGTERM lets requests finish: each is answered whole, or was never taken; the code is 0."""
    service = started(trained_artifact, tmp_path / "log", "--state", tmp_path / "state")

    answered = Counter[int]()

    def ask_until_it_ends(client: int) -> None:
        """Count the answers that came, all of them whole."""
        while True:
            try:
                found = service.ask("/v1/predict", [REQUEST] * 20)
            except ConnectionRefusedError:
                return
            except (ConnectionResetError, HTTPException):
                continue
            assert (found.status, len(found.json)) == (200, 20)
            answered[client] += 1

    with ThreadPoolExecutor(CLIENTS) as threads:
        work = [threads.submit(ask_until_it_ends, client) for client in range(CLIENTS)]
        wait_until(lambda: len(answered) == CLIENTS, "every client got an answer")
        code = service.stop()
        for one in work:
            one.result()
    assert code == 0
    assert "Application shutdown complete." in {line["event"] for line in service.logged()}
    assert not (tmp_path / "state-wal").exists()


def test_it_says_where_it_is(trained_artifact: Path, tmp_path: Path) -> None:
    """Without --json in words; Ctrl-C ends it like SIGTERM; the state lies beside the models."""
    directory = shutil.copytree(trained_artifact, tmp_path / "artifact")
    command = [sys.executable, str(ROOT / "main.py"), "serve", "-a", str(directory), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        while "startup complete" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert line.startswith("serving 2 models at http://127.0.0.1:")
    assert process.returncode == 0
    assert (directory / "observed.sqlite3").exists()


def test_what_cannot_be_served_is_refused(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """In one line, before anything listens."""
    ours = ("serve", "-a", trained_artifact)
    refused(run("serve", "-a", "nowhere"), "no trained model at nowhere")
    (tmp_path / "text").write_text("no database" * 1000)
    refused(run(*ours, "--state", tmp_path / "text"), "--state", "remove it to begin anew")
    refused(run(*ours, "--no-observe", "--update"), "--update or --no-observe, got both")
    refused(run(*ours, "--no-observe", "--state", "x"), "--state or --no-observe, got both")
    refused(run(*ours, "--no-observe", "--max-time-s", "0"), "--max-time-s above 0, got 0")
    refused(run(*ours, "--change", "0"), "--change")
    refused(run(*ours, "--host", "192.0.2.1", "--token-file", _token(tmp_path)), "another --host")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(run(*ours, "--no-observe", "--port", port), f"port {port}", "another --port")
    for wrong in (("--port", -1), ("--port", 70_000), ("--workers", 0), ("--workers", "many")):
        assert run(*ours, *wrong).code == 2


def _token(folder: Path) -> Path:
    """Write a token, and return its file."""
    (folder / "token").write_text("0123456789abcdef")
    (folder / "token").chmod(0o600)
    return folder / "token"


def test_help_imports_nothing_heavy() -> None:
    """Nor does an artifact that is missing."""
    for arguments, code in ((("--help",), 0), (("-a", "nowhere"), 2)):
        ended = in_a_new_process(PROBE, "serve", *arguments)
        assert ended.stdout.splitlines()[-1] == f"LOADED {code}", ended.stderr


@pytest.mark.parametrize(
    "package", ["fastapi", "httptools", "prometheus_client", "uvicorn", "uvloop"]
)
def test_a_missing_package_names_its_extra(trained_artifact: Path, package: str) -> None:
    """The error says what to install."""
    ended = in_a_new_process(BLOCKED, package, "serve", "-a", trained_artifact, "--no-observe")
    assert ended.returncode == 2
    assert "pip install 'token2metrics[serve]'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def _same_log() -> Iterator[None]:
    """Leave the loggers as they were."""
    loggers = [logging.getLogger(name) for name in ("token2metrics", "uvicorn.error", "asyncio")]
    before = [(one, list(one.handlers), one.level, one.propagate) for one in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.usefixtures("_same_log")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_well(run: Run, trained_artifact: Path, number: signal.Signals) -> None:
    """Asked for, answered, told to end: the code is 0, and earlier handlers are back."""
    before = signal.getsignal(number)
    port = _free_port()

    def ask_and_end() -> int:
        """Wait for an answer, then tell this process to end."""
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
                    client.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                    status = int(client.recv(100)[9:12])
            except OSError:
                continue
            os.kill(os.getpid(), number)
            return status

    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask_and_end)
        ended = run("serve", "-a", trained_artifact, "--port", port, "--no-observe", "--json")
        assert asked.result() == 200
    assert ended.code == 0
    assert json.loads(ended.out)["url"] == f"http://127.0.0.1:{port}"
    assert signal.getsignal(number) == before


def _free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
