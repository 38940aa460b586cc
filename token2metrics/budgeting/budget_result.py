"""What a budget says: each question that was asked, with its answer and range."""

from __future__ import annotations

from token2metrics.budgeting.request_load import Estimate, RequestLoad
from token2metrics.prediction.result import Prices, Result


class Rate(Result, frozen=True):
    """A device that answers at a steady rate, and idles in between.

    Attributes:
        requests_per_hour: The rate.
        most_per_hour: Requests that the device can answer without a pause.
        utilisation: Share of the time that it works.
        power_w: Mean watts, working and idle.
    """

    requests_per_hour: float
    most_per_hour: Estimate
    utilisation: Estimate
    power_w: Estimate


class Battery(Result, frozen=True):
    """What a charge is good for.

    Attributes:
        usable_j: Joules that may be taken from it.
        power_w: Mean watts, without a pause or at the rate.
        requests: Requests per charge.
        hours: Until it is empty.
    """

    usable_j: float
    power_w: Estimate
    requests: Estimate
    hours: Estimate


class PowerCap(Result, frozen=True):
    """What can be sustained below a mean power.

    Attributes:
        max_power_w: The mean power that must not be exceeded over time.
        idle_power_w: Power between requests.
        at_work_w: Mean power during a request.
        requests_per_hour: The most that keeps the cap; None where idling alone exceeds it.
        binds: ``power``, ``time`` where the device cannot do more anyway, ``idle`` where idling
            alone exceeds the cap, or None where the energy is not known well enough to tell.
    """

    max_power_w: float
    idle_power_w: float
    at_work_w: Estimate
    requests_per_hour: Estimate | None
    binds: str | None


class OwnCost(Result, frozen=True):
    """Money for a request on the device, in the currency of the prices.

    Attributes:
        prices: What it is counted with.
        electricity: Of a request.
        ownership: The device for the seconds that a request takes; None without a device price.
        per_request: Both; electricity alone without a device price.
        per_million_output_tokens: Both, for a million output tokens.
        at_rate_per_request: The device and its electricity for an hour, idle or not, shared by the
            requests of the hour; None without a rate or a device price.
    """

    prices: Prices
    electricity: Estimate
    ownership: Estimate | None
    per_request: Estimate
    per_million_output_tokens: Estimate | None
    at_rate_per_request: Estimate | None


class BreakEven(Result, frozen=True):
    """From how many requests on owning the device is cheaper than an API.

    Attributes:
        api_per_request: What the API takes for a request.
        api_per_million_output_tokens: What it takes for a million output tokens, prompts
            included; None without output.
        fixed_per_month: The device and its idling.
        own_per_request: Electricity that a request adds to that.
        requests_per_month: Where both cost the same; an end is None where the electricity alone
            costs more than the API, or nothing is known.
        requests_per_day: The same per day.
        most_per_month: Requests that the device can answer in a month without a pause.
        pays: Whether it gets there for certain; None where only one end does, or nothing is known.
    """

    api_per_request: float
    api_per_million_output_tokens: float | None
    fixed_per_month: float
    own_per_request: Estimate
    requests_per_month: Estimate
    requests_per_day: Estimate
    most_per_month: float
    pays: bool | None


class Carbon(Result, frozen=True):
    """Carbon dioxide of the electricity.

    Attributes:
        g_per_kwh: Intensity of the electricity.
        g_per_request: Grams for a request.
        g_per_million_output_tokens: Grams for a million output tokens; None without output.
    """

    g_per_kwh: float
    g_per_request: Estimate
    g_per_million_output_tokens: Estimate | None


class Budget(Result, frozen=True):
    """Every answer; None where its question was not asked.

    Attributes:
        idle_power_w: Power between requests.
        power_rail: Rail the energy was measured on.
        load: The mean request.
        feasible: Whether the power cap can be kept.
        notes: What to know before trusting the numbers.
    """

    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    idle_power_w: float
    power_rail: str | None
    load: RequestLoad
    rate: Rate | None
    battery: Battery | None
    power_cap: PowerCap | None
    cost: OwnCost | None
    break_even: BreakEven | None
    carbon: Carbon | None
    feasible: bool
    notes: tuple[str, ...]
