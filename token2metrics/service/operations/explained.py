"""``/problems/NAME``: what a kind of problem means, and what to do about it."""

from __future__ import annotations

from token2metrics.prediction.result import Result
from token2metrics.service.http import problems, refusing
from token2metrics.service.http.answering import send_json, send_problem
from token2metrics.service.http.asgi import Receive, Scope, Send
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.problems import NOT_FOUND, TYPES, Kind, ProblemError

PARAMETER = "name"
PATH = f"{TYPES}{{{PARAMETER}}}"

KINDS = {
    kind.name: kind
    for module in (problems, refusing)
    for kind in vars(module).values()
    if isinstance(kind, Kind)
}
"""Every kind of problem, by name."""


class Explanation(Result, frozen=True):
    """What a kind of problem means.

    Attributes:
        type: Its address, as problems state it.
        title: What is wrong.
        status: HTTP status.
        advice: What to do about it.
    """

    type: str
    title: str
    status: int
    advice: str


class ExplainEndpoint:
    """Explains kinds of problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kind = KINDS.get(scope["path_params"][PARAMETER])
        if kind is None:
            await send_problem(send, ProblemError(NOT_FOUND))
        else:
            await send_json(send, explained(kind))


def explained(kind: Kind) -> Explanation:
    """Return what a kind of problem means."""
    return Explanation(type=kind.address, title=kind.title, status=kind.status, advice=kind.advice)


def explain_operation() -> Operation:
    """Return the operation."""
    documented = Documented(
        name="problem",
        summary="Explain a kind of problem",
        description="Where the `type` of each problem leads.",
        answered=(Explanation,),
        problems=(NOT_FOUND,),
        parameters={PARAMETER: tuple(KINDS)},
    )
    return Operation(path=PATH, method="GET", endpoint=ExplainEndpoint(), documented=documented)
