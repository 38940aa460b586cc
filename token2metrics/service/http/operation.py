"""One thing the service can be asked: where, how, by whom it is answered, and its documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from token2metrics.service.http.asgi import Application
from token2metrics.service.http.problems import Kind
from token2metrics.service.serving import Served

Example = Callable[[Served], Any]
"""Makes a body that the models of an artifact can answer; None where nothing is sent."""


Answerer = Callable[[Served, Any], object]
"""Answers the body of an example, from an artifact."""


class HeaderTold(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenAPI says of a header.

    Attributes:
        description: What it is for.
        pattern: Regular expression that its value fits.
    """

    description: str
    pattern: str


class Documented(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenAPI says of an operation.

    Attributes:
        name: Its name in generated clients.
        summary: What it is for, in a line.
        description: What to know about it.
        asked: Type of its body; None without one.
        answered: Types of its answers, any of them.
        many: Whether a body of many is answered by an array.
        kind: Content type of its answers.
        problems: Kinds of problem that are its own, beside those of every body.
        example: Body of the example.
        answer: Answers the example body, or None where nothing is sent, from an artifact: so what
            the document shows is true. None for an answer that is not shown.
        parameters: Parts of the path, with the values they take.
        headers: Headers that it takes, by name.
    """

    name: str
    summary: str
    description: str
    answered: tuple[Any, ...]
    asked: Any = None
    many: bool = False
    kind: str = "application/json"
    problems: tuple[Kind, ...] = ()
    example: Example | None = None
    answer: Answerer | None = None
    parameters: dict[str, tuple[str, ...]] = {}
    headers: dict[str, HeaderTold] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the service can be asked.

    Attributes:
        path: Where.
        method: How.
        endpoint: Who answers, over ASGI: an object, since a function is taken for a handler of the
            framework.
        documented: What OpenAPI says of it.
    """

    path: str
    method: str
    endpoint: Application
    documented: Documented
