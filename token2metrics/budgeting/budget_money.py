"""Money and carbon of requests on a device, and when owning it beats an API."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from token2metrics.budgeting.budget_result import BreakEven, Carbon, OwnCost, Rate
from token2metrics.budgeting.estimates import added, rising
from token2metrics.budgeting.request_load import Estimate, RequestLoad
from token2metrics.errors import RequestError
from token2metrics.prediction.money import JOULES_PER_KWH, SECONDS_PER_HOUR, SECONDS_PER_YEAR, price
from token2metrics.prediction.result import Prices

MILLION = 1e6
WATTS_PER_KW = 1e3
HOURS_PER_DAY = 24.0
HOURS_PER_YEAR = SECONDS_PER_YEAR / SECONDS_PER_HOUR
MONTHS_PER_YEAR = 12.0
DAYS_PER_MONTH = HOURS_PER_YEAR / HOURS_PER_DAY / MONTHS_PER_YEAR
HOURS_PER_MONTH = HOURS_PER_YEAR / MONTHS_PER_YEAR
SECONDS_PER_MONTH = SECONDS_PER_YEAR / MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True)
class ApiPrices:
    """What an API takes, in the currency of the other prices.

    Attributes:
        per_million_input_tokens: For a million prompt tokens.
        per_million_output_tokens: For a million output tokens.

    Raises:
        RequestError: If a price is not finite and at least 0, or both are 0.
    """

    per_million_input_tokens: float
    per_million_output_tokens: float

    def __post_init__(self) -> None:
        """Refuse prices that nobody takes."""
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise RequestError(f"expected the API's {name} to be at least 0, got {value}")
        if not any(asdict(self).values()):
            raise RequestError("expected an API that costs something, got two prices of 0")

    def of(self, load: RequestLoad) -> float:
        """Return what a request costs."""
        tokens = load.input_tokens, load.output_tokens
        priced = self.per_million_input_tokens, self.per_million_output_tokens
        return sum(count * each for count, each in zip(tokens, priced, strict=True)) / MILLION


def own_cost(load: RequestLoad, prices: Prices, rate: Rate | None) -> OwnCost:
    """Return what a request costs on the device.

    Args:
        load: The request.
        prices: What money is counted with.
        rate: A steady rate; None without one.
    """
    electricity = rising(
        lambda joules: joules / JOULES_PER_KWH * prices.price_per_kwh, load.energy_j
    )
    ownership = _ownership(load, prices)
    per_request = electricity if ownership is None else added(electricity, ownership)
    return OwnCost(
        prices=prices,
        electricity=electricity,
        ownership=ownership,
        per_request=per_request,
        per_million_output_tokens=_per_million(per_request, load),
        at_rate_per_request=None if rate is None else _at_rate(rate, prices),
    )


def _ownership(load: RequestLoad, prices: Prices) -> Estimate | None:
    """Return the device for the seconds that a request takes; None without a device price."""
    if prices.device_price is None:
        return None
    a_second = price(1.0, None, prices).ownership or 0.0
    return rising(lambda seconds: seconds * a_second, load.latency_s)


def _at_rate(rate: Rate, prices: Prices) -> Estimate | None:
    """Return the price of an hour, idle or not, for each of its requests."""
    if prices.device_price is None:
        return None
    owned = prices.device_price / (prices.lifetime_years * HOURS_PER_YEAR)

    def per_request(power_w: float) -> float:
        return (owned + power_w / WATTS_PER_KW * prices.price_per_kwh) / rate.requests_per_hour

    return rising(per_request, rate.power_w)


def break_even(
    load: RequestLoad,
    idle_w: float,
    above_j: Estimate,
    prices: Prices,
    api: ApiPrices,
    device: str,
) -> BreakEven:
    """Return from how many requests on owning the device is cheaper than an API.

    A month of owning costs ``F + n m``, the device and its idling plus what each request adds to
    that; the API takes ``n a``. Both are equal at ``n = F / (a - m)``.

    Args:
        load: The request.
        idle_w: Idle power.
        above_j: Energy of a request above idle.
        prices: What money is counted with.
        api: What the API takes.
        device: Name of the device.

    Raises:
        RequestError: If the device has no price.
    """
    if prices.device_price is None:
        raise RequestError(f"no price of {device} is known to break even with; give --device-price")
    owned = prices.device_price / (prices.lifetime_years * MONTHS_PER_YEAR)
    idling = idle_w / WATTS_PER_KW * HOURS_PER_MONTH * prices.price_per_kwh
    fixed, asked = owned + idling, api.of(load)
    own = rising(lambda joules: joules / JOULES_PER_KWH * prices.price_per_kwh, above_j)
    requests = rising(lambda paid: fixed / (asked - paid) if paid < asked else math.inf, own)
    assert load.latency_s.value is not None
    most = SECONDS_PER_MONTH / load.latency_s.value
    answered = load.output_tokens
    return BreakEven(
        api_per_request=asked,
        api_per_million_output_tokens=asked / answered * MILLION if answered else None,
        fixed_per_month=fixed,
        own_per_request=own,
        requests_per_month=requests,
        requests_per_day=rising(lambda count: count / DAYS_PER_MONTH, requests),
        most_per_month=most,
        pays=_pays(own, asked, requests, most),
    )


def _pays(own: Estimate, asked: float, requests: Estimate, most: float) -> bool | None:
    """Say whether the break-even can be reached; None where that depends on the energy."""
    if own.lower is None or own.upper is None:
        return None
    reached = [
        paid < asked and count is not None and count <= most
        for paid, count in ((own.lower, requests.lower), (own.upper, requests.upper))
    ]
    return reached[0] if reached[0] == reached[1] else None


def carbon(load: RequestLoad, g_per_kwh: float) -> Carbon:
    """Return the carbon dioxide of a request's electricity.

    Args:
        load: The request.
        g_per_kwh: Grams per kilowatt-hour.
    """
    grams = rising(lambda joules: joules / JOULES_PER_KWH * g_per_kwh, load.energy_j)
    return Carbon(
        g_per_kwh=g_per_kwh,
        g_per_request=grams,
        g_per_million_output_tokens=_per_million(grams, load),
    )


def _per_million(amount: Estimate, load: RequestLoad) -> Estimate | None:
    """Return an amount for a million output tokens; None without output."""
    answered = load.output_tokens
    if not answered:
        return None
    return rising(lambda each: each / answered * MILLION, amount)
