"""NVIDIA graphics cards, through NVML: their energy counter, or their power."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.sampler import PolledMeter
from token2metrics.power.trace import CounterTrace
from token2metrics.records import PowerScope

logger = logging.getLogger(__name__)

LIBRARY = "pynvml"
FIRST_CARD = "0"
MILLI = 1_000.0


class NvmlMeter(PolledMeter):
    """Reads the power of a card.

    Args:
        rail: Name of the card.
        ask: Returns milliwatts, or millijoules of a counter.
        library: The module ``pynvml``, initialised.
        options: Rate, clock and waiting.
    """

    def __init__(
        self, rail: str, ask: Callable[[], int], library: Any, options: MeterOptions
    ) -> None:
        super().__init__(rail, PowerScope.MODULE, options.period_s, options.timing)
        self._ask = ask
        self._library = library

    def read(self) -> float:
        """Return watts, or joules of a counter."""
        try:
            return self._ask() / MILLI
        except self._library.NVMLError as error:
            raise OSError(str(error)) from error


class NvmlCounterMeter(NvmlMeter):
    """Reads the energy that a card counts by itself, from Volta on."""

    trace_type = CounterTrace


def build(options: MeterOptions, library: Any = None) -> NvmlMeter:
    """Build the meter of one card.

    Args:
        options: ``argument`` is the number of the card, the first where it is empty.
        library: The module ``pynvml``; None imports it.

    Raises:
        MissingExtraError: If the library is not installed.
        ConfigurationError: If there is no card that tells its power.
    """
    if library is None:
        with needing("reading the energy of an NVIDIA card"):
            library = import_module(LIBRARY)
    card = options.argument or FIRST_CARD
    if not card.isdecimal():
        raise ConfigurationError(f"expected the number of a card after 'nvml:', got {card!r}")
    try:
        library.nvmlInit()
        handle = library.nvmlDeviceGetHandleByIndex(int(card))
        cards = library.nvmlDeviceGetCount()
    except library.NVMLError as error:
        raise ConfigurationError(f"expected NVIDIA card {card} with a driver: {error}") from error
    if cards > 1 and not options.argument:
        logger.warning("%d NVIDIA cards are there, card %s alone is metered", cards, card)
    return _meter(f"gpu{card}", handle, library, options)


def _meter(rail: str, handle: Any, library: Any, options: MeterOptions) -> NvmlMeter:
    """Return the best meter that the card supports."""
    problem: Exception | None = None
    for kind, function in (
        (NvmlCounterMeter, library.nvmlDeviceGetTotalEnergyConsumption),
        (NvmlMeter, library.nvmlDeviceGetPowerUsage),
    ):
        try:
            function(handle)
        except library.NVMLError as error:
            problem = error
        else:
            return kind(rail, partial(function, handle), library, options)
    raise ConfigurationError(
        f"{rail} tells neither energy nor power: {problem}; on a Jetson NVML never does, "
        f"read its rails with 'ina3221' or 'tegrastats' instead"
    )
