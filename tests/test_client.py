"""The client against real servers: the service itself, and ones that no service should be."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scripted_server import LEAVES, answer, scripted
from tests.serving import Service, serving
from tests.test_imports import HEAVY, ROOT
from token2metrics.client import (
    Client,
    ServiceFailedError,
    ServiceLateError,
    ServiceLostError,
    ServiceRefusedError,
    TokenRefusedError,
)
from token2metrics.errors import ConfigurationError, RequestError
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.monitoring.observation import Observation
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import longest_answer, longest_prompt
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prediction
from token2metrics.service.operations.asked import AskedQuality, PredictRequest
from token2metrics.vocabulary import MAX_TOKENS

MODEL = "1.5B"
TOKEN = "0123456789abcdef-not-to-be-seen"
SHORT_S = 0.3
EXAMPLES = 40
MANY = 2_300
THREADS, CALLS = 8, 20
PROBLEM = "application/problem+json"
EMPTY = answer(b"[]")
WITHIN_5_S = Limits(latency_s=5.0)
HOW_TO_START = re.escape("python main.py serve")


@pytest.fixture(scope="module")
def served(trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the trained artifact by the command, in a process of its own."""
    place = tmp_path_factory.mktemp("served")
    with serving(trained_artifact, place / "log", "--state", place / "state") as found:
        yield found


@pytest.fixture
def client(served: Service) -> Iterator[Client]:
    """Return a client of the served artifact."""
    with Client(served.url) as found:
        yield found


@pytest.fixture(scope="module")
def predictor(trained_artifact: Path) -> Predictor:
    """Return the models that are served."""
    return Predictor.load(trained_artifact)


def ask(client: Client) -> Prediction:
    """Ask for something."""
    return client.predict(100, 50, model=MODEL)


@pytest.mark.law
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    model=st.sampled_from(("1.5B", "7B")),
    counts=st.tuples(st.integers(0, MAX_TOKENS), st.integers(0, MAX_TOKENS)),
    confidence=st.floats(LOWEST_CONFIDENCE, HIGHEST_CONFIDENCE),
    price=st.floats(0.0, 1e6),
)
def test_predictions_are_those_of_the_package(
    client: Client,
    predictor: Predictor,
    model: str,
    counts: tuple[int, int],
    confidence: float,
    price: float,
) -> None:
    """Whatever is asked, the numbers and words are ``predict``'s, to the last bit."""
    one = predictor.select(model)
    prices = prices_on(one.model.record.hardware, price)
    expected = one(*counts, prices, confidence)
    told = client.predict(*counts, model=model, confidence=confidence, price_per_kwh=price)
    assert told == expected


def test_many_are_answered_in_order_however_many(client: Client, predictor: Predictor) -> None:
    """Lists longer than a body may be are sent in parts; iterators and mappings do."""
    one = predictor.select(MODEL)
    prices = prices_on(one.model.record.hardware)
    told = client.predict_many(
        PredictRequest(input_tokens=count, output_tokens=1, model=MODEL) for count in range(MANY)
    )
    assert [one.input_tokens for one in told] == list(range(MANY))
    assert told[-1] == one(MANY - 1, 1, prices)
    assert client.predict_many([{"input_tokens": 5, "output_tokens": 1, "model": MODEL}]) == (
        told[5],
    )
    assert client.predict_many([]) == ()


def test_plans_are_those_of_the_package(client: Client, predictor: Predictor) -> None:
    """The longest answer, the longest prompt, and every longest answer."""
    one = predictor.select(MODEL)
    demand = Demand(WITHIN_5_S, 0.9, prices_on(one.model.record.hardware))
    options: Any = {"model": MODEL, "probability": 0.9}
    assert client.plan(WITHIN_5_S, input_tokens=400, **options) == longest_answer(one, 400, demand)
    assert client.plan(WITHIN_5_S, output_tokens=50, **options) == longest_prompt(one, 50, demand)
    assert client.frontier(WITHIN_5_S, **options) == Frontier.of(one, demand)


