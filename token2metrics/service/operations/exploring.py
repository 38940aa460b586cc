"""``/``: the explorer, a page that computes predictions and plans in the browser."""

from __future__ import annotations

import re
from concurrent.futures import Executor
from html import unescape

from token2metrics.extras import needing
from token2metrics.service.http.asgi import Header
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.reading import Content, ReadEndpoint
from token2metrics.service.serving import Served, Serving

PATH = "/"
KIND = "text/html"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
FRAMES = "frame-ancestors 'none'"
"""What only a header can forbid: being shown within another page."""


def explore_operation(serving: Serving, aside: Executor) -> Operation:
    """Return the operation.

    Args:
        serving: The artifact.
        aside: Makes the page.
    """
    endpoint = ReadEndpoint(serving, explorer, f"{KIND}; charset=utf-8", aside)
    documented = Documented(
        name="explore",
        summary="Show the explorer",
        description=(
            "A page for people: choose models, move token counts, see latency, energy, power and "
            "cost with their intervals, and the longest requests within limits. It computes in "
            "the browser and asks the service for nothing more."
        ),
        answered=(str,),
        kind=KIND,
    )
    return Operation(path=PATH, method="GET", endpoint=endpoint, documented=documented)


def explorer(served: Served) -> Content:
    """Return the page, with the policy that it states as a header too.

    Args:
        served: The artifact.

    Raises:
        MissingExtraError: If the packages that draw are not installed.
    """
    with needing("the explorer"):
        from token2metrics.page.explorer import explorer_page
    page = explorer_page(served.artifact)
    return Content(page.encode(), [policy_of(page)])


def policy_of(page: str) -> Header:
    """Return the header for the policy that a page states.

    Raises:
        ValueError: If it states none.
    """
    stated = POLICY.search(page)
    if stated is None:
        raise ValueError("expected a page that states its Content-Security-Policy")
    return b"content-security-policy", f"{unescape(stated[1])}; {FRAMES}".encode()
