"""Requests drawn from the OpenAPI document of a running service, and what is wrong with answers.

Schemathesis draws them: those that fit the schema, and those that do not. Names of models and
conditions that fit are mostly replaced by real ones, else hardly any request would be answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

AnyOperation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]

CONDITIONS = ("device", "power_mode", "runtime", "precision")
MANY_OF = {
    "models": "model",
    "devices": "device",
    "power_modes": "power_mode",
    "runtimes": "runtime",
    "precisions": "precision",
}
LONGEST_NAME = 200
WITHOUT_MODEL = ("/v1/compare",)
KEPT_OF = 7
"""One of so many names stays as it was drawn."""

LETTERS = st.characters(min_codepoint=ord("!"), max_codepoint=ord("~"))
NAMES = st.from_regex(r"x-[a-z]{1,9}", fullmatch=True) | st.sampled_from(
    ("accept", "accept-language", "cookie", "if-none-match", "range", "origin", "x-forwarded-for")
)
ANYTHING = st.dictionaries(NAMES, st.text(LETTERS, max_size=20), max_size=3)
NOTHING: st.SearchStrategy[dict[str, str]] = st.just({})
"""What is sent beside bodies and addresses."""

DISAGREEING = ("/problems/invalid-body", "/problems/malformed-body")
"""Problems of a body that does not fit the schema: one that fits never has them."""

CHECKED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
MOST_FAILURES = 3
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Fuzzed:
    """What became of the requests to one operation.

    Attributes:
        operation: Method and address.
        cases: Requests that fit the schema, and those that do not.
        statuses: Answers by status.
        failures: What was wrong, in words; the first few.
    """

    operation: str
    cases: Counter[GenerationMode] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """A model that requests can name.

    Attributes:
        names: Its names and conditions, by field.
    """

    names: dict[str, str]


class DisagreementError(AssertionError):
    """The service refuses what its own schema allows."""


def load_document(url: str) -> BaseSchema:
    """Read the document of a service, and have real names drawn.

    Args:
        url: Address of the service.
    """
    load_all_checks()
    schema: BaseSchema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    known = known_models(url)

    def map_body(context: Any, body: Any) -> Any:
        return with_real_names(body, known, context.operation.path not in WITHOUT_MODEL)

    schema.hook(map_body)
    return schema


def known_models(url: str) -> list[Known]:
    """Return the models of a service."""
    found = requests.get(f"{url}/v1/models", timeout=PATIENCE_S).json()["models"]
    return [
        Known({"model": one["name"], **{name: one[name] for name in CONDITIONS if one[name]}})
        for one in found
    ]


def operations(schema: BaseSchema) -> list[AnyOperation]:
    """Return every operation of a document."""
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def with_real_names(body: Any, known: Sequence[Known], needs_model: bool = False) -> Any:
    """Replace names that fit by those of a model; which one the drawn names decide."""
    if isinstance(body, list):
        return [with_real_names(one, known, needs_model) for one in body]
    if not isinstance(body, dict):
        return body
    chosen = known[_number(body.get("model")) % len(known)]
    given = {"model": None, **body} if needs_model else body
    return {key: _real(key, value, chosen) for key, value in given.items()}


def _real(key: str, value: Any, chosen: Known) -> Any:
    """Return a real name in place of a drawn one that fits the schema."""
    if key in MANY_OF and isinstance(value, list):
        return [one if one is None else _real(MANY_OF[key], one, chosen) for one in value]
    if key == "qualities" and isinstance(value, list):
        return [with_real_names(one, [chosen]) for one in value]
    fits = value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_NAME)
    if key not in chosen.names or not fits or not _number(value) % KEPT_OF:
        return value
    return chosen.names[key]


def _number(value: Any) -> int:
    """Return a number that a drawn value decides."""
    return sum(map(ord, value)) if isinstance(value, str) else 1


class Fuzzer:
    """Sends requests and keeps what came of them.

    Args:
        session: Keeps the connection.
        most: Requests to an operation, half of them fitting its schema; or as many as differ.
        chance: Seed of what is drawn.
    """

    def __init__(self, session: requests.Session, most: int, chance: int) -> None:
        self._session = session
        self._chance = chance
        self._most = most

    def fuzz(self, operation: AnyOperation) -> Fuzzed:
        """Send requests to an operation; where it takes nothing, with any query and headers."""
        found = Fuzzed(operation.label)
        takes = operation.body or operation.path_parameters
        for mode in GenerationMode if takes else (GenerationMode.POSITIVE,):
            self._send(operation, mode, found, self._most // (len(GenerationMode) if takes else 1))
        return found

    def _send(
        self, operation: AnyOperation, mode: GenerationMode, found: Fuzzed, most: int
    ) -> None:
        """Send requests that fit the schema, or that do not."""

        def ask(case: AnyCase, query: dict[str, str], headers: dict[str, str]) -> None:
            answer = case.call(
                session=self._session, timeout=PATIENCE_S, params=query, headers=headers
            )
            found.cases[mode] += 1
            found.statuses[answer.status_code] += 1
            if len(found.failures) < MOST_FAILURES:
                found.failures.extend(_wrong(case, answer, mode))

        limited = settings(
            max_examples=most,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=CHECKED,
        )
        beside = NOTHING if operation.body else ANYTHING
        drawn = operation.as_strategy(generation_mode=mode)
        seed(self._chance)(limited(given(case=drawn, query=beside, headers=beside)(ask)))()


def _wrong(case: AnyCase, found: schemathesis.Response, mode: GenerationMode) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    try:
        case.validate_response(found, excluded_checks=[positive_data_acceptance])
        if mode is GenerationMode.POSITIVE and found.status_code in (400, 422):
            kind = found.json()["type"]
            if kind in DISAGREEING:
                raise DisagreementError(f"what fits the schema is refused as {kind}")
    except (Failure, FailureGroup, DisagreementError) as error:
        yield f"{case.as_curl_command()}\n{error}\n{found.text[:LONGEST_NAME]}"
