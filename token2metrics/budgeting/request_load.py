"""What the mean request of a workload asks of a device: seconds and joules, each with a range."""

from __future__ import annotations

from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.errors import RequestError
from token2metrics.prediction.envelope import energy_envelope_j
from token2metrics.prediction.result import Interval, Prediction, Result


class Estimate(Result, frozen=True):
    """A quantity with its range.

    Attributes:
        value: The quantity; None where it rests on energy that nobody metered.
        lower: Lower end; None where nothing bounds it.
        upper: Upper end; None where nothing bounds it.
    """

    value: float | None
    lower: float | None
    upper: float | None


class RequestLoad(Result, frozen=True):
    """The mean request of a workload.

    Over many requests the errors of all are taken to be the same one: the ends of the ranges are
    the means of the ends, as if every request were off the same way.

    Attributes:
        requests: Requests of the workload; 1 for a single one.
        input_tokens: Prompt tokens.
        output_tokens: Output tokens of all samples.
        parallel: Answers to each prompt that are generated at once.
        latency_s: Seconds the device is busy; its value is always known.
        energy_j: Joules, idle power included. Where a phase was not metered there is no value, and
            the range is that between idle power and the device's limit.
        confidence: Of the ranges.
    """

    requests: int
    input_tokens: float
    output_tokens: float
    parallel: int
    latency_s: Estimate
    energy_j: Estimate
    confidence: float


def load_of(prediction: Prediction, hardware: HardwareRecord) -> RequestLoad:
    """Return the load of a single request.

    Args:
        prediction: The request.
        hardware: The device.

    Raises:
        RequestError: If its latency is unknown or zero, or it has no token.
    """
    check_latency(prediction.latency_s, prediction)
    check_lengths(prediction.input_tokens, prediction.output_tokens)
    return RequestLoad(
        requests=1,
        input_tokens=prediction.input_tokens,
        output_tokens=prediction.output_tokens * prediction.parallel,
        parallel=prediction.parallel,
        latency_s=_estimate(prediction.latency_s, prediction.latency_interval_s),
        energy_j=_estimate(prediction.energy_j, energy_envelope_j(prediction, hardware)),
        confidence=prediction.confidence,
    )


def check_latency(latency_s: float | None, prediction: Prediction) -> None:
    """Refuse requests that nothing measured tells the time of, or that take none.

    Args:
        latency_s: Seconds of the mean request.
        prediction: A request of the model, whose notes say what is missing.

    Raises:
        RequestError: If they are unknown or zero.
    """
    if latency_s is None:
        raise RequestError(
            f"no latency of {prediction.name} to budget with: {'; '.join(prediction.notes)}"
        )
    if latency_s <= 0.0:
        raise RequestError("expected a request that takes time, got one that takes none")


def check_lengths(input_tokens: float, output_tokens: float) -> None:
    """Refuse requests without a token, of which nothing says how little they may take.

    Args:
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.

    Raises:
        RequestError: If both are zero.
    """
    if input_tokens + output_tokens <= 0.0:
        raise RequestError(
            "expected a request that takes time, with a prompt or an answer, got 0 tokens of both"
        )


def _estimate(value: float | None, interval: Interval | None) -> Estimate:
    """Return a value with its interval."""
    lower, upper = (None, None) if interval is None else (interval.lower, interval.upper)
    return Estimate(value=value, lower=lower, upper=upper)
