"""The OpenAPI document is true: its examples are answered as it shows, and fuzzing finds no lie."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import requests
from schemathesis import BaseSchema, GenerationMode

from benchmarks.service_cases import Fuzzer, load_document, operations
from benchmarks.service_fuzz import fuzzed_rows
from tests.asgi import asked
from tests.serving import Service, serving
from token2metrics.prediction.result import Prediction
from token2metrics.service.app import build_app
from token2metrics.service.http.asgi import Application
from token2metrics.service.http.operation import Documented, HeaderTold, Operation
from token2metrics.service.operations import asked as bodies
from token2metrics.service.operations.asked import Asked, PlanRequest, PredictRequest
from token2metrics.service.operations.describing import schemas_of, struct_types
from token2metrics.service.operations.explained import ExplainEndpoint
from token2metrics.service.operations.known import Models
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Serving

CASES = 20
CHANCE = 1
SHOWN, EXPLORER = "examples", "/"
ASKED_OPERATIONS = ("/v1/predict", "/v1/plan", "/v1/compare")

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def app(trained_artifact: Path) -> Application:
    """Return an application for the trained models."""
    return build_app(ServiceOptions(), Serving(trained_artifact))


@pytest.fixture(scope="module")
def document(app: Application) -> Schema:
    """Return the document of the application."""
    found: Schema = asked(app, "/openapi.json").json
    return found


@pytest.fixture(scope="module")
def service(trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the trained artifact by the command, in a process of its own."""
    place = tmp_path_factory.mktemp("fuzzed")
    with serving(trained_artifact, place / "log", "--state", place / "state") as found:
        yield found


@pytest.fixture(scope="module")
def fuzzed(service: Service) -> BaseSchema:
    """Return the document of the service, ready to draw from."""
    return load_document(service.url)


