"""What clients may take of the service: refused over real sockets, with problems, and cut off."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.serving import PATIENCE_S, REQUEST, Listening, listening, read_to_end, wait_until
from token2metrics.errors import ConfigurationError
from token2metrics.service.layers import limits as limits_layer
from token2metrics.service.layers.limits import Limits
from token2metrics.service.layers.nesting import is_nested_deeper
from token2metrics.service.setup import Setup

MOST_BYTES, MOST_SECONDS, MOST_CONNECTIONS = 20_000, 1.0, 12
MARGIN_S = 8.0
"""Computers that test are busy; what is cut is cut much later there."""

PREDICT = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PROBLEM = "application/problem+json"
LARGE = json.dumps(REQUEST).encode().ljust(MOST_BYTES)

Values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\a é')),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


@pytest.fixture(scope="module")
def service(
    trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    """Return a service with narrow limits."""
    folder = tmp_path_factory.mktemp("limits")
    limits = Limits(
        max_body_bytes=MOST_BYTES, max_time_s=MOST_SECONDS, max_connections=MOST_CONNECTIONS
    )
    setup = Setup(directory=trained_artifact, limits=limits)
    with listening(setup, folder / "log") as running:
        yield running


def depth_of(value: Any) -> int:
    """Return how deeply a value is nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def problem_in(raw: bytes, status: int) -> dict[str, Any]:
    """Return the problem of a raw answer, after looking at its form."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), raw
    assert PROBLEM.encode() in head
    assert b"connection: close" in head.lower()
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == status
    return problem


@pytest.mark.law
@example([["[", "]"], []], 0, True)
@given(Values, st.integers(-2, 1), st.booleans())
def test_depth_is_that_of_the_value(value: Any, more: int, is_ascii: bool) -> None:
    """Brackets in strings do not count, whatever is escaped there; nor do those side by side."""
    doubled = [value, value]
    depth = max(0, depth_of(doubled) + more)
    body = json.dumps(doubled, ensure_ascii=is_ascii).encode()
    assert is_nested_deeper(body, depth) == (depth_of(doubled) > depth)


@pytest.mark.parametrize(
    "body",
    [b'"' + b'\\"' * 1_000_000, b"[]" * 1_000_000, b'"' * 2_000_000, b"\\" * 2_000_000],
    ids=["open string", "many arrays", "quotes", "backslashes"],
)
def test_no_body_takes_long_to_look_at(body: bytes) -> None:
    """Two megabytes of anything are looked at once, not again and again."""
    started_s = time.process_time()
    is_nested_deeper(body, 16)
    assert time.process_time() - started_s < MARGIN_S


def test_large_bodies_are_refused(service: Listening) -> None:
    """Whether their size is told or not, before they are read."""
    assert service.ask("/v1/predict", b" " * MOST_BYTES + b"{}").status == 413
    told = service.raw(PREDICT + b"Content-Length: 10000000000\r\n\r\n{")
    assert "at most 20,000 bytes" in problem_in(told, 413)["detail"]
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    chunked = service.raw(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2)
    problem_in(chunked, 413)
    assert service.ask("/v1/predict", REQUEST).status == 200


def test_deep_bodies_are_refused(service: Listening) -> None:
    """Before anything parses them."""
    deep = service.ask("/v1/predict", b"[" * 9_000 + b"]" * 9_000)
    assert (deep.status, deep.headers["content-type"]) == (422, PROBLEM)
    assert "at most 16 deep" in deep.json["detail"]
    hidden = {**REQUEST, "model": "[" * 100}
    assert "no trained model" in service.ask("/v1/predict", hidden).json["detail"]


def test_slow_headers_are_cut(service: Listening) -> None:
    """Neither silence nor a letter now and then keeps a connection."""
    started_s = time.monotonic()
    with service.connected() as silent, service.connected() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
        while time.monotonic() < started_s + MOST_SECONDS / 2:
            slow.sendall(b"x")
            time.sleep(0.1)
        answers = [read_to_end(silent), read_to_end(slow)]
    for answer in answers:
        assert "headers within 1 s" in problem_in(answer, 408)["detail"]
    assert MOST_SECONDS < time.monotonic() - started_s < PATIENCE_S


def test_slow_bodies_are_cut(service: Listening) -> None:
    """A body that never becomes whole is refused."""
    with service.connected() as slow:
        slow.sendall(PREDICT + b"Content-Length: 100\r\n\r\n{")
        started_s = time.monotonic()
        answer = read_to_end(slow)
    assert "body within 1 s" in problem_in(answer, 408)["detail"]
    assert time.monotonic() - started_s < PATIENCE_S


def test_long_headers_are_cut(service: Listening) -> None:
    """In one piece or in many, in one line or in many."""
    line = b"X-Long: " + b"x" * 20_000
    problem_in(service.raw(b"GET /healthz HTTP/1.1\r\n" + line + b"\r\n\r\n"), 431)
    many = b"".join(b"X-%d: x\r\n" % number for number in range(3_000))
    problem_in(service.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + many), 431)
    problem_in(service.raw(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n"), 431)


def test_what_is_not_http_is_refused(service: Listening) -> None:
    """With a problem, and without a trace in the log of what it was."""
    problem_in(service.raw(b"\x16\x03\x01 secret handshake\r\n\r\n"), 400)
    assert "secret" not in service.log.read_text()


def test_too_many_connections_are_refused(trained_artifact: Path, tmp_path: Path) -> None:
    """Others are told to come back, and may once there is room."""
    limits = Limits(max_connections=MOST_CONNECTIONS, max_time_s=PATIENCE_S)
    setup = Setup(directory=trained_artifact, limits=limits)
    with listening(setup, tmp_path / "log") as service:
        held = [service.connected() for _ in range(MOST_CONNECTIONS)]
        try:
            with service.connected() as one_more:
                problem_in(read_to_end(one_more), 503)
        finally:
            for connection in held:
                connection.close()
        wait_until(lambda: _is_free(service), "there is room again")


def test_bodies_on_their_way_fill_no_memory(
    trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many large ones at a time are refused; those that come whole are answered meanwhile."""
    monkeypatch.setattr(limits_layer, "MOST_ARRIVING", 1)
    limits = Limits(max_body_bytes=MOST_BYTES, max_time_s=PATIENCE_S)
    begun = PREDICT + b"Content-Length: %d\r\n\r\n" % MOST_BYTES + b" " * (2 * MOST_BYTES // 3)
    setup = Setup(directory=trained_artifact, limits=limits)
    with listening(setup, tmp_path / "log") as service:
        with service.connected() as one, service.connected() as other:
            for stream in (one, other):
                stream.sendall(begun)
            (refused,) = select.select((one, other), [], [], PATIENCE_S)[0]
            problem_in(read_to_end(refused), 503)
            assert service.ask("/v1/predict", REQUEST).status == 200
        wait_until(lambda: service.ask("/v1/predict", LARGE).status == 200, "there is room again")


def test_who_does_not_read_is_cut(service: Listening) -> None:
    """A client that asks for much and reads nothing loses its connection."""
    body = json.dumps([REQUEST] * 250).encode()
    asked = PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body
    end_s = time.monotonic() + PATIENCE_S
    with service.connected(wait_s=0.1) as client:
        while time.monotonic() < end_s and _takes_more(client, asked):
            continue
    assert time.monotonic() < end_s


def _takes_more(client: socket.socket, asked: bytes) -> bool:
    """Ask once more; return whether the connection still stands."""
    try:
        client.sendall(asked)
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def test_cut_connections_are_counted(service: Listening) -> None:
    """By reason; and the service is well after all that."""
    counts = service.ask("/metrics").content.decode()
    for reason in ("slow headers", "slow body", "long headers", "no http", "too many"):
        assert f'token2metrics_connections_cut_total{{reason="{reason}"}}' in counts
    assert service.ask("/v1/predict", REQUEST).status == 200
    assert [line for line in service.logged() if line["level"] == "error"] == []


def _is_free(service: Listening) -> bool:
    """Return whether the service answers."""
    try:
        return service.ask("/healthz").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("name", Limits.__struct_fields__)
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_limits_let_something_through(name: str, value: float) -> None:
    """A limit of nothing, or none at all, is refused by the name of its option."""
    with pytest.raises(ConfigurationError, match=f"--{name.replace('_', '-')} above 0"):
        Limits(**{name: value})  # type: ignore[arg-type]
