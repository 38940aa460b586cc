"""The INA3221 and INA238 power monitors of Jetson boards, through sysfs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from token2metrics.errors import ConfigurationError
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.rails import choose_rails
from token2metrics.power.sampler import PolledMeter
from token2metrics.power.units import MW_PER_W
from token2metrics.records import PowerScope

logger = logging.getLogger(__name__)

HWMON = "bus/i2c/drivers/ina3221*/*/hwmon/hwmon*"
IIO = "bus/i2c/drivers/ina3221*/*/iio:device*"
INA238 = "bus/i2c/drivers/ina238*/*/hwmon/hwmon*"
HWMON_LABEL = re.compile(r"in(\d+)_label")
IIO_LABEL = re.compile(r"rail_name_(\d+)")
SUM_OF_SHUNTS = "7"
"""Channel whose voltage is a sum, of nothing that has a power."""

NOT_CONNECTED = "NC"
INPUT_RAIL = "VIN"
"""What an INA238 without a label measures: the input of a Thor's carrier board."""

MICROWATTS_PER_W = 1e6
MS_PER_S = 1e3


@dataclass(frozen=True, slots=True)
class Channel:
    """One rail of a power monitor.

    Attributes:
        factors: Files with integers whose product is the power.
        per_watt: What the product is of one watt.
    """

    factors: tuple[Path, ...]
    per_watt: float

    def read_w(self) -> float:
        """Return the power now, in watts.

        Raises:
            OSError: If the sensor does not answer.
            ValueError: If it answers with something else than a number.
        """
        power = 1.0
        for file in self.factors:
            power *= int(file.read_bytes())
        return power / self.per_watt


class Ina3221Meter(PolledMeter):
    """Reads the rails of a board.

    Args:
        rail: Name of the rails.
        scope: What they include.
        channels: Whose powers are summed.
        options: Rate, clock and waiting.
    """

    def __init__(
        self, rail: str, scope: PowerScope, channels: Sequence[Channel], options: MeterOptions
    ) -> None:
        period_s = max(options.period_s, *(_update_s(channel) for channel in channels))
        super().__init__(rail, scope, period_s, options.timing)
        self._channels = tuple(channels)

    def read(self) -> float:
        """Return the power of the rails, in watts."""
        return sum(channel.read_w() for channel in self._channels)


def build(options: MeterOptions) -> Ina3221Meter:
    """Build the meter of this board.

    Raises:
        ConfigurationError: If there is no such monitor.
        DataError: If the board's total is not known, or the wanted rail is missing.
    """
    found = find_channels(options.sysfs_root)
    if not found:
        raise ConfigurationError(
            f"expected an INA3221 below {options.sysfs_root / 'bus/i2c/drivers'}, got none; "
            f"this is no Jetson, or its sysfs is hidden from this container"
        )
    choice = choose_rails(found, options.argument or options.rail)
    channels = [found[name] for name in choice.rails]
    return Ina3221Meter(choice.name, choice.scope, channels, options)


def find_channels(sysfs_root: Path) -> Mapping[str, Channel]:
    """Return the rails of a board by name.

    Args:
        sysfs_root: Where sysfs is mounted.
    """
    found: dict[str, Channel] = {}
    for chip in sorted(sysfs_root.glob(HWMON)):
        found |= dict(_hwmon_channels(chip))
    for chip in sorted(sysfs_root.glob(IIO)):
        found |= dict(_iio_channels(chip))
    for chip in sorted(sysfs_root.glob(INA238)):
        found |= dict(_ina238_channels(chip))
    return found


def _hwmon_channels(chip: Path) -> Iterator[tuple[str, Channel]]:
    """Yield the connected rails of an INA3221 since JetPack 5: millivolts and milliamperes."""
    for number, label in _labels(chip, HWMON_LABEL):
        volts, amperes = chip / f"in{number}_input", chip / f"curr{number}_input"
        if number != SUM_OF_SHUNTS and label != NOT_CONNECTED and amperes.exists():
            yield label, Channel((volts, amperes), MICROWATTS_PER_W)


def _iio_channels(chip: Path) -> Iterator[tuple[str, Channel]]:
    """Yield the rails of an INA3221 up to JetPack 4: milliwatts."""
    for number, label in _labels(chip, IIO_LABEL):
        if label != NOT_CONNECTED:
            yield label, Channel((chip / f"in_power{number}_input",), MW_PER_W)


def _ina238_channels(chip: Path) -> Iterator[tuple[str, Channel]]:
    """Yield the one rail of an INA238: microwatts."""
    power = chip / "power1_input"
    if power.exists():
        labels = dict(_labels(chip, re.compile("(in1|power1)_label")))
        label = labels.get("power1") or labels.get("in1") or INPUT_RAIL
        yield label, Channel((power,), MICROWATTS_PER_W)


def _labels(chip: Path, pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield what a pattern captures of the names of label files, and their content."""
    for file in sorted(chip.iterdir()):
        match = pattern.fullmatch(file.name)
        try:
            if match:
                yield match[1], file.read_text().strip()
        except (OSError, ValueError) as error:
            logger.warning("left out %s: %s", file, error)


def _update_s(channel: Channel) -> float:
    """Return how often the chip itself measures; 0 where it does not tell."""
    try:
        return int((channel.factors[0].parent / "update_interval").read_text()) / MS_PER_S
    except (OSError, ValueError):
        return 0.0
