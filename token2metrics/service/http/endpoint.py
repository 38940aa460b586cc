"""Answer JSON bodies: read strictly, answer here or aside, write.

FastAPI would read bodies with pydantic, which takes more of a core than 5,000 single predictions in
a second leave (benchmarks/RESULTS.md). So an endpoint speaks ASGI itself, and msgspec both reads
bodies and writes their schema.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

from token2metrics.service.http.answering import send_json, send_problem
from token2metrics.service.http.asgi import Receive, Scope, Send
from token2metrics.service.http.bodies import BodyReader, DisconnectedError, read_body
from token2metrics.service.http.problems import ProblemError

One = TypeVar("One")


class JsonEndpoint(Generic[One]):
    """Answers bodies of one type.

    Args:
        read: Reads bodies.
        answer: Answers what was read.
        at_once: Requests of a body that are so quickly answered that other bodies may wait.
        aside: Carries out what takes longer.
    """

    def __init__(
        self,
        read: BodyReader[One],
        answer: Callable[[One | tuple[One, ...]], object],
        at_once: int,
        aside: Executor,
    ) -> None:
        self._read = read
        self._answer = answer
        self._at_once = at_once
        self._aside = aside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            asked = self._read(await read_body(scope, receive))
            requests = len(asked) if isinstance(asked, tuple) else 1
            if requests > self._at_once:
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._aside, self._answer, asked)
            else:
                answer = self._answer(asked)
        except ProblemError as error:
            await send_problem(send, error)
        except DisconnectedError:
            return
        else:
            await send_json(send, answer)
