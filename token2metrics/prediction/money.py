"""What a request costs in money: electricity, and the device's wear."""

from __future__ import annotations

import math

from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.errors import RequestError
from token2metrics.prediction.result import Cost, Prices

DEFAULT_PRICE_PER_KWH = 0.30
JOULES_PER_KWH = 3_600_000.0
SECONDS_PER_HOUR = 3_600.0
SECONDS_PER_YEAR = 365.25 * 24 * 3600


def prices_on(
    hardware: HardwareRecord,
    price_per_kwh: float = DEFAULT_PRICE_PER_KWH,
    device_price: float | None = None,
    lifetime_years: float | None = None,
) -> Prices:
    """Return what money is counted with on a device.

    Args:
        hardware: The device, whose own price and lifetime serve where none is given.
        price_per_kwh: Price of electricity.
        device_price: Price of the device.
        lifetime_years: Years of use over which it is paid off.

    Raises:
        RequestError: If a price is not finite and at least 0, or the lifetime not above 0.
    """
    prices = Prices(
        price_per_kwh=price_per_kwh,
        device_price=hardware.purchase_price if device_price is None else device_price,
        lifetime_years=hardware.lifetime_years if lifetime_years is None else lifetime_years,
    )
    for name in ("price_per_kwh", "device_price"):
        value = getattr(prices, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise RequestError(f"expected {name} to be a number of at least 0, got {value}")
    if not (math.isfinite(prices.lifetime_years) and prices.lifetime_years > 0):
        raise RequestError(f"expected lifetime_years to be above 0, got {prices.lifetime_years}")
    return prices


def price(latency_s: float | None, energy_j: float | None, prices: Prices | None) -> Cost:
    """Turn energy and occupied seconds into money.

    Args:
        latency_s: Seconds the request occupies the device; None when unknown.
        energy_j: Joules it takes; None when unknown.
        prices: What money is counted with; None gives no cost.
    """
    if prices is None:
        return Cost(electricity=None, ownership=None)
    electricity = None if energy_j is None else energy_j / JOULES_PER_KWH * prices.price_per_kwh
    ownership = None
    if latency_s is not None and prices.device_price is not None:
        ownership = latency_s / (prices.lifetime_years * SECONDS_PER_YEAR) * prices.device_price
    return Cost(electricity=electricity, ownership=ownership, prices=prices)
