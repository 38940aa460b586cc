"""The names under which logs and services tell a finished request, and their values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from token2metrics.errors import RequestError
from token2metrics.monitoring.observation import NOTHING_MEASURED, QUANTITIES, Observation
from token2metrics.vocabulary import Phase

ALIASES = MappingProxyType(
    {
        "ttft_s": "prefill_latency_s",
        "total_latency_s": "latency_s",
        "e2e_latency_s": "latency_s",
        "prompt_tokens": "input_tokens",
        "completion_tokens": "output_tokens",
    }
)
"""Other names of fields; where both are given, a field's own name counts."""

COUNTS = ("input_tokens", "output_tokens", "parallel")
WORDS = ("model", "device", "power_mode", "runtime", "precision", "timestamp")
REQUIRED = ("input_tokens", "output_tokens")
PHASE = "phase"
OF_THE_PHASE = ("latency_s", "energy_j")
"""What a row of a measurement table, which names its phase, tells of that phase alone."""

NOT_KNOWN = "nan"

SECONDS, MILLISECONDS = "_s", "_ms"

Fields = Mapping[str, object]


def observation_of(told: Fields, defaults: Mapping[str, str]) -> Observation:
    """Read a finished request from what its line tells.

    Args:
        told: Values by column or key; text, numbers or None.
        defaults: Model and conditions of lines that name none.

    Raises:
        RequestError: If a value is missing or impossible; the message is the reason.
    """
    fields = _by_field(told)
    for name in REQUIRED:
        if name not in fields:
            raise RequestError(f"{name} is missing")
    words = {name: str(fields[name]).strip() for name in WORDS if name in fields}
    counts = {name: _count(name, fields[name]) for name in COUNTS if name in fields}
    quantities = {
        name: _quantity(name, fields[name]) for name in QUANTITIES.values() if name in fields
    }
    hint = milliseconds_hint(told)
    if hint is not None and all(value is None for value in quantities.values()):
        raise RequestError(f"{NOTHING_MEASURED}; {hint}")
    make: Callable[..., Observation] = Observation
    return make(**{**defaults, **words}, **counts, **quantities)


def milliseconds_hint(names: Iterable[str]) -> str | None:
    """Say what to do about columns of milliseconds; None where there are none.

    Args:
        names: Columns or keys.
    """
    known = {*ALIASES, *QUANTITIES.values()}
    for name in (name.strip().casefold() for name in names):
        wanted = name.removesuffix(MILLISECONDS) + SECONDS
        if name.endswith(MILLISECONDS) and wanted in known:
            return f"rename {name} to {wanted} and divide it by 1,000"
    return None


def _by_field(told: Fields) -> dict[str, object]:
    """Return the values that are given, by the field they belong to."""
    given = {name.strip().casefold(): value for name, value in told.items() if _is_given(value)}
    renamed = {ALIASES[name]: value for name, value in given.items() if name in ALIASES}
    fields = {**renamed, **given}
    phase = str(fields.get(PHASE, Phase.REQUEST)).strip().casefold()
    if phase not in set(Phase):
        raise RequestError(f"phase is none of {', '.join(Phase)}")
    if phase != Phase.REQUEST:
        for name in OF_THE_PHASE:
            if name in fields:
                fields[f"{phase}_{name}"] = fields.pop(name)
    return fields


def _is_given(value: object) -> bool:
    """Return whether a value says anything."""
    return value is not None and (not isinstance(value, str) or bool(value.strip()))


def _number(name: str, value: object) -> float:
    """Return a number, from text where need be."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RequestError(f"{name} is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise RequestError(f"{name} is not a number") from None
    if not math.isfinite(number):
        raise RequestError(f"{name} is not a number")
    return number


def _count(name: str, value: object) -> int:
    """Return a whole number."""
    number = _number(name, value)
    if number != int(number):
        raise RequestError(f"{name} is not a whole number")
    return int(number)


def _quantity(name: str, value: object) -> float | None:
    """Return seconds or joules; what is unknown may be written as nan."""
    if isinstance(value, str) and value.strip().casefold() == NOT_KNOWN:
        return None
    return _number(name, value)
