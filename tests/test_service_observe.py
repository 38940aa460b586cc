"""``/v1/observe`` over real sockets: on the disk before it is answered, once, and together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from filelock import FileLock

from tests.serving import JSON, PATIENCE_S, REQUEST, Listening, listening
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.prediction.predictor import Predictor
from token2metrics.service.layers.auth import OPEN_PATHS
from token2metrics.service.layers.limits import Limits
from token2metrics.service.observing import committing
from token2metrics.service.observing import ledger as ledgers
from token2metrics.service.observing.committing import Observing
from token2metrics.service.observing.ledger import Ledger
from token2metrics.service.observing.observed import Batch, Observed
from token2metrics.service.setup import Setup

FINISHED = {**REQUEST, "latency_s": 3.2}
CLIENTS, BATCHES = 8, 10
SLOWER = 1.2


@pytest.fixture
def observed(trained_artifact: Path, tmp_path: Path) -> Iterator[tuple[Listening, Path]]:
    """Return a service with a new state, and the file of that."""
    state = tmp_path / "state"
    setup = Setup(directory=trained_artifact, state=state)
    with listening(setup, tmp_path / "log") as running:
        yield running, state


def on_the_disk(state: Path) -> int:
    """Return how many finished requests the file knows of, opened by somebody else."""
    with closing(Ledger(state, MonitorOptions())) as ledger, ledger.turn():
        return ledger.totals().requests


def test_what_is_answered_is_on_the_disk(observed: tuple[Listening, Path]) -> None:
    """Whoever opens the file after an answer finds what was sent."""
    service, state = observed
    for number in range(1, 4):
        assert service.ask("/v1/observe", FINISHED).json["requests"] == number
        assert on_the_disk(state) == number


def test_clients_are_served_together(observed: tuple[Listening, Path]) -> None:
    """Each gets the answer to its own batch, and every request is counted once."""
    service, state = observed

    def send(client: int) -> list[int]:
        """Send batches of a size of its own; return what was accepted."""
        batch = [FINISHED] * (client + 1)
        return [service.ask("/v1/observe", batch).json["accepted"] for _ in range(BATCHES)]

    with ThreadPoolExecutor(CLIENTS) as threads:
        accepted = list(threads.map(send, range(CLIENTS)))
    assert accepted == [[client + 1] * BATCHES for client in range(CLIENTS)]
    assert on_the_disk(state) == BATCHES * sum(range(1, CLIENTS + 1))


def test_keys_are_names(observed: tuple[Listening, Path]) -> None:
    """A batch is counted once under its key, and a key that is none is refused."""
    service, state = observed
    first = service.ask("/v1/observe", FINISHED, {"Idempotency-Key": "one"})
    again = service.ask("/v1/observe", FINISHED, {"Idempotency-Key": "one"})
    assert not first.json["repeated"]
    assert again.json == {**first.json, "repeated": True}
    other = service.ask("/v1/observe", [FINISHED], {"Idempotency-Key": "one"})
    assert (other.status, other.json["status"]) == (409, 409)
    for key in ("", "x" * 201, "a\tb", "é"):
        assert service.ask("/v1/observe", FINISHED, {"Idempotency-Key": key}).status == 422
    assert on_the_disk(state) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**FINISHED, "latency_s": -1.0}, "latency_s"),
        ({**FINISHED, "latency_ms": 3.2}, "latency_ms"),
        ({**FINISHED, "input_tokens": 1.5}, "input_tokens"),
        ({"model": "1.5B"}, "input_tokens"),
        ([FINISHED, {**FINISHED, "parallel": 0}], "/1"),
        ([], ""),
        ("text", ""),
    ],
)
def test_bodies_that_do_not_fit_are_refused_whole(
    observed: tuple[Listening, Path], body: object, words: str
) -> None:
    """Nothing of them is taken, and the place that is wrong is named."""
    service, state = observed
    answer = service.ask("/v1/observe", body)
    assert answer.status == 422
    assert words in answer.content.decode()
    assert on_the_disk(state) == 0


def test_a_client_that_leaves_is_no_failure(observed: tuple[Listening, Path]) -> None:
    """A body that is broken off is not taken, and nothing is logged as an error."""
    service, state = observed
    head = b"POST /v1/observe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with service.connected() as stream:
        stream.sendall(head + b"Content-Length: 100\r\n\r\n{")
    assert service.ask("/v1/observe", FINISHED).json["requests"] == 1
    assert on_the_disk(state) == 1
    assert [line for line in service.logged() if line["level"] == "error"] == []


def test_where_the_state_is_held_it_is_told(
    trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be kept is refused, and taken once it can be."""
    monkeypatch.setattr(ledgers, "PATIENCE_S", 0.1)
    state = tmp_path / "state"
    with listening(Setup(directory=trained_artifact, state=state), tmp_path / "log") as service:
        with FileLock(f"{state}.lock"):
            for path, body in (("/v1/observe", FINISHED), ("/v1/monitor", None)):
                refused = service.ask(path, body)
                assert (refused.status, refused.headers["retry-after"]) == (503, "1")
                assert "try again" in refused.json["detail"]
            assert service.ask("/v1/predict", REQUEST).status == 200
        assert service.ask("/v1/observe", FINISHED).json["requests"] == 1


