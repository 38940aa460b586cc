"""``/v1/observe`` takes finished requests, ``/v1/monitor`` tells what came of them."""

from __future__ import annotations

from token2metrics.artifact.digest import digest_of
from token2metrics.monitoring.result import MonitorReport
from token2metrics.service.http.answering import send_json, send_problem
from token2metrics.service.http.asgi import Receive, Scope, Send, header_of
from token2metrics.service.http.bodies import BodyReader, DisconnectedError, one_or_many, read_body
from token2metrics.service.http.operation import Documented, HeaderTold, Operation
from token2metrics.service.http.problems import INVALID, KEY_REUSED, ProblemError
from token2metrics.service.http.refusing import BUSY, SOON, UNSAVED
from token2metrics.service.observing.committing import Observing
from token2metrics.service.observing.observed import (
    Batch,
    BusyError,
    FinishedRequest,
    KeyReusedError,
    Observed,
    StateError,
)
from token2metrics.service.serving import Served

OBSERVE_PATH, MONITOR_PATH = "/v1/observe", "/v1/monitor"
KEY_NAME = "Idempotency-Key"
KEY_HEADER = KEY_NAME.lower().encode()
MOST_KEY_LETTERS = 200
KEY_PATTERN = f"^[!-~]([ -~]{{0,{MOST_KEY_LETTERS - 2}}}[!-~])?$"
KEY_TELLS = (
    f"At most {MOST_KEY_LETTERS} printable letters of ASCII. A body that is sent again under its "
    "key within a day is not counted again, and answered as before."
)

OBSERVE_DESCRIPTION = (
    "Compare finished requests with their predictions, as the command `monitor` does. Send one, or "
    "an array in the order they finished. What is answered is on the disk, all of the body or "
    "none of it, and counted once; a body whose answer did not arrive is sent again under the "
    f"header `{KEY_NAME}` that it was sent under before. Requests that cannot be compared are set "
    "aside, with a reason, and the others are taken."
)
MONITOR_DESCRIPTION = (
    "Errors of all finished requests so far, of every worker, drift that stands, and the last "
    "events: what the command `monitor` shows."
)


class ObserveEndpoint:
    """Answers once what was sent is on the disk.

    Args:
        observing: Puts it there.
        most: Finished requests in one body.
    """

    def __init__(self, observing: Observing, most: int) -> None:
        self._observing = observing
        self._read = BodyReader(FinishedRequest, most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a body."""
        try:
            key = _key(scope)
            body = await read_body(scope, receive)
            asked = self._read(body)
            requests = asked if isinstance(asked, tuple) else (asked,)
            digest = "" if key is None else digest_of(body)
            answer = await self._observing.take(Batch(requests, key, digest))
        except ProblemError as error:
            await send_problem(send, error)
        except BusyError as error:
            await send_problem(send, ProblemError(BUSY, str(error), headers=SOON))
        except StateError as error:
            await send_problem(send, ProblemError(UNSAVED, str(error), headers=SOON))
        except KeyReusedError as error:
            await send_problem(send, ProblemError(KEY_REUSED, str(error)))
        except DisconnectedError:
            return
        else:
            await send_json(send, answer)


class MonitorEndpoint:
    """Tells where everything stands.

    Args:
        observing: Knows.
    """

    def __init__(self, observing: Observing) -> None:
        self._observing = observing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            answer = await self._observing.report()
        except StateError as error:
            await send_problem(send, ProblemError(UNSAVED, str(error), headers=SOON))
        else:
            await send_json(send, answer)


def observe_operations(observing: Observing, most: int) -> tuple[Operation, ...]:
    """Return the operations of the monitor.

    Args:
        observing: Puts what is observed on the disk.
        most: Finished requests in one body.
    """
    observe = Documented(
        name="observe",
        summary="Compare finished requests with their predictions",
        description=OBSERVE_DESCRIPTION,
        asked=one_or_many(FinishedRequest, most),
        answered=(Observed,),
        problems=(KEY_REUSED, BUSY, UNSAVED),
        example=_example,
        headers={KEY_NAME: HeaderTold(description=KEY_TELLS, pattern=KEY_PATTERN)},
    )
    monitor = Documented(
        name="monitor",
        summary="Tell whether predictions hold",
        description=MONITOR_DESCRIPTION,
        answered=(MonitorReport,),
        problems=(UNSAVED,),
    )
    return (
        Operation(
            path=OBSERVE_PATH,
            method="POST",
            endpoint=ObserveEndpoint(observing, most),
            documented=observe,
        ),
        Operation(
            path=MONITOR_PATH,
            method="GET",
            endpoint=MonitorEndpoint(observing),
            documented=monitor,
        ),
    )


def _key(scope: Scope) -> str | None:
    """Return what the client calls its body; None where it has no name.

    Raises:
        ProblemError: If it is no name.
    """
    given = header_of(scope, KEY_HEADER)
    if given is None:
        return None
    key = given.decode("latin-1").strip()
    if not (1 <= len(key) <= MOST_KEY_LETTERS and key.isascii() and key.isprintable()):
        raise ProblemError(
            INVALID, f"expected {KEY_NAME} of 1 to {MOST_KEY_LETTERS} printable letters of ASCII"
        )
    return key


def _example(served: Served) -> FinishedRequest:
    """Return a finished request that took as long as an artifact predicts."""
    first = served.predictor.models[0]
    predicted = first(512, 128)
    return FinishedRequest(
        model=first.model.record.id,
        input_tokens=512,
        output_tokens=128,
        latency_s=predicted.latency_s,
        timestamp="2026-11-27T12:00:00Z",
    )
