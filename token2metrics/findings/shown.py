"""What pictures show of one model, as values that can be written as JSON."""

from __future__ import annotations

from enum import StrEnum

from token2metrics.prediction.result import Result
from token2metrics.vocabulary import Phase

LATENCY, ENERGY, POWER = "latency", "energy", "power"
UNITS = {LATENCY: "s", ENERGY: "J", POWER: "W"}
"""What is measured of a row."""


class Standing(StrEnum):
    """What a measured row was to the fit."""

    FITTED = "fitted"
    """The fit saw it; only a refit without it tells how well such rows are predicted."""

    UNSEEN = "unseen"
    """The fit did not see it, so the prediction is a forecast."""

    UNTOLD = "untold"
    """The measurements behind the fit are not at hand, so that nobody can tell."""


class Point(Result, frozen=True):
    """A measured number beside its prediction.

    Attributes:
        model: Label of the model.
        phase: ``prefill``, ``decode`` or ``request``.
        metric: One of ``UNITS``.
        unit: Its unit.
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
        measured: What was measured.
        predicted: What the model says.
        lower: Lower end of the interval.
        upper: Upper end.
        held_out: What a refit that did not see the row says; the prediction itself of an unseen
            row; None where neither is known.
        standing: What the row was to the fit.
        extrapolated: Whether it lies outside the range the model was fitted on.
    """

    model: str
    phase: Phase
    metric: str
    unit: str
    input_tokens: int
    output_tokens: int
    measured: float
    predicted: float
    lower: float
    upper: float
    held_out: float | None
    standing: Standing
    extrapolated: bool


class CurvePoint(Result, frozen=True):
    """A prediction on a curve over tokens.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
        context_tokens: Where it lies: prompt tokens of prefill; of decode the mean length of the
            context while the answer is generated.
        value_s: Seconds: of prefill, or of one output token.
        lower_s: Lower end of the interval.
        upper_s: Upper end.
        extrapolated: Whether it lies outside the range the phase was fitted on.
    """

    input_tokens: int
    output_tokens: int
    context_tokens: float
    value_s: float
    lower_s: float
    upper_s: float
    extrapolated: bool


class MeasuredStep(Result, frozen=True):
    """A measured row on a curve over tokens.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
        context_tokens: As of ``CurvePoint``.
        value_s: Seconds: of prefill, or of one output token.
        standing: What the row was to the fit.
    """

    input_tokens: int
    output_tokens: int
    context_tokens: float
    value_s: float
    standing: Standing


class TokenCurve(Result, frozen=True):
    """A phase over tokens: what is predicted, and the rows measured.

    Attributes:
        predicted: The curve, tokens rising.
        measured: The rows.
    """

    predicted: tuple[CurvePoint, ...]
    measured: tuple[MeasuredStep, ...]


class PowerStep(Result, frozen=True):
    """Power over a short span of a request.

    Attributes:
        part: ``prefill``, ``decode`` or ``idle`` after them.
        start_s: Start, from the start of the request.
        end_s: End.
        power_w: Mean power over the span; None where no energy was measured.
        least_w: Least it can be: idle power where no energy was measured, else the power.
        most_w: Most it can be: the limit of the device, likewise; None where nobody stated it.
    """

    part: str
    start_s: float
    end_s: float
    power_w: float | None
    least_w: float
    most_w: float | None


class PowerOverTime(Result, frozen=True):
    """Power of a typical request, as the power heads have it.

    Attributes:
        rail: Rail the energy was measured on; None without measured energy.
        steps: Spans that follow each other. Power times length adds up to the energy of a phase.
    """

    rail: str | None
    steps: tuple[PowerStep, ...]


class FactorFinding(Result, frozen=True):
    """A fitted number over what was believed of it, or over what the server has.

    Attributes:
        phase: The phase.
        name: What it is.
        unit: Its unit; empty for a plain number.
        value: The fitted number; None for a rate whose work takes no time.
        reference: What was believed, or 1 for a factor on a source curve; None without one.
        reference_is: What the reference is, in words.
        ratio: Fitted number over reference; None where either is unknown.
        spread: Standard deviation of the logarithm of what was believed; None where unknown.
        lower: One spread below the reference, over the reference; None where unknown.
        upper: One spread above it, likewise.
    """

    phase: Phase
    name: str
    unit: str
    value: float | None
    reference: float | None
    reference_is: str
    ratio: float | None
    spread: float | None
    lower: float | None
    upper: float | None
