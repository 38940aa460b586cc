"""Answers about batteries, power caps, money and carbon as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from token2metrics.budgeting.budget import POWER, TIME
from token2metrics.budgeting.budget_result import (
    Battery,
    BreakEven,
    Budget,
    Carbon,
    OwnCost,
    PowerCap,
    Rate,
)
from token2metrics.budgeting.request_load import Estimate
from token2metrics.prediction.money import SECONDS_PER_HOUR
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import (
    UNKNOWN,
    counted,
    digits,
    in_unit,
    joules,
    seconds,
    watts,
)

PERCENT = 100.0
MASS = ((1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"))
HOURS = ((24.0, "days"), (1.0, "h"))
BOUND_BY = {POWER: "the cap", TIME: "time: it never pauses"}
PAYS = {True: "within reach", False: "out of reach"}
PER_THOUSAND = 1e3
Written = Callable[[float | None], str]
Line = tuple[str, str, str]
"""A name, its value and its range."""


def show_budgets(console: Console, budgets: Sequence[Budget]) -> None:
    """Print every answer, model by model."""
    for place, one in enumerate(budgets):
        if place:
            console.print()
        _show_budget(console, one)


def _show_budget(console: Console, one: Budget) -> None:
    """Print the answers of a model."""
    conditions = (one.device, one.power_mode, one.runtime, one.precision)
    where = ", ".join(part for part in conditions if part)
    show_title(console, f"{one.name} ({one.model}) on {where}")
    show_line(console, _asked(one))
    console.print()
    table = build_table([""], ["", f"{one.load.confidence:.0%} range"])
    for part in _parts(one):
        for line in part:
            table.add_row(*line)
        table.add_section()
    console.print(table)
    for note in one.notes:
        show_line(console, f"note: {note}", WARNING_STYLE)


def _asked(one: Budget) -> str:
    """Say what the mean request is."""
    load = one.load
    samples = "" if load.parallel == 1 else f" of {load.parallel} answers"
    if load.requests == 1:
        prompt = counted(round(load.input_tokens), "input token")
        return f"{prompt}, {counted(round(load.output_tokens), 'output token')}{samples}"
    lengths = (
        f"{digits(load.input_tokens)} input tokens, {digits(load.output_tokens)} output tokens"
    )
    return f"mean of {counted(load.requests, 'request')}: {lengths}{samples}"


def _parts(one: Budget) -> Iterator[list[Line]]:
    """Yield the lines of each part that was asked for."""
    rail = "" if one.power_rail is None else f", {one.power_rail}"
    yield [
        _line("a request takes", seconds, one.load.latency_s),
        _line(f"and uses{rail}", joules, one.load.energy_j),
        ("idle power", watts(one.idle_power_w), ""),
    ]
    if one.rate is not None:
        yield _rate(one.rate)
    if one.battery is not None:
        yield _battery(one.battery, one.rate)
    if one.power_cap is not None:
        yield _cap(one.power_cap)
    if one.cost is not None:
        yield _cost(one.cost)
    if one.break_even is not None:
        yield _break_even(one.break_even)
    if one.carbon is not None:
        yield _carbon(one.carbon)


def _line(name: str, written: Written, estimate: Estimate | None) -> Line:
    """Write a quantity with its range."""
    if estimate is None:
        return name, UNKNOWN, UNKNOWN
    if estimate.lower is None and estimate.upper is None:
        return name, written(estimate.value), UNKNOWN
    return name, written(estimate.value), f"{written(estimate.lower)} .. {written(estimate.upper)}"


def _rate(rate: Rate) -> list[Line]:
    """Write what a steady rate means."""
    return [
        ("requests per hour", digits(rate.requests_per_hour), ""),
        _line("of at most", digits, rate.most_per_hour),
        _line("busy", _percent, rate.utilisation),
        _line("mean power", watts, rate.power_w),
    ]


def _battery(battery: Battery, rate: Rate | None) -> list[Line]:
    """Write what a charge is good for."""
    how = "one after the other" if rate is None else "at this rate"
    return [
        ("usable energy", f"{digits(battery.usable_j / SECONDS_PER_HOUR)} Wh", ""),
        _line(f"requests per charge, {how}", digits, battery.requests),
        _line("empty after", _hours, battery.hours),
    ]


def _cap(cap: PowerCap) -> list[Line]:
    """Write what can be sustained below a cap."""
    lines: list[Line] = [
        ("power cap", watts(cap.max_power_w), ""),
        _line("power at work", watts, cap.at_work_w),
    ]
    if cap.requests_per_hour is None:
        lines.append(("sustained requests per hour", "none", "idling alone exceeds the cap"))
        return lines
    lines.append(_line("sustained requests per hour", digits, cap.requests_per_hour))
    lines.append(("bound by", BOUND_BY.get(cap.binds or "", UNKNOWN), ""))
    return lines


def _cost(cost: OwnCost) -> list[Line]:
    """Write what a request costs on the device."""
    prices = cost.prices
    lines: list[Line] = [("price of a kWh", f"{prices.price_per_kwh:g}", "")]
    if prices.device_price is not None:
        lifetime = f"over {prices.lifetime_years:g} years"
        lines.append((f"device, {lifetime}", f"{prices.device_price:,g}", ""))
    lines += [
        _line("1,000 requests: electricity", _thousand, cost.electricity),
        (
            ("1,000 requests: the device, busy", UNKNOWN, "")
            if cost.ownership is None
            else _line("1,000 requests: the device, busy", _thousand, cost.ownership)
        ),
        _line("1,000 requests: both", _thousand, cost.per_request),
        _line("1,000,000 output tokens: both", digits, cost.per_million_output_tokens),
    ]
    if cost.at_rate_per_request is not None:
        lines.append(_line("1,000 at this rate, idling too", _thousand, cost.at_rate_per_request))
    return lines


def _break_even(found: BreakEven) -> list[Line]:
    """Write when owning beats an API."""
    lines: list[Line] = [
        ("1,000 requests: API", _thousand(found.api_per_request), ""),
        ("1,000,000 output tokens: API", digits(found.api_per_million_output_tokens), ""),
        ("device and idling, a month", digits(found.fixed_per_month), ""),
        _line("which 1,000 requests add to", _thousand, found.own_per_request),
    ]
    own = found.own_per_request
    if own.lower is not None and own.lower >= found.api_per_request:
        return [*lines, ("owning is cheaper", "never", "electricity exceeds the API")]
    lines += [
        _line("owning is cheaper from, a month", digits, found.requests_per_month),
        _line("a day", digits, found.requests_per_day),
        (
            "of at most, a month",
            digits(found.most_per_month),
            "" if found.pays is None else PAYS[found.pays],
        ),
    ]
    return lines


def _carbon(carbon: Carbon) -> list[Line]:
    """Write the carbon dioxide of the electricity."""
    return [
        ("carbon dioxide of a kWh", _grams(carbon.g_per_kwh), ""),
        _line("of a request", _grams, carbon.g_per_request),
        _line("of a million output tokens", _grams, carbon.g_per_million_output_tokens),
    ]


def _thousand(each: float | None) -> str:
    """Write the price of a thousand requests."""
    return UNKNOWN if each is None else digits(each * PER_THOUSAND)


def _percent(share: float | None) -> str:
    """Write a share."""
    return UNKNOWN if share is None else f"{digits(share * PERCENT)} %"


def _hours(hours: float | None) -> str:
    """Write how long a battery lasts."""
    if hours is None or hours >= 1.0:
        return in_unit(hours, HOURS)
    return seconds(hours * SECONDS_PER_HOUR)


def _grams(mass: float | None) -> str:
    """Write a mass."""
    return in_unit(mass, MASS)
