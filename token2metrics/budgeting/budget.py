"""Answers about batteries, power caps, money and carbon, from what a request takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from token2metrics.artifact.manifest import ModelRecord
from token2metrics.budgeting.budget_money import ApiPrices, break_even, carbon, own_cost
from token2metrics.budgeting.budget_result import Battery, Budget, PowerCap, Rate
from token2metrics.budgeting.estimates import falling, joined, per, quotient, rising
from token2metrics.budgeting.request_load import Estimate, RequestLoad
from token2metrics.errors import RequestError
from token2metrics.prediction.money import SECONDS_PER_HOUR
from token2metrics.prediction.result import Prices

POWER, TIME, IDLE = "power", "time", "idle"


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked; None is not asked.

    Attributes:
        battery_wh: Energy of a full battery.
        usable_share: Share of it that may be used.
        idle_power_w: Power between requests; None for the device's.
        requests_per_hour: A steady rate.
        max_power_w: Most mean power.
        prices: What money is counted with.
        api: What an API takes instead.
        carbon_g_per_kwh: Carbon intensity of the electricity.

    Raises:
        RequestError: If nothing is asked, or a number is impossible.
    """

    battery_wh: float | None = None
    usable_share: float | None = None
    idle_power_w: float | None = None
    requests_per_hour: float | None = None
    max_power_w: float | None = None
    prices: Prices | None = None
    api: ApiPrices | None = None
    carbon_g_per_kwh: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be answered."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float):
                _check_number(field.name, value, least_allowed=field.name in MAY_BE_ZERO)
        if self.usable_share is not None:
            if self.battery_wh is None:
                raise RequestError("expected --battery-wh with --usable-share, got none")
            if self.usable_share > 1:
                raise RequestError(f"expected usable_share of at most 1, got {self.usable_share}")
        asked = (self.battery_wh, self.requests_per_hour, self.max_power_w)
        if all(one is None for one in (*asked, self.prices, self.api, self.carbon_g_per_kwh)):
            raise RequestError(
                "expected a question, got none; ask with --battery-wh, --requests-per-hour, "
                "--max-power-w, --price-per-kwh, --api-price-per-million-input-tokens and "
                "--api-price-per-million-output-tokens, or --carbon-g-per-kwh"
            )


ROUNDING = 1e-9
"""By how much a power may exceed another one and still be equal."""

MAY_BE_ZERO = ("idle_power_w", "carbon_g_per_kwh")


def _check_number(name: str, value: float, least_allowed: bool) -> None:
    """Refuse numbers that are not finite and above 0, or at least 0 where that means something."""
    if not math.isfinite(value) or value < 0 or (value == 0 and not least_allowed):
        words = "at least 0" if least_allowed else "above 0"
        raise RequestError(f"expected {name} to be a number {words}, got {value}")


def answer(record: ModelRecord, load: RequestLoad, asked: Questions) -> Budget:
    """Answer every question.

    Args:
        record: The model and its device.
        load: What its mean request takes.
        asked: The questions.

    Raises:
        RequestError: If the device cannot keep up with the rate, the idle power exceeds the power
            at work, or a break-even is asked for a device without a price.
    """
    idle_w = record.hardware.idle_power_w if asked.idle_power_w is None else asked.idle_power_w
    above_j = energy_above_idle_j(load, idle_w)
    rate = None
    if asked.requests_per_hour is not None:
        rate = steady_rate(load, idle_w, above_j, asked.requests_per_hour)
    cap = None if asked.max_power_w is None else power_cap(load, idle_w, above_j, asked.max_power_w)
    prices, api = asked.prices, asked.api
    rails = [phase.head.power_rail for phase in record.phases.values() if phase.head is not None]
    return Budget(
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        idle_power_w=idle_w,
        power_rail=rails[0] if rails else None,
        load=load,
        rate=rate,
        battery=_battery(load, rate, asked),
        power_cap=cap,
        cost=None if prices is None else own_cost(load, prices, rate),
        break_even=(
            None
            if prices is None or api is None
            else break_even(load, idle_w, above_j, prices, api, record.device)
        ),
        carbon=(None if asked.carbon_g_per_kwh is None else carbon(load, asked.carbon_g_per_kwh)),
        feasible=cap is None or cap.requests_per_hour is not None,
        notes=(*_rail_note(rails, asked), *_notes(record, load, cap, rate)),
    )


def energy_above_idle_j(load: RequestLoad, idle_w: float) -> Estimate:
    """Return what a request takes beyond idling as long: ``E - idle L``, at least 0.

    Args:
        load: The request.
        idle_w: Idle power.

    Raises:
        RequestError: If idling draws more than working, which no rail does.
    """
    at_work_w = quotient(load.energy_j, load.latency_s)
    most_w = at_work_w.upper if at_work_w.value is None else at_work_w.value
    if most_w is not None and idle_w > most_w * (1.0 + ROUNDING):
        raise RequestError(
            f"expected idle_power_w of at most the {most_w:.3g} W at work, got {idle_w:g}; "
            "give the idle power of the rail that was metered"
        )
    above = joined(
        lambda energy_j, latency_s: energy_j - idle_w * latency_s, load.energy_j, load.latency_s
    )
    return rising(lambda joules: max(joules, 0.0), above)


