"""Short names of configurations: only what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.comparing.comparison import ConfigurationResult

FIELDS = ("artifact", "device", "power_mode", "runtime", "precision")
SHOWN_CONDITIONS = FIELDS[1:]


def names_of(compared: Sequence[ConfigurationResult]) -> list[str]:
    """Return a name for each configuration.

    Args:
        compared: The configurations.

    Returns:
        The model, what of its conditions differs between configurations, samples at once where
        several are compared, and the cap.
    """
    differing = [field for field in FIELDS if len({getattr(one, field) for one in compared}) > 1]
    several = len({one.parallel for one in compared}) > 1
    return [" ".join(_parts(one, differing, several)) for one in compared]


def common_conditions(compared: Sequence[ConfigurationResult]) -> str:
    """Return what all configurations share, in words."""
    shared = []
    for field in SHOWN_CONDITIONS:
        values = {getattr(one, field) for one in compared}
        shared += [value for value in values if len(values) == 1 and value]
    samples = {one.parallel for one in compared}
    if len(samples) == 1 and samples != {1}:
        shared.append(f"{samples.pop()} samples at once")
    return ", ".join(shared)


def _parts(one: ConfigurationResult, differing: Sequence[str], several: bool) -> list[str]:
    """Return the words of a name."""
    parts = [one.name]
    parts += [str(value) for field in differing if (value := getattr(one, field)) is not None]
    if several:
        parts.append(f"x{one.parallel}")
    if one.max_output_tokens is not None:
        parts.append(f"≤{one.max_output_tokens}")
    return parts
