"""Pass a request straight to who answers it, past the layers of the framework."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Route

from token2metrics.service.http.asgi import HTTP, Application, Receive, Scope, Send

PARAMETER = "{"
"""Begins what varies in an address; such addresses are the framework's to match."""


class Direct:
    """Finds the endpoint of a fixed address by itself.

    The endpoints speak ASGI and need nothing of the framework, whose layers take about as long as a
    prediction itself. Whatever is at no fixed address, or is asked by another method, goes to it.

    Args:
        app: Has the endpoints as routes, and answers everything else.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._endpoints: dict[tuple[str, str], Application] = {
            (method, route.path): route.app
            for route in app.routes
            if isinstance(route, Route) and PARAMETER not in route.path
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        endpoint = None
        if scope["type"] == HTTP:
            endpoint = self._endpoints.get((scope["method"], scope["path"]))
        await (self._app if endpoint is None else endpoint)(scope, receive, send)
