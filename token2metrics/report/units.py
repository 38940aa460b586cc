"""Numbers for the eye: three significant digits and the unit that suits them."""

from __future__ import annotations

from collections.abc import Sequence

UNKNOWN = "-"
WHOLE_FROM = 100.0
PER_REQUESTS = ((1.0, "per request"), (1e3, "per thousand requests"), (1e6, "per million requests"))
SMALLEST_LEGIBLE_PRICE = 0.1

Scale = Sequence[tuple[float, str]]
"""Units with their size, the largest first."""

TIME: Scale = ((3600.0, "h"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
ENERGY: Scale = ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"))
BYTES: Scale = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
FLOP: Scale = ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1.0, "FLOP"))
POWER: Scale = ((1e3, "kW"), (1.0, "W"), (1e-3, "mW"))
PERCENT = 100.0


def digits(value: float | None) -> str:
    """Write a number with three significant digits."""
    if value is None:
        return UNKNOWN
    if abs(value) >= WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def percent(value: float | None) -> str:
    """Write a percentage with two decimals."""
    return UNKNOWN if value is None else f"{value:.2f}"


def in_unit(value: float | None, scale: Scale) -> str:
    """Write a quantity in the largest unit of a scale that it reaches."""
    if value is None:
        return UNKNOWN
    fitting = [(size, unit) for size, unit in scale if abs(value) >= size]
    size, unit = fitting[0] if fitting else scale[-1]
    if value == 0:
        return f"0 {next(unit for size, unit in scale if size == 1.0)}"
    return f"{digits(value / size)} {unit}"


def seconds(value: float | None) -> str:
    """Write a duration."""
    return in_unit(value, TIME)


def joules(value: float | None) -> str:
    """Write an energy."""
    return in_unit(value, ENERGY)


def watts(value: float | None) -> str:
    """Write a power."""
    return in_unit(value, POWER)


def bytes_of(value: float | None) -> str:
    """Write an amount of memory."""
    return in_unit(value, BYTES)


def flop(value: float | None) -> str:
    """Write an amount of arithmetic."""
    return in_unit(value, FLOP)


def money(value: float | None) -> str:
    """Write the price of a request, of a thousand or of a million, whichever is legible."""
    if value is None:
        return UNKNOWN
    for count, words in PER_REQUESTS:
        if value * count >= SMALLEST_LEGIBLE_PRICE:
            return f"{digits(value * count)} {words}"
    count, words = PER_REQUESTS[-1]
    return f"{digits(value * count)} {words}"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun in the right number."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def upper_end(confidence: float) -> str:
    """Name the upper end of two-sided intervals by how many lie below it."""
    return f"{PERCENT * (1.0 + confidence) / 2.0:g}% below"