def every_schema(node: Any) -> Iterator[Schema]:
    """Yield every part of a document that is an object."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_schema(part)


def test_fuzzing_finds_nothing(fuzzed: BaseSchema, service: Service) -> None:
    """No 5xx, nothing that its schema does not allow, and no schema that allows what is refused."""
    with requests.Session() as session:
        fuzzer = Fuzzer(session, CASES, CHANCE)
        found = [fuzzer.fuzz(one) for one in operations(fuzzed) if one.path != EXPLORER]
    for one in found:
        assert not one.failures, one.failures[0]
        rows = fuzzed_rows(one, CASES)
        assert all(row.holds is not False for row in rows), rows
    asking = {one.operation: one for one in found if one.operation.startswith("POST")}
    assert set(asking) == {f"POST {path}" for path in (*ASKED_OPERATIONS, "/v1/observe")}
    for one in asking.values():
        assert one.statuses[200]
        assert all(one.cases[mode] == CASES // 2 for mode in GenerationMode)


@pytest.mark.parametrize("path", ASKED_OPERATIONS)
def test_examples_are_true(app: Application, document: Schema, path: str) -> None:
    """What the document shows as an answer is what the service answers."""
    operation = document["paths"][path]["post"]
    content = operation["requestBody"]["content"]["application/json"][SHOWN]
    answers = operation["responses"]["200"]["content"]["application/json"][SHOWN]
    assert set(content) == set(answers) == {"one", "many"}
    for name, example in content.items():
        assert asked(app, path, example["value"]).json == answers[name]["value"]


def test_examples_fit_their_schemas(document: Schema) -> None:
    """Bodies, answers and problems."""
    contents = [one for one in every_schema(document["paths"]) if SHOWN in one and "schema" in one]
    assert len(contents) > 20
    for content in contents:
        schema = {**content["schema"], "components": document["components"]}
        validator = jsonschema_rs.validator_for(schema)
        for example in content[SHOWN].values():
            validator.validate(example["value"])


def test_every_reference_leads_somewhere(document: Schema) -> None:
    """And every component is led to."""
    named = {one["$ref"].rpartition("/")[2] for one in every_schema(document) if "$ref" in one}
    assert named == set(document["components"]["schemas"])


def test_every_field_is_described(document: Schema) -> None:
    """In words of JSON, taken from the docstrings of the types that are decoded."""
    components = document["components"]["schemas"]
    for name, component in components.items():
        assert component["description"], name
        assert "Attributes:" not in component["description"]
    for kind in (
        "PredictRequest",
        "PlanRequest",
        "CompareRequest",
        "AskedLimits",
        "Problem",
        "Plan",
    ):
        for name, field in components[kind]["properties"].items():
            assert field.get("description"), (kind, name)
            assert "``" not in field["description"]
            assert "None" not in field["description"]
    described = components["PredictRequest"]["properties"]["input_tokens"]
    assert described == {
        "type": "integer",
        "minimum": 0,
        "maximum": 10_000_000,
        "description": "Prompt tokens.",
    }


def test_bodies_refuse_unknown_fields() -> None:
    """Every type that is decoded, and so its schema too."""
    kinds = [
        kind
        for kind in vars(bodies).values()
        if inspect.isclass(kind) and issubclass(kind, Asked) and kind is not Asked
    ]
    assert PredictRequest in kinds
    schemas, components = schemas_of(kinds)
    for kind in kinds:
        assert components[kind.__name__]["additionalProperties"] is False
    assert len(schemas) == len(kinds)


def test_every_problem_is_documented(document: Schema) -> None:
    """Each operation with a body tells what every body can be refused for."""
    for path in ASKED_OPERATIONS:
        responses = document["paths"][path]["post"]["responses"]
        assert {"200", "400", "408", "413", "415", "421", "422", "500", "503"} <= set(responses)
        assert set(responses["422"]["content"]) == {"application/problem+json"}
    assert "security" not in document


def test_a_token_is_documented_where_one_is_needed(trained_artifact: Path) -> None:
    """As a bearer token, with what is said without."""
    options = ServiceOptions(needs_token=True)
    found = asked(build_app(options, Serving(trained_artifact)), "/openapi.json").json
    (name,) = found["components"]["securitySchemes"]
    assert found["components"]["securitySchemes"][name] == {"type": "http", "scheme": "bearer"}
    assert found["security"] == [{name: []}]
    responses = found["paths"]["/v1/predict"]["post"]["responses"]
    assert "401" in responses
    assert "421" not in responses


def test_further_operations_are_documented(trained_artifact: Path) -> None:
    """Their headers, and that some need no token."""
    told = Documented(
        name="alive",
        summary="Tell that it lives",
        description="Needs no token.",
        answered=(str,),
        headers={"Key": HeaderTold(description="Any letter.", pattern="^[a-z]$")},
    )
    alive = Operation(path="/healthz", method="GET", endpoint=ExplainEndpoint(), documented=told)
    app = build_app(ServiceOptions(needs_token=True), Serving(trained_artifact), [alive])
    found = asked(app, "/openapi.json").json["paths"]["/healthz"]["get"]
    assert found["security"] == []
    assert "401" not in found["responses"]
    assert found["parameters"] == [
        {
            "name": "Key",
            "in": "header",
            "description": "Any letter.",
            "schema": {"type": "string", "pattern": "^[a-z]$"},
        }
    ]


def test_types_are_found_wherever_they_are() -> None:
    """In unions, arrays, optional fields and other types."""
    found = {kind.__name__ for kind in struct_types([Models | None, list[Prediction], PlanRequest])}
    assert {
        "Models",
        "KnownPhase",
        "ErrorSummary",
        "Prediction",
        "Interval",
        "AskedLimits",
    } <= found


def test_whole_numbers_may_have_a_point(app: Application) -> None:
    """5.0 is an integer to JSON Schema, and so it is to the service; 5.5 is none."""
    one = {"model": "1.5B", "input_tokens": 512, "output_tokens": 128}
    pointed = (
        b'{"model": "1.5B", "input_tokens": 512.0, "output_tokens": 1.28e2, "confidence": 0.9}'
    )
    assert asked(app, "/v1/predict", pointed).json == asked(app, "/v1/predict", one).json
    several = b"[" + pointed + b"]"
    assert asked(app, "/v1/predict", several).json == [asked(app, "/v1/predict", one).json]
    for wrong in (b"512.5", b"1e300", b"-1.0"):
        assert asked(app, "/v1/predict", pointed.replace(b"512.0", wrong)).status == 422


def test_the_document_is_encoded_as_it_is_read(app: Application, document: Schema) -> None:
    """It is JSON of its own making."""
    assert document["openapi"] == "3.1.0"
    assert msgspec.json.decode(asked(app, "/openapi.json").content) == document
