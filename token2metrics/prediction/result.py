"""What a prediction says: the numbers of each phase, their sum, and what they rest on."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A group of values that is written out as JSON."""


class Interval(Result, frozen=True):
    """Where a quantity lies, at the prediction's confidence.

    Attributes:
        lower: Lower bound.
        upper: Upper bound.
    """

    lower: float
    upper: float


class PhasePrediction(Result, frozen=True):
    """One phase of a request.

    Attributes:
        latency_s: Seconds; None where nothing the phase could rest on was measured.
        power_w: Mean watts over the phase; None without measured energy.
        energy_j: Joules, power times latency; None without measured energy.
        rests_on: The measurements behind the latency, in words.
        energy_rests_on: The measurements behind power and energy, in words.
        extrapolates: Why the request lies outside the measured range; None inside.
        interval_rests_on: What the intervals rest on, in words; None without a latency.
        latency_interval_s: Interval of the latency.
        power_interval_w: Interval of the power.
        energy_interval_j: Interval of the energy.
    """

    latency_s: float | None
    power_w: float | None
    energy_j: float | None
    rests_on: str
    energy_rests_on: str
    extrapolates: str | None
    interval_rests_on: str | None = None
    latency_interval_s: Interval | None = None
    power_interval_w: Interval | None = None
    energy_interval_j: Interval | None = None


class Prices(Result, frozen=True):
    """What money is counted with.

    Attributes:
        price_per_kwh: Price of electricity.
        device_price: Price of the device; None when unknown.
        lifetime_years: Years of use over which the device is paid off.
    """

    price_per_kwh: float
    device_price: float | None
    lifetime_years: float


class Cost(Result, frozen=True):
    """Money for one request, in the currency of the prices.

    Attributes:
        electricity: Energy at the price per kWh; None without measured energy.
        ownership: The device's price for the seconds the request occupies it; None without a
            device price.
        prices: What it was counted with; None without prices.
    """

    electricity: float | None
    ownership: float | None
    prices: Prices | None = None


class Prediction(Result, frozen=True):
    """What one request costs on one model and device.

    Attributes:
        output_tokens: Of each answer.
        parallel: Answers to the prompt that are generated at once.
        latency_s: Prefill plus decode, until every answer is done.
        energy_j: Prefill plus decode; None unless both phases have measured energy.
        power_w: Mean over the request, energy over latency.
        ttft_s: Time to the first token on an idle device: the prefill latency.
        tpot_s: Seconds per output token after the first; None without a second token.
        output_tokens_per_s: Output tokens of all answers over latency.
        output_tokens_per_j: Output tokens of all answers over energy.
        power_rail: Rail the energy was measured on.
        confidence: Of every interval.
        latency_interval_s: Interval of the latency; the phases' errors taken as independent.
        energy_interval_j: Interval of the energy, likewise.
        extrapolated: Whether any phase lies outside the measured range.
        notes: What to know before trusting the numbers.
    """

    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    input_tokens: int
    output_tokens: int
    parallel: int
    prefill: PhasePrediction
    decode: PhasePrediction
    latency_s: float | None
    energy_j: float | None
    power_w: float | None
    ttft_s: float | None
    tpot_s: float | None
    output_tokens_per_s: float | None
    output_tokens_per_j: float | None
    power_rail: str | None
    cost: Cost
    confidence: float
    latency_interval_s: Interval | None
    energy_interval_j: Interval | None
    extrapolated: bool
    notes: tuple[str, ...]


class MetricErrors(Result, frozen=True):
    """Relative errors of one metric of one phase of one model.

    Attributes:
        model: Model id.
        name: Short name.
        device: Device.
        phase: ``prefill``, ``decode`` or ``request``.
        metric: ``latency``, ``energy`` or ``power``.
        rows: Measurements compared.
        mape_percent: Mean absolute percentage error.
        median_ape_percent: Median absolute percentage error.
        bias_percent: Mean signed percentage error; above 0 predicts too much.
        p90_ape_percent: 90th percentile of the absolute percentage error.
        extrapolated_rows: How many lie outside the range the model was fitted on.
    """

    model: str
    name: str
    device: str
    phase: str
    metric: str
    rows: int
    mape_percent: float
    median_ape_percent: float
    bias_percent: float
    p90_ape_percent: float
    extrapolated_rows: int


class EvaluationReading(Result, frozen=True):
    """What was read for the models of one device and one set of conditions.

    Attributes:
        device: Device.
        conditions: Power mode, runtime and precision that rows had to have.
        read_rows: Measurements read.
        settings: Prepared rows of any model and device, one per token setting.
        compared: Prepared rows that were compared.
        rejected_counts: Rows not used, by category.
        in_sample: Whether the models were trained on exactly these rows.
    """

    device: str
    conditions: tuple[str | None, ...]
    read_rows: int
    settings: int
    compared: int
    rejected_counts: dict[str, int]
    in_sample: bool


class Evaluation(Result, frozen=True):
    """Predictions against measurements.

    Attributes:
        files: Measurement files.
        readings: What was read.
        errors: Errors by model, phase and metric.
        not_compared: Prepared rows without a comparison, by reason.
        without_rows: Models of which the files hold no row.
    """

    files: tuple[str, ...]
    readings: tuple[EvaluationReading, ...]
    errors: tuple[MetricErrors, ...]
    not_compared: dict[str, int]
    without_rows: tuple[str, ...]


class BatchSummary(Result, frozen=True):
    """What became of a table of requests.

    Attributes:
        input_file: The requests.
        output_file: The priced requests.
        read_rows: Requests read.
        predicted_rows: Requests priced.
        extrapolated_rows: Priced requests outside the measured range.
        rejected_counts: Requests set aside, by reason.
        rejected_file: Where they were written; None without any.
    """

    input_file: str
    output_file: str
    read_rows: int
    predicted_rows: int
    extrapolated_rows: int
    rejected_counts: dict[str, int]
    rejected_file: str | None
