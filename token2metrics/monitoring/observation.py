"""One finished request, as a service or a log tells it."""

from __future__ import annotations

import math

import msgspec

from token2metrics.errors import RequestError
from token2metrics.monitoring.metric import Metric
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_parallel, check_tokens
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS, Phase

QUANTITIES = {
    (Phase.PREFILL, Metric.LATENCY): "prefill_latency_s",
    (Phase.DECODE, Metric.LATENCY): "decode_latency_s",
    (Phase.REQUEST, Metric.LATENCY): "latency_s",
    (Phase.PREFILL, Metric.ENERGY): "prefill_energy_j",
    (Phase.DECODE, Metric.ENERGY): "decode_energy_j",
    (Phase.REQUEST, Metric.ENERGY): "energy_j",
}
"""The field that holds each quantity."""

NOTHING_MEASURED = "no latency and no energy"
PART_ABOVE_WHOLE = "a phase takes more than its request"
SMALLEST, LARGEST = 1e-9, 1e9
"""Seconds or joules that a request can take."""

CLOCK_SLACK = 1.01
"""Two clocks, or rounding, may let a phase seem this much longer than its request."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one finished request took; unknown quantities stay None.

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

    Raises:
        RequestError: If a count or a quantity is impossible, or none is given.
    """

    input_tokens: int
    output_tokens: int
    latency_s: float | None = None
    prefill_latency_s: float | None = None
    decode_latency_s: float | None = None
    energy_j: float | None = None
    prefill_energy_j: float | None = None
    decode_energy_j: float | None = None
    parallel: int = SINGLE
    model: str | None = None
    device: str | None = None
    power_mode: str | None = None
    runtime: str | None = None
    precision: str | None = None
    timestamp: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no request can have taken."""
        _check_counts(self)
        given = {name: getattr(self, name) for name in QUANTITIES.values()}
        for name, value in given.items():
            _check_quantity(name, value, self.output_tokens)
        if all(value is None for value in given.values()):
            raise RequestError(NOTHING_MEASURED)
        for whole in ("latency_s", "energy_j"):
            parts = [given[f"{phase}_{whole}"] or 0.0 for phase in (Phase.PREFILL, Phase.DECODE)]
            total = given[whole]
            if total is not None and any(part > total * CLOCK_SLACK for part in parts):
                raise RequestError(PART_ABOVE_WHOLE)

    def measured(self, phase: Phase, metric: Metric) -> float | None:
        """Return what a phase took: as told, or as the other two imply it.

        Args:
            phase: Prefill, decode or the whole request.
            metric: Latency in seconds or energy in joules.
        """
        value = self._told(phase, metric)
        if value is not None:
            return value
        told = {part: self._told(part, metric) for part in Phase}
        if self.output_tokens <= 1:
            return told[Phase.REQUEST if phase is Phase.PREFILL else Phase.PREFILL]
        return _implied(phase, told[Phase.PREFILL], told[Phase.DECODE], told[Phase.REQUEST])

    def _told(self, phase: Phase, metric: Metric) -> float | None:
        """Return a quantity as told."""
        value: float | None = getattr(self, QUANTITIES[phase, metric])
        return value


def _check_counts(request: Observation) -> None:
    """Refuse counts no request can have, in words that do not depend on them."""
    for name in ("input_tokens", "output_tokens"):
        try:
            check_tokens(name, getattr(request, name))
        except RequestError:
            raise RequestError(f"{name} is not a whole number 0..{MAX_TOKENS}") from None
    try:
        check_parallel(request.parallel)
    except RequestError:
        raise RequestError(f"parallel is not a whole number {SINGLE}..{MAX_PARALLEL}") from None


def _check_quantity(name: str, value: float | None, output_tokens: int) -> None:
    """Refuse a quantity that is no number above 0; a decode without steps takes none."""
    if value is None or (value == 0.0 and name.startswith(Phase.DECODE) and output_tokens <= 1):
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0.0:
        raise RequestError(f"{name} is not a number above 0")
    if not SMALLEST <= value <= LARGEST:
        raise RequestError(f"{name} is not within {SMALLEST:g}..{LARGEST:g}")


def _implied(
    phase: Phase, prefill: float | None, decode: float | None, whole: float | None
) -> float | None:
    """Return a sum, or what is left of it; None where too little is known or nothing is left."""
    if phase is Phase.REQUEST:
        return None if prefill is None or decode is None else prefill + decode
    other = decode if phase is Phase.PREFILL else prefill
    if whole is None or other is None or whole <= other:
        return None
    return whole - other
