"""Say what a request costs: each phase, their sum, and what to know before trusting it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec

from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.cost import AS_FITTED
from token2metrics.parallel import SINGLE
from token2metrics.prediction.money import price
from token2metrics.prediction.quantities import INPUTS, PHASE_QUANTITIES
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction, Prices
from token2metrics.vocabulary import FITTED_PHASES

NOTHING_MEASURED = "no measured rows"
NO_ENERGY = "no measured energy"
NO_PARALLEL = "no measured rows of several samples at once"

INPUT_TOKENS, OUTPUT_TOKENS = INPUTS

FREE = price(None, None, None)
"""What a request costs where no price is known."""

DECODE_FROM = len(PHASE_QUANTITIES)
REQUEST_FROM = DECODE_FROM * len(FITTED_PHASES)
"""Where the quantities of decode and of the request begin."""


class Request(msgspec.Struct, frozen=True):
    """What is asked.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
        confidence: Of every interval.
        parallel: Answers generated at once.
    """

    input_tokens: int
    output_tokens: int
    confidence: float
    parallel: int = SINGLE


class PhaseTeller(msgspec.Struct, frozen=True, dict=True):
    """Puts the numbers of a phase into words that no request changes.

    Attributes:
        phase: Name of the phase.
        record: The fitted phase; None where there is none.
        parallel: Answers generated at once.
    """

    phase: str
    record: PhaseRecord | None
    parallel: int

    @cached_property
    def missing(self) -> str:
        """Why the phase has no latency, where it has none."""
        return NOTHING_MEASURED if self.record is None else NO_PARALLEL

    @cached_property
    def rests_on(self) -> str:
        """The measurements behind the latency."""
        if self.record is None:
            return NOTHING_MEASURED
        told = [self.record.rests_on]
        if self.record.level != AS_FITTED:
            told.append(f"finished requests moved it by a factor of {self.record.level:.4g}")
        if self.parallel > SINGLE and self.record.parallel is not None:
            told.append(f"{self.parallel} samples at once: {self.record.parallel.rests_on}")
        return "; ".join(told)

    @cached_property
    def energy_rests_on(self) -> str:
        """The measurements behind power and energy."""
        head = None if self.record is None else self.record.head
        return NO_ENERGY if head is None else head.rests_on

    @cached_property
    def interval_rests_on(self) -> str | None:
        """What the intervals rest on; None without a fit."""
        return self.record.margin.method if self.record is not None else None

    @cached_property
    def measured(self) -> tuple[tuple[str, float, float, str], ...]:
        """Each count that was measured: its name, its range, and that in words."""
        if self.record is None or self.record.hull is None:
            return ()
        hull = self.record.hull
        spans = (INPUT_TOKENS, hull.input_tokens), (OUTPUT_TOKENS, hull.output_tokens)
        return tuple(
            (name, *span, f" outside {span[0]:g}..{span[1]:g} measured")
            for name, span in spans
            if span is not None
        )

    def __call__(
        self, numbers: Sequence[float], request: Request, outside: bool
    ) -> PhasePrediction:
        """Say what a phase costs.

        Args:
            numbers: Its ``PHASE_QUANTITIES``.
            request: What was asked.
            outside: Whether any phase lies outside its measured range.
        """
        (
            latency_s,
            latency_lower_s,
            latency_upper_s,
            energy_j,
            energy_lower_j,
            energy_upper_j,
            power_w,
            power_lower_w,
            power_upper_w,
        ) = numbers
        if latency_s != latency_s:
            return PhasePrediction(
                latency_s=None,
                power_w=None,
                energy_j=None,
                rests_on=self.missing,
                energy_rests_on=self.missing,
                extrapolates=None,
            )
        reason = None
        if outside and latency_s > 0.0:
            reason = self._extrapolates(request.input_tokens, request.output_tokens)
        return PhasePrediction(
            latency_s,
            known(power_w),
            known(energy_j),
            self.rests_on,
            self.energy_rests_on,
            reason,
            self.interval_rests_on,
            Interval(latency_lower_s, latency_upper_s),
            interval(power_lower_w, power_upper_w),
            interval(energy_lower_j, energy_upper_j),
        )

    def notes(self, told: PhasePrediction) -> tuple[str, ...]:
        """Return what to know before trusting the numbers of a phase.

        Args:
            told: What was said of it.
        """
        if told.latency_s is None:
            return (f"{self.phase}: {told.rests_on}, so the request has no total",)
        missing = self.unmetered if told.energy_j is None else ()
        if told.extrapolates is None:
            return missing
        return (*missing, f"{self.phase} extrapolates: {told.extrapolates}")

    @cached_property
    def unmetered(self) -> tuple[str, ...]:
        """What to know where no energy was measured."""
        return (f"{self.phase}: no measured energy, so the request has no total energy",)

    def _extrapolates(self, input_tokens: int, output_tokens: int) -> str | None:
        """Say in which direction a request leaves the measured range."""
        if self.unmeasured is not None:
            return self.unmeasured
        reason = ""
        for name, fewest, most, words in self.measured:
            count = input_tokens if name is INPUT_TOKENS else output_tokens
            if not fewest <= count <= most:
                reason += f"{'; ' if reason else ''}{name} {count}{words}"
        if self.too_many is not None:
            reason += f"{'; ' if reason else ''}{self.too_many}"
        return reason or None

    @cached_property
    def unmeasured(self) -> str | None:
        """Why any request lies outside; None where something was measured."""
        if self.record is None or self.record.hull is not None:
            return None
        return "no row of this model was measured on this device"

    @cached_property
    def too_many(self) -> str | None:
        """Why so many answers lie outside; None where they do not."""
        shared = None if self.record is None else self.record.parallel
        most = self.parallel if shared is None else shared.samples[1]
        return f"parallel {self.parallel} above {most} measured" if self.parallel > most else None


class RequestTeller(msgspec.Struct, frozen=True, dict=True):
    """Puts the numbers of a request into words.

    Attributes:
        record: The model.
        parallel: Answers generated at once.
    """

    record: ModelRecord
    parallel: int

    @cached_property
    def phases(self) -> tuple[PhaseTeller, PhaseTeller]:
        """Prefill and decode."""
        prefill, decode = (
            PhaseTeller(phase.value, self.record.phases.get(phase), self.parallel)
            for phase in FITTED_PHASES
        )
        return prefill, decode

    @cached_property
    def power_rail(self) -> str | None:
        """The rail that energy was measured on."""
        rails = [p.head.power_rail for p in self.record.phases.values() if p.head is not None]
        return rails[0] if rails else None

    def __call__(
        self, numbers: Sequence[float], request: Request, prices: Prices | None
    ) -> Prediction:
        """Say what a request costs.

        Args:
            numbers: Its ``QUANTITIES``.
            request: What was asked.
            prices: What money is counted with; None gives no cost.
        """
        tell_prefill, tell_decode = self.phases
        latency, lower_s, upper_s, energy, lower_j, upper_j, power, flag = numbers[REQUEST_FROM:]
        outside = flag == 1.0
        prefill = tell_prefill(numbers[:DECODE_FROM], request, outside)
        decode = tell_decode(numbers[DECODE_FROM:REQUEST_FROM], request, outside)
        latency_s, energy_j, record = known(latency), known(energy), self.record
        output_tokens = request.output_tokens
        made = float(output_tokens * request.parallel)
        return Prediction(
            record.id,
            record.name,
            record.device,
            record.power_mode,
            record.runtime,
            record.precision,
            request.input_tokens,
            output_tokens,
            request.parallel,
            prefill,
            decode,
            latency_s,
            energy_j,
            known(power),
            prefill.latency_s,
            _ratio(decode.latency_s, float(output_tokens - 1)) if output_tokens > 1 else None,
            _ratio(made, latency_s),
            _ratio(made, energy_j),
            self.power_rail,
            FREE if prices is None else price(latency_s, energy_j, prices),
            request.confidence,
            interval(lower_s, upper_s),
            interval(lower_j, upper_j),
            outside,
            (*tell_prefill.notes(prefill), *tell_decode.notes(decode)),
        )


def known(number: float) -> float | None:
    """Return a number; None for what is unknown, which is not a number."""
    return number if number == number else None


def interval(lower: float, upper: float) -> Interval | None:
    """Return bounds as a result; None where they are unknown."""
    return Interval(lower, upper) if lower == lower else None


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return the quotient; None when a side is unknown or the denominator is zero."""
    if numerator is None or not denominator:
        return None
    return numerator / denominator