def test_what_nothing_keeps_is_an_answer(client: Client) -> None:
    """A plan without a request is a plan, not an error."""
    told = client.plan(Limits(latency_s=1e-6), input_tokens=400, model=MODEL)
    assert not told.feasible
    assert told.output_tokens is None


def test_models_are_compared(client: Client, predictor: Predictor) -> None:
    """Every model and number of samples, with what is told of their quality."""
    qualities = [AskedQuality(model="7B", quality=3.0)]
    told = client.compare(100, 50, models=["1.5B", "7B"], qualities=qualities, max_latency_s=1e3)
    assert [one.name for one in told.configurations] == ["1.5B", "7B"]
    first = told.configurations[0]
    assert first.latency.mean_s == predictor.select("1.5B")(100, 50).latency_s
    assert told.choice is not None
    assert told.choice.best == 1


def test_what_is_served_is_told(client: Client, predictor: Predictor) -> None:
    """Every model with its conditions."""
    told = client.models()
    assert {one.id for one in told.models} == {one.model.record.id for one in predictor.models}


def finished(count: int) -> list[Observation]:
    """Return finished requests."""
    return [
        Observation(model=MODEL, input_tokens=100, output_tokens=50, latency_s=1.3 + place / 1e3)
        for place in range(count)
    ]


def test_what_is_observed_counts_once(client: Client) -> None:
    """A key makes a batch safe to be sent again; another batch needs another key."""
    before = client.monitor().requests
    assert client.observe(finished(3), key="night-1").accepted == 3
    again = client.observe(finished(3), key="night-1")
    assert again.repeated
    assert client.observe(finished(2)).requests == before + 5
    with pytest.raises(ServiceRefusedError, match="key") as refusal:
        client.observe(finished(4), key="night-1")
    assert refusal.value.status == 409
    assert client.monitor().requests == before + 5


def test_what_fits_no_model_is_set_aside(client: Client) -> None:
    """The others of a batch are taken."""
    foreign = Observation(model="unheard-of", input_tokens=1, output_tokens=1, latency_s=1.0)
    told = client.observe([*finished(1), foreign])
    assert told.accepted == 1
    assert [one.index for one in told.first_set_aside] == [1]


def test_numbers_of_numpy_are_numbers(client: Client) -> None:
    """Token counts often come out of an array."""
    plain = client.predict(100, 50, model=MODEL, confidence=0.5)
    counts = np.array([100, 50])
    half = np.float64(0.5)
    assert client.predict(counts[0], counts[1], model=MODEL, confidence=half) == plain


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda c: c.predict(1, 1, model="unheard-of"), "unheard-of"),
        (lambda c: c.predict(1, 1), "name of a model"),
        (lambda c: c.predict(-1, 1, model=MODEL), "input_tokens"),
        (lambda c: c.predict(1.5, 1, model=MODEL), "input_tokens"),
        (lambda c: c.predict(1, "1", model=MODEL), "output_tokens"),
        (lambda c: c.predict(1, 1, model=MODEL, confidence=0.1), "confidence"),
        (lambda c: c.predict(1, 1, model=MODEL, modle=MODEL), "modle"),
        (lambda c: c.predict_many([{"input_tokens": 1}]), "request 0: .*output_tokens"),
        (lambda c: c.plan(WITHIN_5_S, model=MODEL, input_tokens=1, output_tokens=1), "got both"),
        (lambda c: c.compare(1, 1, models=["unheard-of"]), "unheard-of"),
        (lambda c: c.observe([]), "length"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    client: Client, asked: Callable[[Any], object], words: str
) -> None:
    """The service's words say what is wrong."""
    with pytest.raises(ServiceRefusedError, match=words) as refusal:
        asked(client)
    assert refusal.value.status == 422
    assert refusal.value.detail in str(refusal.value)


