"""The service answers what the package says, exactly, whichever artifact is served."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi import asked
from tests.conftest import Run
from tests.strategies import COMBINATIONS, Combination, lawful_model, token_counts
from tests.test_imports import ROOT
from token2metrics.artifact.save import save_artifact
from token2metrics.comparing.comparison import Comparison
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import Plan, longest_answer, longest_prompt
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prediction
from token2metrics.service.app import build_app
from token2metrics.service.http.asgi import Application
from token2metrics.service.operations import choices
from token2metrics.service.operations.exploring import policy_of
from token2metrics.service.operations.known import Models
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Serving
from token2metrics.vocabulary import MAX_PARALLEL, Phase

SEEDS = (1, 2, 3)
SMALL, LARGE = {"input_tokens": 512, "output_tokens": 128}, {
    "input_tokens": 9,
    "output_tokens": 900,
}
ONE = {"model": "1.5B", **SMALL}
PLAN = {"model": "1.5B", "limits": {"latency_s": 5.0}, "input_tokens": 400}
PREDICT, PLANNING, COMPARE, MODELS = "/v1/predict", "/v1/plan", "/v1/compare", "/v1/models"

HEAVY = "torch polars numpy scipy altair"
PROBE = """
import sys
from pathlib import Path
from tests.asgi import asked
from token2metrics.service.app import build_app
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Serving
app = build_app(ServiceOptions(), Serving(Path(sys.argv[1])))
one = {"model": "1.5B", "input_tokens": 512, "output_tokens": 128}
plan = {"model": "1.5B", "limits": {"latency_s": 5.0}, "input_tokens": 400}
compared = {"input_tokens": 512, "output_tokens": 128}
bodies = {"/v1/predict": [one] * 60, "/v1/plan": plan, "/v1/compare": compared}
answers = [asked(app, path, body) for path, body in bodies.items()]
answers += [asked(app, path) for path in ("/v1/models", "/openapi.json")]
assert {one.status for one in answers} == {200}, answers
print(sorted(set(sys.argv[2].split()) & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def app(trained_artifact: Path) -> Application:
    """Return an application for the trained models."""
    return build_app(ServiceOptions(), Serving(trained_artifact))


@pytest.fixture(scope="module")
def predictor(trained_artifact: Path) -> Predictor:
    """Return the trained models."""
    return Predictor.load(trained_artifact)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an artifact with lawful models of every family and calibration."""
    models = [
        lawful_model(one, seed, name=f"{one}-{seed}", metered=seed != SEEDS[-1])
        for one in COMBINATIONS
        for seed in SEEDS
    ]
    directory = tmp_path_factory.mktemp("drawn") / "artifact"
    save_artifact(directory, models)
    return directory


@pytest.fixture(scope="module")
def drawn_app(drawn: Path) -> Application:
    """Return an application for the drawn models."""
    return build_app(ServiceOptions(), Serving(drawn))


@pytest.fixture(scope="module")
def drawn_predictor(drawn: Path) -> Predictor:
    """Return the drawn models."""
    return Predictor.load(drawn)


@pytest.mark.law
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
@given(
    seed=st.sampled_from(SEEDS),
    lengths=st.tuples(token_counts, token_counts),
    confidence=st.sampled_from((0.5, 0.9, 0.99)),
    parallel=st.sampled_from((1, 1, 2, MAX_PARALLEL)),
    money=st.fixed_dictionaries(
        {},
        optional={
            "price_per_kwh": st.sampled_from((0.0, 0.4)),
            "device_price": st.sampled_from((0.0, 499.0)),
            "lifetime_years": st.sampled_from((1e-3, 3.0)),
        },
    ),
)
def test_predictions_are_those_of_the_package(
    drawn_app: Application,
    drawn_predictor: Predictor,
    combination: Combination,
    seed: int,
    lengths: tuple[int, int],
    confidence: float,
    parallel: int,
    money: dict[str, float],
) -> None:
    """Every number and every word, whatever the family, calibration, request and prices."""
    name = f"{combination}-{seed}"
    body = {
        "model": name,
        "input_tokens": lengths[0],
        "output_tokens": lengths[1],
        "confidence": confidence,
        "parallel": parallel,
        **money,
    }
    chosen = drawn_predictor.select(name)
    prices = prices_on(chosen.model.record.hardware, **money)
    expected = chosen(*lengths, prices, confidence, parallel)
    heard = asked(drawn_app, PREDICT, body)
    assert heard.status == 200
    assert msgspec.json.decode(heard.content, type=Prediction) == expected
    many = asked(drawn_app, PREDICT, [body, body])
    assert msgspec.json.decode(many.content, type=list[Prediction]) == [expected, expected]


@pytest.mark.law
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_plans_are_those_of_the_package(
    drawn_app: Application, drawn_predictor: Predictor, combination: Combination
) -> None:
    """Longest answers and prompts, for every family and calibration."""
    for seed in SEEDS:
        name = f"{combination}-{seed}"
        chosen = drawn_predictor.select(name)
        latency_s = chosen(400, 400).latency_s
        assert latency_s is not None
        limits = {"latency_s": min(max(latency_s, 1e-12), 1e12)}
        demand = Demand(Limits(**limits), prices=prices_on(chosen.model.record.hardware))
        for given_count, search in (
            ("input_tokens", longest_answer),
            ("output_tokens", longest_prompt),
        ):
            body = {"model": name, "limits": limits, given_count: 100}
            heard = asked(drawn_app, PLANNING, body)
            assert msgspec.json.decode(heard.content, type=Plan) == search(chosen, 100, demand)


def test_what_commands_say(app: Application, trained_artifact: Path, run: Run) -> None:
    """``predict``, ``plan`` and ``compare`` print the JSON that the service answers."""
    lengths = ("-i", 512, "-o", 128)
    (predicted,) = json.loads(
        run("predict", "-a", trained_artifact, "-m", "7B", *lengths, "--json").out
    )
    assert asked(app, PREDICT, {"model": "7B", **SMALL}).json == predicted

    options = ("-m", "1.5B", "--max-latency-s", 5, "--max-energy-j", 80, "--json")
    limits = {"latency_s": 5.0, "energy_j": 80.0}
    for option, field in (("-i", "input_tokens"), ("-o", "output_tokens")):
        (planned,) = json.loads(run("plan", "-a", trained_artifact, option, 400, *options).out)
        body = {"model": "1.5B", "limits": limits, field: 400}
        assert asked(app, PLANNING, body).json == planned
    (frontier,) = json.loads(run("plan", "-a", trained_artifact, *options).out)
    assert asked(app, PLANNING, {"model": "1.5B", "limits": limits}).json == frontier

    told = run("compare", "-a", trained_artifact, *lengths, "--max-latency-s", 5, "--json").out
    compared = json.loads(told)
    found = asked(app, COMPARE, {**SMALL, "max_latency_s": 5.0}).json
    digest = asked(app, MODELS).json["artifact"]
    for one in compared["configurations"]:
        one["artifact"] = digest
    assert found == compared


def test_many_are_answered_in_their_order(app: Application, predictor: Predictor) -> None:
    """An array of any length the body may have, also one that is answered aside."""
    bodies = [{"model": "1.5B", "input_tokens": count, "output_tokens": 9} for count in range(120)]
    found = asked(app, PREDICT, bodies, chunks=7).json
    assert [one["input_tokens"] for one in found] == list(range(120))
    prices = prices_on(predictor.select("1.5B").model.record.hardware)
    assert msgspec.convert(found[77], Prediction) == predictor(77, 9, "1.5B", prices=prices)
    plans = asked(app, PLANNING, [PLAN, {**PLAN, "input_tokens": 9}]).json
    assert [one["input_tokens"] for one in plans] == [400, 9]
    several = asked(app, COMPARE, [SMALL, LARGE]).json
    assert several == [asked(app, COMPARE, one).json for one in (SMALL, LARGE)]


def test_comparisons_take_all_that_the_command_takes(app: Application) -> None:
    """Models, conditions, samples, qualities, limits and objectives."""
    body = {
        **SMALL,
        "models": ["1.5B", "dsr1-qwen-7b"],
        "devices": ["jetson-agx-orin-64gb"],
        "runtimes": ["VLLM"],
        "parallel": [1, 1],
        "qualities": [
            {"model": "1.5B", "quality": 0.3},
            {"model": "7B", "quality": 0.5, "max_output_tokens": 64},
        ],
        "max_latency_s": 60.0,
        "objectives": ["latency", "quality"],
        "percentile": 50.0,
        "confidence": 0.5,
    }
    found = msgspec.json.decode(asked(app, COMPARE, body).content, type=Comparison)
    assert [(one.name, one.quality) for one in found.configurations] == [("1.5B", 0.3), ("7B", 0.5)]
    assert found.configurations[1].max_output_tokens == 64
    assert found.choice is not None
    assert found.choice.best == 1
    assert found.confidence == 0.5


def test_models_say_what_is_known(app: Application, predictor: Predictor) -> None:
    """Identity, conditions, measured range, errors, and what each phase rests on."""
    found = msgspec.json.decode(asked(app, MODELS).content, type=Models)
    assert [one.name for one in found.models] == [one.model.record.name for one in predictor.models]
    for one, other in zip(found.models, predictor.models, strict=True):
        record, prediction = other.model.record, other(512, 128)
        assert (one.id, one.device, one.precision) == (record.id, record.device, record.precision)
        assert one.trained_at == record.trained_at
        assert one.prefill is not None
        assert one.decode is not None
        assert one.prefill.rests_on == prediction.prefill.rests_on
        assert one.decode.hull == record.phases[Phase.DECODE].hull
        assert one.decode.errors == record.phases[Phase.DECODE].errors
        head = record.phases[Phase.DECODE].head
        assert (one.decode.energy is None) == (head is None)
        if one.decode.energy is not None and head is not None:
            assert one.decode.energy.rests_on == prediction.decode.energy_rests_on
            assert one.decode.energy.errors == head.errors
        assert one.prefill.samples is None


def test_models_without_measurements_are_told_too(tmp_path: Path) -> None:
    """What was not measured is null, and samples at once are told where they were."""
    full = lawful_model(COMBINATIONS[0], 1, name="full")
    record = msgspec.structs.replace(
        full.record, phases={Phase.DECODE: full.record.phases[Phase.DECODE]}, id="half"
    )
    half = msgspec.structs.replace(
        full,
        record=record,
        formulas={Phase.DECODE: full.formulas[Phase.DECODE]},
        weights={Phase.DECODE: full.weights[Phase.DECODE]},
    )
    save_artifact(tmp_path / "artifact", [half])
    app = build_app(ServiceOptions(), Serving(tmp_path / "artifact"))
    (known,) = asked(app, MODELS).json["models"]
    assert known["prefill"] is None
    samples = {"rows": 1, "fewest": 2, "most": 32, "rests_on": "drawn weights"}
    assert known["decode"]["samples"] == samples
    assert asked(app, PREDICT, SMALL).json["prefill"]["latency_s"] is None
    document = asked(app, "/openapi.json").json
    assert "examples" not in document["paths"][PLANNING]["post"]["responses"]["200"]["content"]


def test_examples_name_a_model_that_is_meant_by_nothing_else(tmp_path: Path) -> None:
    """Where a model was trained for several devices, the document's examples say which."""
    first = lawful_model(COMBINATIONS[0], 1, name="model")
    other = msgspec.structs.replace(first.record, device="other")
    save_artifact(tmp_path / "artifact", [first, msgspec.structs.replace(first, record=other)])
    app = build_app(ServiceOptions(), Serving(tmp_path / "artifact"))
    operation = asked(app, "/openapi.json").json["paths"][PREDICT]["post"]
    shown = operation["requestBody"]["content"]["application/json"]["examples"]["one"]["value"]
    assert shown["device"] == "device"
    answered = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert asked(app, PREDICT, shown).json == answered["one"]["value"]


def test_another_artifact_is_answered_from_as_a_whole(tmp_path: Path) -> None:
    """Predictions, what is known and the document change together."""
    directory = tmp_path / "artifact"
    models = [lawful_model(COMBINATIONS[0], seed, name=f"m{seed}") for seed in SEEDS]
    save_artifact(directory, models[:1])
    serving = Serving(directory)
    app = build_app(ServiceOptions(), serving)
    before = asked(app, PREDICT, SMALL).json
    assert before["name"] == "m1"
    known = asked(app, MODELS).json
    document = asked(app, "/openapi.json").content
    assert asked(app, MODELS).json == known
    save_artifact(directory, models[1:2])
    assert asked(app, PREDICT, SMALL).json == before
    assert serving.refresh()
    after = msgspec.json.decode(asked(app, PREDICT, SMALL).content, type=Prediction)
    expected = ModelPredictor(models[1])
    assert after == expected(512, 128, prices_on(models[1].record.hardware))
    assert [one["name"] for one in asked(app, MODELS).json["models"]] == ["m2"]
    assert asked(app, "/openapi.json").content != document


def test_ways_to_name_a_model_are_not_kept_for_ever(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks with ever other prices fills no memory, and gets the right answers."""
    monkeypatch.setattr(choices, "MOST_CHOICES", 2)
    for price in range(5):
        found = asked(app, PREDICT, {**ONE, "device_price": price}).json
        assert found["cost"]["prices"]["device_price"] == price


def test_the_explorer_is_shown_under_its_policy(app: Application) -> None:
    """A page without requests, whose scripts the header names one by one."""
    heard = asked(app, "/")
    assert heard.headers["content-type"] == "text/html; charset=utf-8"
    policy = heard.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'sha256-" in policy
    assert policy.endswith("; frame-ancestors 'none'")
    assert b"dsr1-qwen-1.5b" in heard.content
    assert asked(app, "/", method="HEAD").status == 200


def test_a_page_without_a_policy_is_not_shown() -> None:
    """Rather none than one under no policy."""
    with pytest.raises(ValueError, match="states its Content-Security-Policy"):
        policy_of("<html></html>")


def test_answers_need_nothing_heavy(trained_artifact: Path) -> None:
    """Neither torch nor polars nor numpy is imported to answer."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, str(trained_artifact), HEAVY],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "[]\n", ended.stderr
