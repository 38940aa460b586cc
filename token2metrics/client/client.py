"""A client of the service: the calls of the package, answered by another process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar, Unpack
from uuid import uuid4

from token2metrics.client.connection import Call, Connection
from token2metrics.client.options import CompareOptions, PlanOptions, PredictOptions
from token2metrics.comparing.comparison import Comparison
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.result import MonitorReport
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Limits
from token2metrics.planning.plan import Plan
from token2metrics.prediction.result import Prediction
from token2metrics.service.observing.observed import Observed
from token2metrics.service.operations.asked import PredictRequest
from token2metrics.service.operations.known import Models
from token2metrics.service.options import ServiceOptions

DEFAULT_TIMEOUT_S = 10.0
MOST_AT_ONCE = ServiceOptions().max_requests
"""Longer lists are sent in parts of as many requests."""

PREDICT, PLAN, COMPARE = "/v1/predict", "/v1/plan", "/v1/compare"
MODELS, OBSERVE, MONITOR = "/v1/models", "/v1/observe", "/v1/monitor"

Item = TypeVar("Item")
Asked = PredictRequest | Mapping[str, object]


class Client:
    """Asks a service; connections stay open until the client is closed, and threads may share it.

    A token is sent with every request: give one only to an address you trust, and over ``https``
    where others could listen.

    Args:
        address: Such as ``http://127.0.0.1:8000``.
        token: What the service wants to be shown; None where it wants nothing.
        timeout_s: Seconds to wait for an answer.

    Raises:
        ConfigurationError: If one of them cannot be meant.
    """

    def __init__(
        self, address: str, token: str | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        self._connection = Connection(address, token, timeout_s)

    def __repr__(self) -> str:
        """Name the service, and never the token."""
        return f"Client({self._connection.address!r})"

    def __enter__(self) -> Self:
        """Open nothing yet; connections are opened when first needed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._connection.close()

    def predict(
        self, input_tokens: int, output_tokens: int, **options: Unpack[PredictOptions]
    ) -> Prediction:
        """Price one request.

        Args:
            input_tokens: Prompt tokens, >= 0.
            output_tokens: Generated tokens, >= 0, of each answer.
            **options: The model, its conditions, prices, samples and confidence.

        Raises:
            ServiceRefusedError: If the request is none that can be priced.
            ServiceLostError: If nothing answers, or not in time.
            ServiceFailedError: If the service cannot answer.
        """
        body = {"input_tokens": input_tokens, "output_tokens": output_tokens, **options}
        return self._connection.ask(Call(path=PREDICT, answer=Prediction, body=body))

    def predict_many(self, requests: Iterable[Asked]) -> tuple[Prediction, ...]:
        """Price many requests, a thousand at a time.

        Args:
            requests: Each with what ``predict`` takes, as a mapping or a ``PredictRequest``.

        Raises:
            ServiceError: As ``predict``; then there is no answer to any of them.
        """
        found: list[Prediction] = []
        for part in _parts(requests):
            call = Call(path=PREDICT, answer=tuple[Prediction, ...], body=part, first=len(found))
            answers = self._connection.ask(call)
            found += answers
        return tuple(found)

    def plan(
        self,
        limits: Limits,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        **options: Unpack[PlanOptions],
    ) -> Plan:
        """Find the longest answer to a prompt, or the longest prompt before an answer.

        Args:
            limits: What has to be kept.
            input_tokens: Prompt tokens, to plan the longest answer.
            output_tokens: Answer tokens, to plan the longest prompt; one of the two is given.
            **options: The model, its conditions, prices, samples, probability and context.

        Raises:
            ServiceError: As ``predict``.
        """
        counts = {"input_tokens": input_tokens, "output_tokens": output_tokens}
        body = {"limits": limits, **counts, **options}
        return self._connection.ask(Call(path=PLAN, answer=Plan, body=body))

    def frontier(self, limits: Limits, **options: Unpack[PlanOptions]) -> Frontier:
        """Find the longest answer to every prompt at once.

        Args:
            limits: What has to be kept.
            **options: As ``plan``.

        Raises:
            ServiceError: As ``predict``.
        """
        body = {"limits": limits, **options}
        return self._connection.ask(Call(path=PLAN, answer=Frontier, body=body))

    def compare(
        self, input_tokens: int, output_tokens: int, **options: Unpack[CompareOptions]
    ) -> Comparison:
        """Compare models, devices and samples for a request.

        Args:
            input_tokens: Prompt tokens, >= 0.
            output_tokens: Generated tokens, >= 0, of each answer.
            **options: What is compared, limits, prices, qualities and objectives.

        Raises:
            ServiceError: As ``predict``.
        """
        body = {"input_tokens": input_tokens, "output_tokens": output_tokens, **options}
        return self._connection.ask(Call(path=COMPARE, answer=Comparison, body=body))

    def models(self) -> Models:
        """Return what is served.

        Raises:
            ServiceError: As ``predict``.
        """
        return self._connection.ask(Call(path=MODELS, answer=Models))

    def observe(self, observations: Sequence[Observation], key: str | None = None) -> Observed:
        """Tell the monitor what finished requests took.

        Once this returns they are on the service's disk; where it raises, send them again under
        the same key, so that none counts twice.

        Args:
            observations: Finished requests, in the order they finished.
            key: What to call them; None makes a new one, which lasts for this call.

        Raises:
            ServiceError: As ``predict``; for sure nothing was taken only where it is refused.
        """
        name = str(uuid4()) if key is None else key
        body = tuple(observations)
        return self._connection.ask(Call(path=OBSERVE, answer=Observed, body=body, key=name))

    def monitor(self) -> MonitorReport:
        """Return where the monitor stands.

        Raises:
            ServiceError: As ``predict``.
        """
        return self._connection.ask(Call(path=MONITOR, answer=MonitorReport))


def _parts(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items in lists that one body may hold."""
    rest = iter(items)
    while part := list(islice(rest, MOST_AT_ONCE)):
        yield part