def test_each_request_at_fault_is_named(client: Client) -> None:
    """By its place among all of them, however they were sent."""
    asked = [{"input_tokens": 1, "output_tokens": 1, "model": MODEL} for _ in range(MANY)]
    asked[2_010]["input_tokens"] = -1
    asked[2_020]["output_tokens"] = "one"
    with pytest.raises(ServiceRefusedError, match="request 2010: ") as refusal:
        client.predict_many(asked)
    assert [one.index for one in refusal.value.errors] == [2_010, 2_020]


def test_what_is_no_json_is_not_sent(client: Client) -> None:
    """Nothing is guessed about other objects."""
    with pytest.raises(RequestError, match="got a complex"):
        client.predict(1j, 1, model=MODEL)  # type: ignore[arg-type]


def test_threads_share_a_client(client: Client) -> None:
    """Each gets its own answers."""

    def echoed(count: int) -> int:
        return client.predict(count, 1, model=MODEL).input_tokens

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(echoed, range(THREADS * CALLS))) == list(range(THREADS * CALLS))


def test_a_token_is_shown_and_never_told(trained_artifact: Path, tmp_path: Path) -> None:
    """Without it, or with another one, nothing is answered."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    options = ("--no-observe", "--token-file", file)
    with serving(trained_artifact, tmp_path / "log", *options) as served:
        with Client(served.url, token=TOKEN) as client:
            assert ask(client)
            assert TOKEN not in repr(client)
            with pytest.raises(ServiceRefusedError) as refusal:
                client.monitor()
            assert refusal.value.status == 404
        for token in (None, TOKEN + "x"):
            with Client(served.url, token) as client, pytest.raises(TokenRefusedError) as none:
                ask(client)
            assert TOKEN not in str(none.value)
            assert none.value.status == 401


def test_a_service_that_comes_back_is_found_again(trained_artifact: Path, tmp_path: Path) -> None:
    """A killed one is lost; another one at the same address is asked without more ado."""
    copy = tmp_path / "artifact"
    shutil.copytree(trained_artifact, copy)
    with serving(copy, tmp_path / "log") as served, Client(served.url) as client:
        assert ask(client)
        os.kill(served.process.pid, signal.SIGKILL)
        served.process.wait()
        with pytest.raises(ServiceLostError, match=HOW_TO_START):
            ask(client)
        with serving(copy, tmp_path / "log", "--port", served.port):
            assert ask(client)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:8000",
        "localhost",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:port",
        "http://127.0.0.1:8000/?a=1",
        "http://me:secret@127.0.0.1",
        None,
    ],
)
def test_what_is_no_address_is_refused(address: Any) -> None:
    """Before anything is asked, and no password is repeated."""
    with pytest.raises(ConfigurationError, match="expected an address such as http://") as refusal:
        Client(address)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(timeout_s: float) -> None:
    """A client that waits for ever is none."""
    with pytest.raises(ConfigurationError, match="timeout_s"):
        Client("http://127.0.0.1", timeout_s=timeout_s)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "Ünikode"])
def test_what_no_header_holds_is_refused(token: str) -> None:
    """Without saying what it is."""
    with pytest.raises(ConfigurationError, match="expected a token") as refusal:
        Client("http://127.0.0.1", token=token)
    assert not token or token not in str(refusal.value)


def test_nobody_there_says_how_to_start_one(tmp_path: Path) -> None:
    """The most usual mistake."""
    with scripted() as script:
        address = script.address
    with Client(address) as client, pytest.raises(ServiceLostError, match=HOW_TO_START):
        ask(client)


def test_silence_ends(tmp_path: Path) -> None:
    """A service that does not answer is not waited for longer than wanted."""
    with (
        scripted() as script,
        Client(script.address, timeout_s=SHORT_S) as client,
        pytest.raises(ServiceLateError, match=f"within {SHORT_S} s"),
    ):
        ask(client)


def test_a_broken_connection_is_tried_once_more() -> None:
    """So that a worker that is gone, or closed what was idle, is nobody's concern."""
    with scripted(EMPTY, LEAVES, EMPTY) as script, Client(script.address) as client:
        asked = [{"input_tokens": 1, "output_tokens": 1}]
        assert client.predict_many(asked) == ()
        assert client.predict_many(asked) == ()
        assert script.connections == 2
        assert len(script.requests) == 3
    with (
        scripted(LEAVES, LEAVES) as script,
        Client(script.address) as client,
        pytest.raises(ServiceLostError, match="went away"),
    ):
        ask(client)
    assert len(script.requests) == 2


