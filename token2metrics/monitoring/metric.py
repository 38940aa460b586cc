"""What is compared of a finished request."""

from enum import StrEnum

from token2metrics.vocabulary import Phase


class Metric(StrEnum):
    """A measured quantity that has a prediction."""

    LATENCY = "latency"
    ENERGY = "energy"


def tracked_name(phase: Phase, metric: Metric) -> str:
    """Return the name of what is tracked, such as ``prefill latency``."""
    return f"{phase} {metric}"
