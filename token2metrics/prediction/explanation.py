"""What an explanation says: the law, terms, factors and rows behind one prediction."""

from __future__ import annotations

from token2metrics.artifact.manifest import CampaignRecord, ErrorSummary, OutlierRecord
from token2metrics.prediction.result import Interval, Prediction, Result


class Term(Result, frozen=True):
    """What one term does to the latency of a phase.

    Attributes:
        name: The term.
        share: Its elasticity: by what percent the latency grows when the term grows by one
            percent. Of a sum it is the term's part of the sum.
        seconds: That share of the latency; over all terms they add up to the latency.
        alone_s: What the phase would take if nothing but this term took time; None for an
            exponent, which takes none.
    """

    name: str
    share: float
    seconds: float
    alone_s: float | None


class EnergyPart(Result, frozen=True):
    """What one part adds to the energy of a phase, or takes off it.

    Attributes:
        name: The part.
        joules: Its energy, below 0 for a saving; all parts add up to the energy.
        share: Of the energy.
    """

    name: str
    joules: float
    share: float


class Factor(Result, frozen=True):
    """A fitted number in the unit people know it by, and what was believed of it.

    Attributes:
        name: What it is.
        value: The fitted number; None for a rate whose work takes no time.
        unit: Its unit; empty for a plain number.
        nominal_percent: Percent of the device's nominal figure; None where none is stated.
        believed: Median of the belief before the model's rows were seen; None without one.
        spread: Standard deviation of the logarithm of the belief; None where the artifact does
            not hold it, as for sums of weights. A share spreads as its own weight alone does.
        moved_percent: By how much the model's rows moved it off its belief.
        moved_spreads: The same, in spreads of the belief.
    """

    name: str
    value: float | None
    unit: str
    nominal_percent: float | None = None
    believed: float | None = None
    spread: float | None = None
    moved_percent: float | None = None
    moved_spreads: float | None = None


class Foundation(Result, frozen=True):
    """The measurements behind a phase.

    Attributes:
        rests_on: The measurements behind the latency, in words.
        own_rows: Rows of this model on this device.
        source: What the curve comes from beside them.
        source_rows: Rows of that source.
        measured_input_tokens: Fewest and most measured prompt tokens; None without own rows.
        measured_output_tokens: Likewise of output tokens; None too where they have no say.
        inside: Whether the request lies within the measured range; None for a phase that has
            nothing to do.
        extrapolates: Why it does not; None inside.
        errors: Held-out errors, by protocol.
        interval_rests_on: What the interval rests on, in words.
        interval_rows: Held-out rows behind the interval.
        interval_percent: How far the interval reaches within the measured range; outside it is
            wider.
        interval_s: Interval of the latency, at the confidence of the prediction.
        outliers: Calibration rows that hardly counted, the worst first.
        campaigns: Data sets of the calibration rows, where there are several to compare.
    """

    rests_on: str
    own_rows: int
    source: str
    source_rows: int
    measured_input_tokens: tuple[float, float] | None
    measured_output_tokens: tuple[float, float] | None
    inside: bool | None
    extrapolates: str | None
    errors: tuple[ErrorSummary, ...]
    interval_rests_on: str
    interval_rows: int
    interval_percent: float
    interval_s: Interval | None
    outliers: tuple[OutlierRecord, ...]
    campaigns: tuple[CampaignRecord, ...]


class EnergyExplanation(Result, frozen=True):
    """How the energy of a phase comes about.

    Attributes:
        rests_on: The measurements behind it, in words.
        parts: Base power, work, and what ramp and context save.
        factors: The numbers of the power head.
        errors: Held-out errors of the metered energy.
        interval_j: Interval of the energy, at the confidence of the prediction.
    """

    rests_on: str
    parts: tuple[EnergyPart, ...]
    factors: tuple[Factor, ...]
    errors: tuple[ErrorSummary, ...]
    interval_j: Interval | None


class PhaseExplanation(Result, frozen=True):
    """How the prediction of a phase comes about.

    Attributes:
        law: The form of the curve, in words.
        calibration: How the curve came to the device, in words.
        terms: What each term does to the latency.
        factors: The fitted numbers.
        foundation: The measurements.
        energy: The energy; None where none was measured.
    """

    law: str
    calibration: str
    terms: tuple[Term, ...]
    factors: tuple[Factor, ...]
    foundation: Foundation
    energy: EnergyExplanation | None


class Demand(Result, frozen=True):
    """The bytes and FLOP of a request.

    Attributes:
        prompt_flop: FLOP of the prompt, attention included.
        attention_flop: FLOP of attention over the prompt.
        steps: Decode steps.
        weight_bytes_per_step: Bytes of weights that prefill and every decode step read.
        kv_bytes_per_token: Bytes of KV cache per token of context.
        kv_bytes_read: Bytes of KV cache that all decode steps read.
    """

    prompt_flop: float
    attention_flop: float
    steps: int
    weight_bytes_per_step: float
    kv_bytes_per_token: float
    kv_bytes_read: float


class Explanation(Result, frozen=True):
    """Which rows, prior, law and factors make a prediction.

    Attributes:
        prediction: What is explained.
        demand: What the request asks of the device.
        prefill: The prompt; None where nothing it could rest on was measured.
        decode: The answer; likewise.
    """

    prediction: Prediction
    demand: Demand
    prefill: PhaseExplanation | None
    decode: PhaseExplanation | None