def steady_rate(
    load: RequestLoad, idle_w: float, above_j: Estimate, requests_per_hour: float
) -> Rate:
    """Return what a steady rate means: ``P = idle (1 - u) + E r = idle + r (E - idle L)``.

    Args:
        load: The request.
        idle_w: Idle power.
        above_j: Energy of a request above idle.
        requests_per_hour: The rate.

    Raises:
        RequestError: If the device cannot keep up.
    """
    most = falling(per(SECONDS_PER_HOUR), load.latency_s)
    assert most.value is not None
    if requests_per_hour > most.value:
        raise RequestError(
            f"expected requests_per_hour of at most {most.value:,.6g}, since a request takes "
            f"{load.latency_s.value:.3g} s, got {requests_per_hour:g}"
        )
    per_s = requests_per_hour / SECONDS_PER_HOUR
    return Rate(
        requests_per_hour=requests_per_hour,
        most_per_hour=most,
        utilisation=rising(lambda latency_s: min(per_s * latency_s, 1.0), load.latency_s),
        power_w=rising(lambda joules: idle_w + per_s * joules, above_j),
    )


def _battery(load: RequestLoad, rate: Rate | None, asked: Questions) -> Battery | None:
    """Return what a charge is good for: one request after the other, or at a rate."""
    if asked.battery_wh is None:
        return None
    share = 1.0 if asked.usable_share is None else asked.usable_share
    usable_j = asked.battery_wh * SECONDS_PER_HOUR * share
    power_w = quotient(load.energy_j, load.latency_s) if rate is None else rate.power_w
    hours = falling(per(usable_j / SECONDS_PER_HOUR), power_w)
    if rate is None:
        requests = falling(per(usable_j), load.energy_j)
    else:
        per_hour = rate.requests_per_hour
        requests = rising(lambda lasting: per_hour * lasting, hours)
    return Battery(usable_j=usable_j, power_w=power_w, requests=requests, hours=hours)


def power_cap(load: RequestLoad, idle_w: float, above_j: Estimate, max_power_w: float) -> PowerCap:
    """Return the most requests per hour that keep a mean power.

    ``R <= 3600 (W - idle) / (E - idle L)`` and ``R <= 3600 / L``.

    Args:
        load: The request.
        idle_w: Idle power.
        above_j: Energy of a request above idle.
        max_power_w: The cap.
    """
    at_work_w = quotient(load.energy_j, load.latency_s)
    idles = max_power_w <= idle_w
    return PowerCap(
        max_power_w=max_power_w,
        idle_power_w=idle_w,
        at_work_w=at_work_w,
        requests_per_hour=None if idles else _sustained(load, above_j, max_power_w - idle_w),
        binds=IDLE if idles else _binding(at_work_w, max_power_w),
    )


def _sustained(load: RequestLoad, above_j: Estimate, spare_w: float) -> Estimate:
    """Return the most requests per hour; those that time allows where nothing bounds energy."""

    def most(joules: float | None, latency_s: float | None) -> float | None:
        if joules is None or latency_s is None:
            return None
        per_request_s = max(latency_s, joules / spare_w)
        return SECONDS_PER_HOUR / per_request_s if per_request_s > 0.0 else None

    least_j = 0.0 if above_j.lower is None else above_j.lower
    return Estimate(
        value=most(above_j.value, load.latency_s.value),
        lower=most(above_j.upper, load.latency_s.upper),
        upper=most(least_j, load.latency_s.lower),
    )


def _binding(at_work_w: Estimate, max_power_w: float) -> str | None:
    """Say what limits the rate: power where working draws more than the cap, else time."""
    least, most = at_work_w.lower, at_work_w.upper
    if at_work_w.value is not None:
        least = most = at_work_w.value
    if _exceeds(least, max_power_w):
        return POWER
    return TIME if most is not None and most <= max_power_w else None


def _notes(
    record: ModelRecord, load: RequestLoad, cap: PowerCap | None, rate: Rate | None
) -> tuple[str, ...]:
    """Collect what to know before trusting the numbers."""
    notes = []
    if load.energy_j.value is None:
        named = " and ".join(name for name, one in record.phases.items() if one.head is None)
        notes.append(f"no measured energy of {named}, {_bounded(load)}")
    if load.requests > 1:
        notes.append("ranges take the errors of all requests to be the same one")
    if cap is not None and cap.binds == POWER and _exceeds(cap.at_work_w.upper, cap.max_power_w):
        notes.append("the cap is kept over time, with pauses; at work the device draws more")
    if rate is not None and _exceeds(rate.requests_per_hour, rate.most_per_hour.lower):
        notes.append("where requests take the upper end of their time, the rate is too high")
    return tuple(notes)


def _rail_note(rails: Sequence[str | None], asked: Questions) -> tuple[str, ...]:
    """Say that a battery and a cap may see more than the meter did."""
    supplies = asked.battery_wh is not None or asked.max_power_w is not None
    if not supplies or not rails or rails[0] is None:
        return ()
    return (f"energies are those of {rails[0]}; what that rail leaves out is not in them",)


def _bounded(load: RequestLoad) -> str:
    """Say what bounds an energy that nobody metered."""
    if load.energy_j.upper is None:
        return "and no power limit of the device to bound it by"
    return "so ranges alone: it lies between idle power and the device's limit"


def _exceeds(one: float | None, other: float | None) -> bool:
    """Return whether two known numbers are out of order."""
    return one is not None and other is not None and one > other
