"""Between which energies a request lies where a phase was never metered.

Power never leaves the range from idle to the device's limit, so the energy of a phase lies between
idle power times its lower latency and the limit times its upper one. A metered phase keeps its own,
much narrower interval.
"""

from __future__ import annotations

from msgspec import Struct

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.intervals import Bounds, bounds_of_sum
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction

ALGEBRA = FloatAlgebra()


class Extent(Struct, frozen=True):
    """A quantity and its bounds.

    Attributes:
        value: The quantity.
        bounds: Around it.
    """

    value: float
    bounds: Bounds[float]

    def times(self, factor: float) -> Extent:
        """Return the quantity at a constant rate, such as seconds at some watts."""
        return Extent(
            self.value * factor, Bounds(self.bounds.lower * factor, self.bounds.upper * factor)
        )


class PhaseExtent(Struct, frozen=True):
    """How long a phase takes and, where it was metered, how much energy.

    Attributes:
        latency_s: Its seconds.
        energy_j: Its joules; None without measured energy.
    """

    latency_s: Extent
    energy_j: Extent | None


def energy_envelope_j(prediction: Prediction, hardware: HardwareRecord) -> Interval | None:
    """Bound the energy of a request, metered or not.

    Args:
        prediction: The request, of any number of parallel samples.
        hardware: The device it runs on.

    Returns:
        Joules at the prediction's confidence: its own interval where both phases were metered.
        None where a latency is unknown, or an unmetered phase runs on a device whose power limit
        nobody stated.
    """
    prefill, decode = (_phase_extent(one) for one in (prediction.prefill, prediction.decode))
    if prefill is None or decode is None:
        return None
    bounded = energy_bounds_j(prefill, decode, hardware)
    return None if bounded is None else Interval(lower=bounded.lower, upper=bounded.upper)


def energy_bounds_j(
    prefill: PhaseExtent, decode: PhaseExtent, hardware: HardwareRecord
) -> Bounds[float] | None:
    """Bound the energy of both phases together; neither bound falls as tokens rise.

    The errors of the phases are taken as independent, as those of every request are
    (``intervals.bounds_of_sum``).

    Args:
        prefill: Of the prompt.
        decode: Of the answer.
        hardware: The device's power range.

    Returns:
        Joules; None where the device's limit is needed and nobody stated it.
    """
    unmetered = prefill.energy_j is None or decode.energy_j is None
    if unmetered and hardware.power_limit_w >= UNLIMITED_POWER_W:
        return None
    least = bounds_of_both(*(_energy(one, hardware.idle_power_w) for one in (prefill, decode)))
    most = bounds_of_both(*(_energy(one, hardware.power_limit_w) for one in (prefill, decode)))
    return Bounds(least.lower, most.upper)


def bounds_of_both(one: Extent, other: Extent) -> Bounds[float]:
    """Bound the sum of two quantities whose errors are independent."""
    return bounds_of_sum(ALGEBRA, (one.value, other.value), (one.bounds, other.bounds))


def _energy(phase: PhaseExtent, power_w: float) -> Extent:
    """Return the metered energy of a phase; without one, its seconds at a power."""
    return phase.latency_s.times(power_w) if phase.energy_j is None else phase.energy_j


def _phase_extent(phase: PhasePrediction) -> PhaseExtent | None:
    """Return what is known of a phase; None without a latency."""
    latency_s = _extent(phase.latency_s, phase.latency_interval_s)
    if latency_s is None:
        return None
    return PhaseExtent(latency_s, _extent(phase.energy_j, phase.energy_interval_j))


def _extent(value: float | None, interval: Interval | None) -> Extent | None:
    """Return a value with its interval; None where either is unknown."""
    if value is None or interval is None:
        return None
    return Extent(value, Bounds(interval.lower, interval.upper))