def test_too_much_that_waits_is_refused(
    trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are told to come back; what was taken is answered."""
    monkeypatch.setattr(committing, "MOST_WAITING", 10)
    state = tmp_path / "state"
    setup = Setup(directory=trained_artifact, state=state)
    with listening(setup, tmp_path / "log") as service, ThreadPoolExecutor(CLIENTS) as threads:
        with FileLock(f"{state}.lock"):
            work = [
                threads.submit(service.ask, "/v1/observe", [FINISHED] * 6) for _ in range(CLIENTS)
            ]
            wait(work, PATIENCE_S, FIRST_COMPLETED)
        statuses = [one.result().status for one in work]
    assert set(statuses) == {200, 503}
    assert on_the_disk(state) == 6 * statuses.count(200)


def test_too_many_requests_at_a_time_are_refused(
    trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one waits for the disk no other is answered, where there is room for one."""
    state, is_taken, take = tmp_path / "state", Event(), Observing.take

    async def taking(self: Observing, batch: Batch) -> Observed:
        """Say that a batch waits from now on."""
        is_taken.set()
        return await take(self, batch)

    monkeypatch.setattr(Observing, "take", taking)
    setup = Setup(directory=trained_artifact, state=state, limits=Limits(max_running=1))
    with listening(setup, tmp_path / "log") as service, ThreadPoolExecutor(1) as threads:
        with FileLock(f"{state}.lock"):
            waiting = threads.submit(service.ask, "/v1/observe", FINISHED)
            assert is_taken.wait(PATIENCE_S)
            assert service.ask("/v1/models").status == 503
            refused = service.ask("/v1/predict", REQUEST)
            assert refused.headers["retry-after"] == "1"
            assert "at most 1 requests" in refused.json["detail"]
            for path in OPEN_PATHS:
                assert service.ask(path).status == 200
        assert waiting.result().status == 200
    assert on_the_disk(state) == 1


def test_levels_are_written_by_the_end(trained_artifact: Path, tmp_path: Path) -> None:
    """With updates the artifact that the service leaves predicts what it observed."""
    directory = Path(shutil.copytree(trained_artifact, tmp_path / "artifact"))
    before = Predictor.load(directory)(512, 128, "1.5B").latency_s
    assert before is not None
    slower = {**REQUEST, "latency_s": before * SLOWER}
    setup = Setup(
        directory=directory, state=tmp_path / "state", monitoring=MonitorOptions(updates=True)
    )
    with listening(setup, tmp_path / "log") as service:
        assert service.ask("/v1/observe", [slower] * 50).json["accepted"] == 50
    after = Predictor.load(directory)(512, 128, "1.5B").latency_s
    assert after == pytest.approx(before * SLOWER, rel=0.02)


def test_without_a_state_nothing_is_observed(trained_artifact: Path, tmp_path: Path) -> None:
    """There is no such address then."""
    with listening(Setup(directory=trained_artifact), tmp_path / "log") as service:
        assert service.ask("/v1/observe", FINISHED, JSON).status == 404
        assert service.ask("/v1/monitor").status == 404
