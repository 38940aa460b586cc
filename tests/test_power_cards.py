"""Graphics cards: the real library where there is one, and answers as it gives them elsewhere."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from tests.power_hardware import SteppedTime
from token2metrics.errors import ConfigurationError
from token2metrics.power.meter import Window
from token2metrics.power.meters import MeterOptions, build_meter, nvml, zeus
from token2metrics.power.sampler import PolledMeter
from token2metrics.records import PowerScope

STEPS = 10
PERIOD_S = 0.1
POWER_MW = 40_000


class CardError(Exception):
    """What a library raises when a card does not support something."""


class Card:
    """A card that draws 40 W and counts its energy, as far as it supports that."""

    def __init__(self, *, counts: bool = True, tells: bool = True) -> None:
        self.counts = counts
        self.tells = tells
        self.energy_mj = 5_000_000_000

    def energy(self, *_: object) -> int:
        """Return millijoules since the driver was loaded."""
        if not self.counts:
            raise CardError("Not Supported")
        return self.energy_mj

    def power(self, *_: object) -> int:
        """Return milliwatts."""
        if not self.tells:
            raise CardError("Not Supported")
        return POWER_MW


def library_of(*cards: Card) -> Any:
    """Return what NVIDIA's library offers of some cards."""

    def handle(number: int) -> Card:
        if number >= len(cards):
            raise CardError("Invalid Argument")
        return cards[number]

    return SimpleNamespace(
        NVMLError=CardError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: len(cards),
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetTotalEnergyConsumption=Card.energy,
        nvmlDeviceGetPowerUsage=Card.power,
    )


def metered(meter: PolledMeter, card: Card, time: SteppedTime) -> Window:
    """Return what a meter says of a second at 40 W."""
    with meter:
        start_s = time.now_s
        for _ in range(STEPS):
            card.energy_mj += round(POWER_MW * PERIOD_S)
            time.step()
        return meter.window(start_s, time.now_s)


def test_a_card_that_counts_is_read_by_its_counter() -> None:
    """Joules of the counter, which needs no samples."""
    card, time = Card(), SteppedTime()
    meter = nvml.build(MeterOptions(timing=time.timing), library_of(card))
    assert (meter.rail, meter.scope) == ("gpu0", PowerScope.MODULE)
    window = metered(meter, card, time)
    assert window.energy_j == pytest.approx(40.0)
    assert window.samples is None


def test_a_card_that_does_not_count_is_polled() -> None:
    """Watts between samples, as of any rail."""
    card, time = Card(counts=False), SteppedTime()
    meter = nvml.build(MeterOptions(timing=time.timing), library_of(card))
    window = metered(meter, card, time)
    assert window.energy_j == pytest.approx(40.0)
    assert window.samples == STEPS + 1


def test_a_card_that_stops_answering_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Readings that fail are left out."""
    card, time = Card(), SteppedTime()
    meter = nvml.build(MeterOptions(timing=time.timing), library_of(card))
    with caplog.at_level(logging.WARNING), meter:
        card.counts = False
        time.step()
    assert meter.failures == 1
    assert "a reading of gpu0 failed" in caplog.text


def test_a_jetson_is_sent_to_its_rails() -> None:
    """NVML loads there and supports nothing."""
    with pytest.raises(ConfigurationError, match="on a Jetson NVML never does"):
        nvml.build(MeterOptions(), library_of(Card(counts=False, tells=False)))


def test_one_of_several_cards_is_metered(caplog: pytest.LogCaptureFixture) -> None:
    """The first, with a word about the others, or the one that is named."""
    library = library_of(Card(), Card())
    with caplog.at_level(logging.WARNING):
        assert nvml.build(MeterOptions(argument="1"), library).rail == "gpu1"
        assert not caplog.records
        assert nvml.build(MeterOptions(), library).rail == "gpu0"
    assert "2 NVIDIA cards are there, card 0 alone is metered" in caplog.text
    with pytest.raises(ConfigurationError, match="expected NVIDIA card 7"):
        nvml.build(MeterOptions(argument="7"), library)


def test_the_real_library_is_used() -> None:
    """With a card it meters, without one it says what is missing."""
    library = pytest.importorskip("pynvml")
    try:
        library.nvmlInit()
        cards = library.nvmlDeviceGetCount()
    except library.NVMLError:
        cards = 0
    if not cards:
        with pytest.raises(ConfigurationError, match="expected NVIDIA card 0 with a driver"):
            build_meter("nvml")
    else:
        meter = build_meter("nvml")
        assert isinstance(meter, nvml.NvmlMeter)
        assert meter.read() > 0


class ZeusCards:
    """What ``zeus.device.get_gpus`` returns of one card."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def __len__(self) -> int:
        return 1

    def supports_get_total_energy_consumption(self, _: int) -> bool:
        """Return whether the card counts."""
        return self.card.counts

    def get_total_energy_consumption(self, number: int) -> int:
        """Return millijoules."""
        return self.card.energy(number)


def test_a_card_that_zeus_knows_is_read() -> None:
    """Its counter, in joules; a card that does not count is refused."""
    card, time = Card(), SteppedTime()
    meter = zeus.build(MeterOptions(timing=time.timing), ZeusCards(card))
    assert metered(meter, card, time).energy_j == pytest.approx(40.0)
    for cards, number in ((ZeusCards(Card(counts=False)), ""), (ZeusCards(card), "1")):
        with pytest.raises(ConfigurationError, match="counts its energy"):
            zeus.build(MeterOptions(argument=number), cards)


def test_a_card_that_zeus_loses_has_no_energy(caplog: pytest.LogCaptureFixture) -> None:
    """What the library raises is the reason of windows without energy, and is refused at first."""
    card, time = Card(), SteppedTime()
    meter = zeus.build(MeterOptions(timing=time.timing), ZeusCards(card))
    with caplog.at_level(logging.WARNING), meter:
        start_s = time.now_s
        card.counts = False
        for _ in range(STEPS):
            time.step()
        window = meter.window(start_s, time.now_s)
    assert meter.failures == STEPS
    assert window.energy_j is None
    assert "after the last reading (a reading failed: Zeus: Not Supported)" in str(window.why_not)
    with pytest.raises(ConfigurationError, match="cannot read the power of gpu0: Zeus"), meter:
        pass


def test_the_real_zeus_finds_a_card_or_says_why_not() -> None:
    """The library is used as it is installed."""
    pytest.importorskip("zeus.device")
    try:
        meter = build_meter("zeus")
    except ConfigurationError as refusal:
        pytest.skip(f"no card: {refusal}")
    assert isinstance(meter, zeus.ZeusMeter)
    assert meter.read() > 0
