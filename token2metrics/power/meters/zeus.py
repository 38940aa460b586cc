"""Any accelerator that the library ``zeus`` knows, such as AMD's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.sampler import PolledMeter
from token2metrics.power.trace import CounterTrace
from token2metrics.records import PowerScope

LIBRARY = "zeus.device"
FIRST_CARD = "0"
MILLIJOULES_PER_J = 1_000.0


class ZeusMeter(PolledMeter):
    """Reads the energy counter of a card.

    Args:
        card: Number of the card.
        cards: What ``zeus.device.get_gpus`` returned.
        options: Rate, clock and waiting.
    """

    trace_type = CounterTrace

    def __init__(self, card: int, cards: Any, options: MeterOptions) -> None:
        super().__init__(f"gpu{card}", PowerScope.MODULE, options.period_s, options.timing)
        self._card = card
        self._cards = cards

    def read(self) -> float:
        """Return the joules that the card has counted."""
        try:
            counted_mj = self._cards.get_total_energy_consumption(self._card)
        except Exception as error:
            raise OSError(f"Zeus: {error}") from error
        return float(counted_mj) / MILLIJOULES_PER_J


def build(options: MeterOptions, cards: Any = None) -> ZeusMeter:
    """Build the meter of one card.

    Args:
        options: ``argument`` is the number of the card, the first where it is empty.
        cards: What ``zeus.device.get_gpus`` returns; None asks the library.

    Raises:
        MissingExtraError: If the library is not installed.
        ConfigurationError: If it knows no such card, or the card counts no energy.
    """
    card = options.argument or FIRST_CARD
    if not card.isdecimal():
        raise ConfigurationError(f"expected the number of a card after 'zeus:', got {card!r}")
    if cards is None:
        with needing("metering with Zeus"):
            library = import_module(LIBRARY)
        try:
            cards = library.get_gpus()
        except Exception as error:
            raise ConfigurationError(f"Zeus finds no accelerator: {error}") from error
    if int(card) >= len(cards) or not cards.supports_get_total_energy_consumption(int(card)):
        raise ConfigurationError(f"Zeus knows no card {card} that counts its energy")
    return ZeusMeter(int(card), cards, options)
