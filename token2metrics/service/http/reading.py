"""Answer GET with what an artifact alone decides: made when first asked for, then kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock

from token2metrics.service.http.answering import OK, send_content
from token2metrics.service.http.asgi import Header, Receive, Scope, Send
from token2metrics.service.serving import Served, Serving


class Content:
    """What is read.

    Args:
        body: The whole of it.
        headers: Further headers of the answer.
    """

    def __init__(self, body: bytes, headers: Sequence[Header] = ()) -> None:
        self.body = body
        self.headers = tuple(headers)


class ReadEndpoint:
    """Answers with content that is made once per artifact.

    Args:
        serving: The artifact.
        make: Makes the content.
        kind: Its content type.
        aside: Carries out the making.
    """

    def __init__(
        self, serving: Serving, make: Callable[[Served], Content], kind: str, aside: Executor
    ) -> None:
        self._serving = serving
        self._make = make
        self._kind = kind.encode()
        self._aside = aside
        self._lock = Lock()
        self._made: tuple[Served, Content] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        served, made = self._serving.current, self._made
        if made is None or made[0] is not served:
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(self._aside, self._made_of, served)
        _, content = made
        await send_content(send, OK, self._kind, content.body, content.headers)

    def _made_of(self, served: Served) -> tuple[Served, Content]:
        """Make the content of an artifact, unless another request did meanwhile."""
        with self._lock:
            made = self._made
            if made is None or made[0] is not served:
                self._made = made = served, self._make(served)
            return made
