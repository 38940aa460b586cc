"""Numbers and lists in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_NAMED = 6
"""Of more, the rest is counted."""

TENTHS_FROM_PERCENT, WHOLE_FROM_PERCENT = 1.0, 10.0


def listed(names: Sequence[str]) -> str:
    """Join names: ``a, b and c``; of many the rest is counted."""
    if len(names) > MOST_NAMED:
        shown = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    else:
        shown = list(names)
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def per_cent(value: float) -> str:
    """Write a percentage as people do: 0.17 %, 4.9 %, 23 %."""
    size = abs(value)
    decimals = 0 if size >= WHOLE_FROM_PERCENT else 1 if size >= TENTHS_FROM_PERCENT else 2
    return f"{value:,.{decimals}f} %"


def between(values: Iterable[float]) -> str:
    """Write percentages as a range: ``0.1 to 4.9 %``; one where they are alike."""
    low, *_, high = ordered if len(ordered := sorted(values)) > 1 else [*ordered, *ordered]
    first, last = per_cent(low), per_cent(high)
    return last if first == last else f"{first.removesuffix(' %')} to {last}"


def of_counts(values: Iterable[int]) -> str:
    """Write counts as a range: ``3 to 17``; one where they are alike."""
    low, *_, high = ordered if len(ordered := sorted(values)) > 1 else [*ordered, *ordered]
    return f"{high:,}" if low == high else f"{low:,} to {high:,}"
