"""Energy counters of Intel and AMD processors, through powercap."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from token2metrics.errors import ConfigurationError
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.rails import JOIN
from token2metrics.power.sampler import PolledMeter
from token2metrics.power.trace import CounterTrace
from token2metrics.records import PowerScope

POWERCAP = "class/powercap"
DOMAIN = re.compile(r"intel-rapl:\d+")
"""Domains at the top; those below, such as the cores, are parts of them."""

PACKAGE = "package"
MICROJOULES_PER_J = 1e6


@dataclass(slots=True)
class Domain:
    """A counter that starts again from zero at some value.

    Attributes:
        name: Name of the domain, such as ``package-0``.
        file: Where its microjoules stand.
        range_uj: Microjoules after which it starts again.
        last_uj: What it said last.
        counted_uj: Microjoules since it was first read.
    """

    name: str
    file: Path
    range_uj: int
    last_uj: int
    counted_uj: int = 0

    def read_j(self) -> float:
        """Return the joules since the counter was opened."""
        now_uj = int(self.file.read_text())
        self.counted_uj += (now_uj - self.last_uj) % self.range_uj
        self.last_uj = now_uj
        return self.counted_uj / MICROJOULES_PER_J


class RaplMeter(PolledMeter):
    """Reads the energy of all processor packages.

    Args:
        domains: Whose energies are summed.
        options: Rate, clock and waiting.
    """

    trace_type = CounterTrace

    def __init__(self, domains: tuple[Domain, ...], options: MeterOptions) -> None:
        rail = JOIN.join(domain.name for domain in domains)
        super().__init__(rail, PowerScope.RAIL, options.period_s, options.timing)
        self._domains = domains

    def read(self) -> float:
        """Return the joules since the meter was built."""
        return sum(domain.read_j() for domain in self._domains)


def build(options: MeterOptions) -> RaplMeter:
    """Build the meter of this machine's processors.

    Raises:
        ConfigurationError: If there is no counter, it may not be read, or only a
            part of it is asked for.
    """
    if options.argument:
        raise ConfigurationError(
            f"expected 'rapl' alone, which meters all processor packages, got "
            f"'rapl:{options.argument}'"
        )
    root = options.sysfs_root / POWERCAP
    folders = sorted(root.iterdir()) if root.is_dir() else []
    try:
        domains = tuple(
            _open(folder)
            for folder in folders
            if DOMAIN.fullmatch(folder.name)
            and (folder / "name").read_text().strip().startswith(PACKAGE)
        )
    except PermissionError as error:
        raise ConfigurationError(
            f"cannot read {error.filename}: permission denied; run as root, or let everyone read "
            f"it: sudo chmod a+r {error.filename}"
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read the energy counters in {root}: {error}") from error
    if not domains:
        raise ConfigurationError(f"expected a processor package in {root}, got none")
    return RaplMeter(domains, options)


def _open(folder: Path) -> Domain:
    """Read a domain for the first time.

    Raises:
        OSError: If a file of it cannot be read.
        ValueError: If it tells no number, or no range after which it starts again.
    """
    counter, limit = folder / "energy_uj", folder / "max_energy_range_uj"
    range_uj = int(limit.read_text())
    if range_uj <= 0:
        raise ValueError(f"expected a positive range in {limit}, got {range_uj}")
    return Domain(
        name=(folder / "name").read_text().strip(),
        file=counter,
        range_uj=range_uj,
        last_uj=int(counter.read_text()),
    )