def test_a_batch_keeps_its_key_when_it_is_sent_again() -> None:
    """So that nothing counts twice; another batch has another key."""
    taken = answer(b'{"accepted":1,"set_aside":{},"first_set_aside":[],"events":[],"requests":1}')
    with scripted(LEAVES, taken, taken) as script, Client(script.address) as client:
        client.observe(finished(1))
        client.observe(finished(1))
    keys = [
        line
        for request in script.requests
        for line in request.lower().split(b"\r\n")
        if line.startswith(b"idempotency-key:")
    ]
    assert keys[0] == keys[1] != keys[2]


def test_connections_stay_open() -> None:
    """All requests of one thread take the same."""
    with scripted(*[EMPTY] * CALLS) as script, Client(script.address) as client:
        for _ in range(CALLS):
            client.predict_many([{}])
    assert script.connections == 1
    assert len(script.requests) == CALLS


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(b"<html>", kind="text/html"), "got an answer of status 200, text/html"),
        (answer(b"<html>", "404 Not Found", "text/html"), "status 404, text/html"),
        (answer(b"[1]"), "check the address and the versions"),
        (answer(b'{"latency_s":1}'), "check the address and the versions"),
        (answer(b"\xff"), "check the address and the versions"),
        (answer(b"", "302 Found\r\nLocation: http://127.0.0.1:9/"), "status 302"),
        (answer(b"", "502 Bad Gateway", "text/plain"), "status 502"),
        (answer(b'{"detail":"busy"}', "503 Busy", PROBLEM), "cannot answer now: busy"),
        (answer(b'{"title":"Odd"}', "500 Odd", PROBLEM), "cannot answer now: Odd"),
    ],
)
def test_what_is_no_answer_is_told_apart(said: bytes, words: str) -> None:
    """From a refusal: asking otherwise does not help."""
    with (
        scripted(said) as script,
        Client(script.address) as client,
        pytest.raises(ServiceFailedError, match=words),
    ):
        ask(client)


def test_an_error_without_words_is_one(tmp_path: Path) -> None:
    """Even then it is said who refused."""
    with (
        scripted(answer(b"{}", "418 Teapot", PROBLEM)) as script,
        Client(script.address) as client,
        pytest.raises(ServiceRefusedError, match="does not say why") as refusal,
    ):
        ask(client)
    assert refusal.value.status == 418


def test_no_proxy_stands_before_this_computer(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings for the network say nothing about loopback."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for host in ("127.0.0.1", "localhost"):
        with Client(f"http://{host}:{served.port}") as client:
            assert ask(client)


def in_a_new_process(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the repository on its path."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_client_needs_nothing_heavy() -> None:
    """A program that asks a service needs httpx2, and nothing that predicts or serves."""
    heavy = HEAVY - {"httpx2"}
    told = in_a_new_process(
        "import sys, token2metrics.client;"
        f"print(sorted({{name.partition('.')[0] for name in sys.modules}} & {heavy!r}))"
    )
    assert told.stdout.strip() == "[]", told.stderr


def test_without_its_package_the_extra_is_named() -> None:
    """As everywhere."""
    told = in_a_new_process("import sys; sys.modules['httpx2'] = None; import token2metrics.client")
    assert "pip install 'token2metrics[client]'" in told.stderr
