"""Wrong requests are refused with problems that say what is wrong, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from tests.asgi import JSON, Heard, asked, exchanged, scope_of
from token2metrics.errors import ConfigurationError
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import longest_answer
from token2metrics.prediction.predictor import Predictor
from token2metrics.service.app import build_app
from token2metrics.service.http.asgi import Application, Receive, Scope, Send
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.problems import MOST_WRONG, Problem
from token2metrics.service.operations.explained import KINDS
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Serving

SMALL = {"input_tokens": 512, "output_tokens": 128}
ONE = {"model": "1.5B", **SMALL}
PLAN = {"model": "1.5B", "limits": {"latency_s": 5.0}, "input_tokens": 400}
PREDICT, PLANNING, COMPARE, MODELS = "/v1/predict", "/v1/plan", "/v1/compare", "/v1/models"
BODIES = (PREDICT, PLANNING, COMPARE)
STRICT = ServiceOptions(max_requests=3, max_plans=2, max_configurations=4, max_frontier_steps=50)


@pytest.fixture(scope="module")
def app(trained_artifact: Path) -> Application:
    """Return an application for the trained models."""
    return build_app(ServiceOptions(), Serving(trained_artifact))


@pytest.fixture(scope="module")
def strict(trained_artifact: Path) -> Application:
    """Return an application that takes little at once."""
    return build_app(STRICT, Serving(trained_artifact))


@pytest.fixture(scope="module")
def predictor(trained_artifact: Path) -> Predictor:
    """Return the trained models."""
    return Predictor.load(trained_artifact)


def problem_of(heard: Heard, status: int, kind: str) -> Problem:
    """Return the problem of an answer, which is of a kind and leads to its explanation."""
    assert (heard.status, heard.headers["content-type"]) == (status, "application/problem+json")
    problem = msgspec.json.decode(heard.content, type=Problem)
    assert (problem.status, problem.type) == (status, f"/problems/{kind}")
    assert problem.title == KINDS[kind].title
    assert problem.detail
    return problem


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (PREDICT, SMALL, "expected the name of a model; trained: 1.5B on jetson"),
        (PREDICT, {**ONE, "model": "70B"}, "no trained model answers to '70B'"),
        (PREDICT, {**ONE, "device": "desk"}, "'1.5B' on desk"),
        (PLANNING, {**PLAN, "limits": {}}, "expected at least one limit of latency_s"),
        (PLANNING, {**PLAN, "output_tokens": 4}, "input_tokens or output_tokens, got both"),
        (PLANNING, {**PLAN, "input_tokens": 131_072}, "leave room in a context of 131072"),
        (
            PLANNING,
            {**PLAN, "probability": 0.99, "limits": {"latency_s": 5, "energy_j": 5, "ttft_s": 5}},
            "for 3 limits together",
        ),
        (COMPARE, {**SMALL, "models": ["70B"]}, "no trained model answers to '70B'"),
        (COMPARE, {**SMALL, "power_modes": ["maxq"]}, "no model was trained for 'maxq'"),
        (COMPARE, {**SMALL, "objectives": ["quality"]}, "got none; give qualities"),
        (
            COMPARE,
            {**SMALL, "qualities": [{"model": "70B", "quality": 1}]},
            "expected the quality of",
        ),
    ],
)
def test_what_nothing_trained_can_answer(
    app: Application, path: str, body: dict[str, Any], words: str
) -> None:
    """The words of the command line, with fields in place of options."""
    problem = problem_of(asked(app, path, body), 422, "unanswerable")
    assert words in problem.detail
    assert "--" not in problem.detail
    several = problem_of(asked(app, path, [body]), 422, "unanswerable")
    assert several.errors[0].index == 0
    assert words in several.errors[0].detail


@pytest.mark.parametrize(
    ("content", "status", "kind", "words"),
    [
        (b"", 400, "malformed-body", "truncated"),
        (b"{", 400, "malformed-body", "truncated"),
        (b"{'model': 1}", 400, "malformed-body", "malformed"),
        (b'{"model": NaN}', 400, "malformed-body", "malformed"),
        (b'{"model": "\xff"}', 400, "malformed-body", "UTF-8"),
        (b'{"model": "\\ud800"}', 400, "malformed-body", "JSON"),
        (b'[{"model": "1.5B"}, {"model": "\xff"}]', 400, "malformed-body", "UTF-8"),
        (b'\xef\xbb\xbf{"model": "1.5B"}', 400, "malformed-body", "malformed"),
        (b"[" * 100_000, 400, "malformed-body", "JSON"),
        (b"[]", 422, "invalid-body", "length >= 1"),
        (b"3", 422, "invalid-body", "`object | array`, got `int`"),
        (b"null", 422, "invalid-body", "got `null`"),
        (b"{}", 422, "invalid-body", "missing required field"),
        (b'{"a\\u0000": 1}', 422, "invalid-body", "unknown field"),
    ],
)
def test_bodies_that_are_no_request(
    app: Application, content: bytes, status: int, kind: str, words: str
) -> None:
    """Each is refused with what was expected and what came."""
    problem = problem_of(asked(app, PREDICT, content), status, kind)
    assert words in problem.detail
    for path in BODIES:
        assert problem_of(asked(app, path, b"{"), 400, "malformed-body")
        assert problem_of(asked(app, path, b"{}"), 422, "invalid-body")


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"input_tokens": -1}, "#/input_tokens", "expected `int` >= 0"),
        ({"input_tokens": 10_000_001}, "#/input_tokens", "<= 10000000"),
        ({"input_tokens": 1.5}, "#/input_tokens", "got `float`"),
        ({"input_tokens": "12"}, "#/input_tokens", "got `str`"),
        ({"input_tokens": True}, "#/input_tokens", "got `bool`"),
        ({"input_tokens": None}, "#/input_tokens", "got `null`"),
        ({"input_tokens": 10**400}, "#/input_tokens", "expected `int`"),
        ({"output_tokens": [1]}, "#/output_tokens", "got `array`"),
        ({"parallel": 0}, "#/parallel", ">= 1"),
        ({"confidence": 1.0}, "#/confidence", "<= 0.99"),
        ({"price_per_kwh": -0.1}, "#/price_per_kwh", ">= 0.0"),
        ({"lifetime_years": 0}, "#/lifetime_years", ">= 1e-12"),
        ({"model": ""}, "#/model", "length >= 1"),
        ({"model": "x" * 201}, "#/model", "length <= 200"),
        ({"models": ["1.5B"]}, "#", "unknown field `models`"),
        ({"x" * 9_000: 1}, "#", "unknown field `xxx"),
    ],
)
def test_fields_that_do_not_fit(
    app: Application, change: dict[str, Any], pointer: str, words: str
) -> None:
    """The place is a JSON pointer; in an array it begins with the index, told beside it too."""
    problem = problem_of(asked(app, PREDICT, {**ONE, **change}), 422, "invalid-body")
    (wrong,) = problem.errors
    assert (wrong.pointer, wrong.index) == (pointer, None)
    assert words in wrong.detail
    assert len(problem.detail) < 1_000
    several = problem_of(asked(app, PREDICT, [ONE, {**ONE, **change}, ONE]), 422, "invalid-body")
    (wrong,) = several.errors
    assert (wrong.pointer, wrong.index) == (pointer.replace("#", "#/1", 1), 1)


def test_places_within_a_request(app: Application) -> None:
    """A pointer goes as deep as the fault."""
    body = {**SMALL, "qualities": [{"model": "7B", "quality": 1}, {"model": "7B", "quality": "1"}]}
    (wrong,) = problem_of(asked(app, COMPARE, body), 422, "invalid-body").errors
    assert wrong.pointer == "#/qualities/1/quality"
    plan = {**PLAN, "limits": {"latency_s": 0}}
    (wrong,) = problem_of(asked(app, PLANNING, plan), 422, "invalid-body").errors
    assert wrong.pointer == "#/limits/latency_s"


def test_every_bad_request_of_an_array_is_told(app: Application) -> None:
    """Nothing is answered, and each fault has its index; very many are cut."""
    bad = {"model": "70B", **SMALL}
    problem = problem_of(asked(app, PREDICT, [ONE, bad, ONE, bad]), 422, "unanswerable")
    assert problem.detail.startswith("2 of 4 requests cannot be answered, so none was")
    assert [(one.index, one.pointer) for one in problem.errors] == [(1, "#/1"), (3, "#/3")]
    strange = {"model": "1.5B"}
    problem = problem_of(asked(app, PREDICT, [strange, ONE, strange]), 422, "invalid-body")
    assert [one.index for one in problem.errors] == [0, 2]
    many = problem_of(asked(app, PREDICT, [bad] * 200), 422, "unanswerable")
    assert len(many.errors) == MOST_WRONG
    assert many.detail.startswith("200 of 200")


def test_too_much_at_once(strict: Application) -> None:
    """Long arrays, wide comparisons and long frontiers are refused by their limits."""
    problem = problem_of(asked(strict, PREDICT, [ONE] * 4), 422, "invalid-body")
    assert "length <= 3" in problem.detail
    problem_of(asked(strict, PLANNING, [PLAN] * 3), 422, "invalid-body")
    many = problem_of(asked(strict, PREDICT, [0, 5.0] * 200_000), 422, "invalid-body")
    assert [(one.pointer, one.index) for one in many.errors] == [("#", None)]
    wide = {**SMALL, "parallel": [1, 2, 3]}
    problem = problem_of(asked(strict, COMPARE, wide), 422, "unanswerable")
    assert "expected at most 4 configurations in a comparison, got 6" in problem.detail
    long = {"model": "1.5B", "limits": {"latency_s": 50.0}}
    problem = problem_of(asked(strict, PLANNING, long), 422, "unanswerable")
    assert "have at most 50 steps, got 2,0" in problem.detail
    short = {"model": "1.5B", "limits": {"latency_s": 1.0}}
    assert asked(strict, PLANNING, short).status == 200
    problem = problem_of(asked(strict, PLANNING, [short]), 422, "unanswerable")
    assert "in each of several requests, got neither" in problem.errors[0].detail


def test_a_frontier_never_has_more_steps_than_were_expected(predictor: Predictor) -> None:
    """What is refused is refused by a bound that holds."""
    chosen = predictor.select("1.5B")
    for latency_s in (0.2, 1.0, 3.0):
        demand = Demand(Limits(latency_s=latency_s))
        frontier = Frontier.of(chosen, demand)
        most = longest_answer(chosen, 0, demand).output_tokens
        assert len(frontier.input_tokens) <= (most or 0)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ((), "expected the content type application/json, got none"),
        (((b"content-type", b"text/plain"),), "got 'text/plain'"),
        (((b"content-type", b"application/jsonp"),), "got 'application/jsonp'"),
        ((*JSON, (b"content-encoding", b"gzip")), "expected no content encoding, got 'gzip'"),
    ],
)
def test_bodies_of_another_kind(
    app: Application, headers: tuple[tuple[bytes, bytes], ...], words: str
) -> None:
    """Only plain JSON is read."""
    for path in BODIES:
        problem = problem_of(asked(app, path, ONE, headers), 415, "unsupported-media-type")
        assert words in problem.detail


def test_ways_to_say_json(app: Application) -> None:
    """Parameters, case and the encoding that is none do no harm."""
    for kind in (b"application/json; charset=utf-8", b"Application/JSON"):
        headers = ((b"content-type", kind), (b"content-encoding", b"identity"))
        assert asked(app, PREDICT, ONE, headers).status == 200


def test_errors_of_the_framework_are_problems(app: Application) -> None:
    """Unknown addresses and methods."""
    for path in ("/nowhere", "/v1/predict/", "/v1", "/docs", "/problems/nothing", "//v1/models"):
        problem_of(asked(app, path), 404, "not-found")
    for path in BODIES:
        heard = asked(app, path)
        problem_of(heard, 405, "method-not-allowed")
        assert heard.headers["allow"] == "POST"
    heard = asked(app, MODELS, ONE)
    problem_of(heard, 405, "method-not-allowed")
    assert sorted(heard.headers["allow"].split(", ")) == ["GET", "HEAD"]


def test_a_failure_tells_nothing(trained_artifact: Path) -> None:
    """What went wrong inside goes to the log of the service and to nobody else."""

    class Failing:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("secret")

    told = Documented(name="fail", summary="Fail", description="Fails.", answered=(str,))
    broken = Operation(path="/fail", method="GET", endpoint=Failing(), documented=told)
    app = build_app(ServiceOptions(), Serving(trained_artifact), [broken])
    sent: list[Any] = []

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        async def seen(message: Any) -> None:
            sent.append(message)
            await send(message)

        with pytest.raises(ValueError, match="secret"):
            await app(scope, receive, seen)

    heard = asked(keep, "/fail")
    problem_of(heard, 500, "failed")
    assert b"secret" not in heard.content


def test_clients_that_leave_are_not_answered(app: Application) -> None:
    """A body that never ends is no request."""
    part = {"type": "http.request", "body": b'{"model":', "more_body": True}
    for path in BODIES:
        assert exchanged(app, scope_of("POST", path, JSON), [part]).status == 0


def test_every_kind_of_problem_is_explained(app: Application) -> None:
    """The type of a problem leads to what to do about it."""
    for name, kind in KINDS.items():
        found = asked(app, kind.address).json
        assert found == {
            "type": f"/problems/{name}",
            "title": kind.title,
            "status": kind.status,
            "advice": kind.advice,
        }
        assert 400 <= kind.status < 600


@pytest.mark.parametrize("name", [one for one in asdict(STRICT) if one != "needs_token"])
def test_options_that_answer_nothing(name: str) -> None:
    """A limit lets at least one through."""
    wrong: Mapping[str, Any] = {name: 0}
    with pytest.raises(ConfigurationError, match=f"--{name.replace('_', '-')} of at least 1"):
        ServiceOptions(**wrong)
