"""What is asked of ``/v1/observe``, and what it answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from token2metrics.errors import Token2MetricsError
from token2metrics.monitoring.observation import LARGEST, Observation
from token2metrics.monitoring.result import Event
from token2metrics.prediction.result import Result
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS

MOST_LETTERS = 200
"""Of a name, and of a time."""

MOST_SHOWN = 100
"""So many of the requests that were set aside are told one by one."""

Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Quantity = Annotated[float, Meta(ge=0.0, le=LARGEST)]
Words = Annotated[str, Meta(min_length=1, max_length=MOST_LETTERS)]


class FinishedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one finished request took; what was not measured is left out.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens, of each answer.
        latency_s: Seconds of the whole request.
        prefill_latency_s: Seconds to the first token.
        decode_latency_s: Seconds of the other tokens.
        energy_j: Joules of the whole request.
        prefill_energy_j: Joules of prefill.
        decode_energy_j: Joules of decode.
        parallel: Answers generated at once.
        model: Any name of the model.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        timestamp: When it finished, in words that are handed through.
    """

    input_tokens: Count
    output_tokens: Count
    latency_s: Quantity | None = None
    prefill_latency_s: Quantity | None = None
    decode_latency_s: Quantity | None = None
    energy_j: Quantity | None = None
    prefill_energy_j: Quantity | None = None
    decode_energy_j: Quantity | None = None
    parallel: Annotated[int, Meta(ge=1, le=MAX_PARALLEL)] = 1
    model: Words | None = None
    device: Words | None = None
    power_mode: Words | None = None
    runtime: Words | None = None
    precision: Words | None = None
    timestamp: Words | None = None

    def observation(self) -> Observation:
        """Return it as the monitor takes it.

        Raises:
            RequestError: If it is impossible; the message is the reason.
        """
        return Observation(**msgspec.structs.asdict(self))


class SetAside(Result, frozen=True):
    """A finished request that was not taken into account.

    Attributes:
        index: Its place in the batch, from 0.
        reason: Why.
    """

    index: int
    reason: str


class Observed(Result, frozen=True):
    """What became of a batch; it is on the disk when this is told.

    Attributes:
        accepted: Requests of the batch that were compared with their predictions.
        set_aside: Requests that were not, by reason.
        first_set_aside: The first of them, one by one.
        events: What turned out with the batch: mostly nothing.
        requests: Requests compared so far, of all batches.
        repeated: Whether the batch had been taken under its key before; nothing is counted again.
    """

    accepted: int
    set_aside: dict[str, int]
    first_set_aside: tuple[SetAside, ...]
    events: tuple[Event, ...]
    requests: int
    repeated: bool = False


class Batch(msgspec.Struct, frozen=True):
    """Finished requests that are taken together or not at all.

    Attributes:
        observations: In the order they finished.
        key: What the client calls the batch, so that it can be sent again; None without.
        digest: Of what was sent.
    """

    observations: tuple[FinishedRequest, ...]
    key: str | None = None
    digest: str = ""


class KeyReusedError(Token2MetricsError):
    """Another batch was taken under the same key."""

    def __init__(self) -> None:
        super().__init__(
            "expected a new Idempotency-Key for a new batch, got one under which another batch was "
            "taken; nothing of this one was"
        )


class BusyError(Token2MetricsError):
    """More is asked than can be done at present."""


class StateError(Token2MetricsError):
    """The state on the disk cannot be written or read."""
