"""The application: what it can be asked, and errors of the framework as problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from token2metrics.service.http.answering import ENCODE
from token2metrics.service.http.operation import Operation
from token2metrics.service.http.problems import (
    CONTENT_TYPE,
    FAILED,
    METHOD,
    NOT_FOUND,
    Kind,
    ProblemError,
)
from token2metrics.service.operations.document import TITLE
from token2metrics.service.operations.roster import build_operations
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Serving

MOST_ASIDE = 2
"""Requests that take long and are answered beside the others; further ones wait."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

FAILURES = {kind.status: kind for kind in (NOT_FOUND, METHOD)}
"""What the errors of the framework are, by status."""


def build_app(
    options: ServiceOptions,
    serving: Serving,
    further: Sequence[Operation] = (),
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Build the application of one process; limits and logs are layers around it.

    Args:
        options: How much one request may ask for.
        serving: The artifact.
        further: Operations beside those that need nothing but an artifact.
        lifespan: What runs beside the answers.
    """
    aside = ThreadPoolExecutor(MOST_ASIDE, thread_name_prefix="aside")
    operations = build_operations(options, serving, further, aside)
    app = FastAPI(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        routes=[Route(one.path, one.endpoint, methods=[one.method]) for one in operations],
    )
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(Exception, _tell_failure)
    return app


def _tell_status(request: Request, error: Exception) -> Response:
    """Return an error of the framework as a problem."""
    assert isinstance(error, HTTPException)
    return _problem(FAILURES.get(error.status_code, FAILED), error.headers)


def _tell_failure(request: Request, error: Exception) -> Response:
    """Return that something failed, and nothing of what."""
    return _problem(FAILED)


def _problem(kind: Kind, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as a response of the framework."""
    content = ENCODE(ProblemError(kind).problem)
    return Response(content, kind.status, headers, CONTENT_TYPE.decode())
