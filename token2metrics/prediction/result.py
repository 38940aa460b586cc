"""What a prediction says: the numbers of each phase, their sum, and what they rest on."""

from __future__ import annotations

import msgspec


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A group of values that is written out as JSON."""


class PhasePrediction(Result, frozen=True):
    """One phase of a request.

    Attributes:
        latency_s: Seconds; None where nothing the phase could rest on was measured.
        power_w: Mean watts over the phase; None without measured energy.
        energy_j: Joules, power times latency; None without measured energy.
        rests_on: The measurements behind the latency, in words.
        energy_rests_on: The measurements behind power and energy, in words.
        extrapolates: Why the request lies outside the measured range; None inside.
    """

    latency_s: float | None
    power_w: float | None
    energy_j: float | None
    rests_on: str
    energy_rests_on: str
    extrapolates: str | None


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
    """

    electricity: float | None
    ownership: float | None


class Prediction(Result, frozen=True):
    """What one request costs on one model and device.

    Attributes:
        latency_s: Prefill plus decode.
        energy_j: Prefill plus decode; None unless both phases have measured energy.
        power_w: Mean over the request, energy over latency.
        ttft_s: Time to the first token on an idle device: the prefill latency.
        tpot_s: Seconds per output token after the first; None without a second token.
        output_tokens_per_s: Output tokens over latency.
        output_tokens_per_j: Output tokens over energy.
        power_rail: Rail the energy was measured on.
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
    extrapolated: bool
    notes: tuple[str, ...]
