"""``/openapi.json``: what the service can be asked and answers, with examples that are true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from token2metrics import __version__
from token2metrics.errors import Token2MetricsError
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.problems import (
    CONTENT_TYPE,
    FAILED,
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    SLOW_BODY,
    TOO_LARGE,
    TOO_SLOW,
    UNAUTHORIZED,
    Kind,
    Problem,
    ProblemError,
)
from token2metrics.service.http.refusing import BUSY, LONG_HEAD, MISDIRECTED
from token2metrics.service.layers.auth import OPEN_PATHS
from token2metrics.service.operations.describing import Schema, schemas_of
from token2metrics.service.serving import Served

OPENAPI_VERSION = "3.1.0"
TITLE = "Token2Metrics"
DESCRIPTION = (
    "What a request to a language model costs on an edge device, before it is sent. The same "
    "answers as the commands of the package, by the same code. Every error is a problem of "
    "RFC 9457, whose `type` leads to what to do about it."
)
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
BEARER = "token"
BODY_PROBLEMS = (MALFORMED, SLOW_BODY, TOO_LARGE, MEDIA_TYPE, INVALID)
"""What any body can be refused for."""

ALWAYS = (LONG_HEAD, FAILED, BUSY, TOO_SLOW)
"""What can happen to any request."""

JSON, PROBLEM = "application/json", CONTENT_TYPE.decode()
ONE, MANY = "one", "many"


class Writer:
    """Writes the document.

    Args:
        operations: What can be asked.
        served: The artifact, which examples are of.
        needs_token: Whether a token has to be shown.
    """

    def __init__(self, operations: Sequence[Operation], served: Served, needs_token: bool) -> None:
        self._operations = operations
        self._served = served
        self._needs_token = needs_token
        types = list(_types(operations))
        schemas, self._components = schemas_of([kind for _, kind in types])
        self._schemas = dict(zip((key for key, _ in types), schemas, strict=True))

    def write(self) -> Schema:
        """Return the document."""
        paths: dict[str, Schema] = {}
        for one in self._operations:
            paths.setdefault(one.path, {})[one.method.lower()] = self._operation(one)
        document: Schema = {
            "openapi": OPENAPI_VERSION,
            "info": {
                "title": TITLE,
                "version": __version__,
                "description": DESCRIPTION,
                "license": LICENSE,
            },
            "paths": paths,
            "components": {"schemas": self._components},
        }
        if self._needs_token:
            scheme = {"type": "http", "scheme": "bearer"}
            document["components"]["securitySchemes"] = {BEARER: scheme}
            document["security"] = [{BEARER: []}]
        return document

    def _operation(self, operation: Operation) -> Schema:
        """Describe an operation."""
        told, examples = operation.documented, self._examples(operation.documented)
        described: Schema = {
            "operationId": told.name,
            "summary": told.summary,
            "description": told.description,
            "responses": self._responses(operation, examples),
        }
        parameters = list(_parameters(told))
        if parameters:
            described["parameters"] = parameters
        if told.asked is not None:
            shown = {name: {"value": asked} for name, (asked, _) in examples.items()}
            content = {"schema": self._schemas[told.name, ""]} | _shown(shown)
            described["requestBody"] = {"required": True, "content": {JSON: content}}
        if self._needs_token and operation.path in OPEN_PATHS:
            described["security"] = []
        return described

    def _responses(self, operation: Operation, examples: dict[str, tuple[Any, Any]]) -> Schema:
        """Describe the answers of an operation."""
        told = operation.documented
        anyone = [self._schemas[told.name, str(place)] for place in range(len(told.answered))]
        one = anyone[0] if len(anyone) == 1 else {"anyOf": anyone}
        schema = {"anyOf": [*anyone, {"type": "array", "items": one}]} if told.many else one
        shown = {name: {"value": answered} for name, (_, answered) in examples.items() if answered}
        content = {told.kind: {"schema": schema} | _shown(shown)}
        described: Schema = {"200": {"description": "The answer.", "content": content}}
        for status, kinds in _by_status(self._kinds(operation)).items():
            described[str(status)] = self._problem(kinds)
        return described

    def _kinds(self, operation: Operation) -> Iterator[Kind]:
        """Yield the kinds of problem that an operation can answer with."""
        if operation.documented.asked is not None:
            yield from BODY_PROBLEMS
        yield from operation.documented.problems
        if operation.path not in OPEN_PATHS:
            yield UNAUTHORIZED if self._needs_token else MISDIRECTED
        yield from ALWAYS

    def _problem(self, kinds: Sequence[Kind]) -> Schema:
        """Describe the problems of one status."""
        examples = {
            kind.name: {"value": msgspec.to_builtins(ProblemError(kind).problem)} for kind in kinds
        }
        schema = self._schemas["", ""]
        return {
            "description": "; ".join(f"{kind.title}. {kind.advice}" for kind in kinds),
            "content": {PROBLEM: {"schema": schema} | _shown(examples)},
        }

    def _examples(self, told: Documented) -> dict[str, tuple[Any, Any]]:
        """Return bodies that the artifact can answer, and how it does."""
        examples: dict[str, tuple[Any, Any]] = {}
        with suppress(Token2MetricsError):
            asked = None if told.example is None else told.example(self._served)
            answered = None if told.answer is None else told.answer(self._served, asked)
            pair = msgspec.to_builtins(_stated(asked)), msgspec.to_builtins(answered)
            examples[ONE] = pair
            if told.many:
                examples[MANY] = ([pair[0]], [pair[1]])
        return examples


def _types(operations: Sequence[Operation]) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield every type of bodies and answers, by operation and place."""
    yield ("", ""), Problem
    for one in operations:
        told = one.documented
        if told.asked is not None:
            yield (told.name, ""), told.asked
        for place, kind in enumerate(told.answered):
            yield (told.name, str(place)), kind


def _stated(asked: Any) -> Any:
    """Return the fields of an example that are not left at their defaults."""
    if not isinstance(asked, msgspec.Struct):
        return asked
    fields = msgspec.structs.fields(asked)
    return {
        one.name: _stated(getattr(asked, one.name))
        for one in fields
        if getattr(asked, one.name) != one.default
    }


def _parameters(told: Documented) -> Iterator[Schema]:
    """Yield the parameters of an operation."""
    for name, values in told.parameters.items():
        schema = {"type": "string", "enum": list(values)}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, header in told.headers.items():
        schema = {"type": "string", "pattern": header.pattern}
        words = header.description
        yield {"name": name, "in": "header", "description": words, "schema": schema}


def _by_status(kinds: Iterator[Kind]) -> dict[int, list[Kind]]:
    """Group kinds of problem by status, ascending, each once."""
    grouped: dict[int, list[Kind]] = {}
    for kind in sorted(dict.fromkeys(kinds), key=lambda one: one.status):
        grouped.setdefault(kind.status, []).append(kind)
    return grouped


def _shown(examples: Schema) -> Schema:
    """Return examples as a part of a description; nothing where there are none."""
    return {"examples": examples} if examples else {}
