"""Power meters, and the factory that builds one by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from token2metrics.errors import ConfigurationError, Token2MetricsError
from token2metrics.power.meter import PowerMeter
from token2metrics.power.meters import constant, ina3221, nvml, rapl, replay, tegrastats, zeus
from token2metrics.power.meters.options import MeterOptions

__all__ = ["AUTO", "METERS", "NONE", "MeterOptions", "build_meter"]

logger = logging.getLogger(__name__)

AUTO = "auto"
NONE = "none"
METERS: Mapping[str, Callable[[MeterOptions], PowerMeter]] = {
    "ina3221": ina3221.build,
    "tegrastats": tegrastats.build,
    "nvml": nvml.build,
    "rapl": rapl.build,
    "zeus": zeus.build,
    "constant": constant.build,
    "replay": replay.build,
}
"""Every meter by its name."""

TRIED = ("ina3221", "tegrastats", "nvml", "rapl")
"""What ``auto`` tries, those that see the whole board first."""

DEFAULT_OPTIONS = MeterOptions()


def build_meter(spec: str, options: MeterOptions = DEFAULT_OPTIONS) -> PowerMeter | None:
    """Build a power meter.

    Args:
        spec: ``auto``, ``none``, or the name of a meter, some with an argument:
            ``ina3221[:RAIL]``, ``tegrastats[:RAIL]``, ``nvml[:CARD]``, ``rapl``, ``zeus[:CARD]``,
            ``constant:WATTS[:SCOPE]``, ``replay:FILE[:RAIL]``.
        options: Rail, rate, clock and where sysfs is.

    Returns:
        None for ``none``, and for ``auto`` where no meter is found.

    Raises:
        ConfigurationError: If the spec is unknown or the meter is not there.
        DataError: If the rails to sum are not known, or a log cannot be read.
        MissingExtraError: If an optional package is not installed.
    """
    name, _, argument = spec.partition(":")
    if spec == NONE:
        return None
    if spec == AUTO:
        return _first_found(options)
    if name not in METERS:
        known = ", ".join((AUTO, NONE, *METERS))
        raise ConfigurationError(f"expected a power meter among {known}, got {spec!r}")
    return METERS[name](replace(options, argument=argument))


def _first_found(options: MeterOptions) -> PowerMeter | None:
    """Return the first meter that this machine has, and tell why not those before it."""
    problems = []
    for name in TRIED:
        try:
            meter = METERS[name](replace(options, argument=""))
        except Token2MetricsError as error:
            logger.info("no power from %s: %s", name, error)
            problems.append(f"{name}: {error}")
        else:
            logger.info("power from %s: %s (%s)", name, meter.rail, meter.scope)
            return meter
    logger.warning("no power meter found, energy stays unknown (%s)", "; ".join(problems))
    return None
