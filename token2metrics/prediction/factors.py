"""The fitted weights in the units people know, beside what was believed of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from token2metrics.artifact.manifest import BelievedWeight, HardwareRecord, PhaseRecord
from token2metrics.calibration import PowerLaw
from token2metrics.cost import PhaseFormula, PhaseWeights
from token2metrics.curves.roofline import EXCESS_ORDER, TERM_OF_WEIGHT, RooflineCurve
from token2metrics.heads import LOAD_SHARE, PowerHead
from token2metrics.prediction.explanation import Factor
from token2metrics.prediction.terms import ALGEBRA, SLOPE_PREFIX, term_name
from token2metrics.workload import TILE_TOKENS, WIDE_TILE_TOKENS, WIDEST_TILE_TOKENS, Workload

PERCENT = 100.0

ROUNDED_TO = {
    "s_per_flop": "in whole tokens",
    "s_per_tile_flop": f"in tiles of {TILE_TOKENS}",
    "s_per_wide_tile_flop": f"in tiles of {WIDE_TILE_TOKENS}",
    "s_per_widest_tile_flop": f"in tiles of {WIDEST_TILE_TOKENS}",
}
"""How much of a prompt each arithmetic weight counts."""

TILE_OF_WEIGHT = {
    "tile": TILE_TOKENS,
    "wide_tile": WIDE_TILE_TOKENS,
    "widest_tile": WIDEST_TILE_TOKENS,
}


class _Unit(Struct, frozen=True):
    """A unit people know.

    Attributes:
        name: The unit.
        size: How much of the weight's own unit it is.
    """

    name: str
    size: float


GIGABYTES_PER_S = _Unit("GB/s", 1e9)
TERAFLOP_PER_S = _Unit("TFLOP/s", 1e12)
PERCENT_UNIT = _Unit("%", 1e-2)
PLAIN = _Unit("", 1.0)

UNITS = {
    "s_per_layer": _Unit("µs/layer", 1e-6),
    "intercept": _Unit("ms", 1e-3),
    "token": _Unit("µs/token", 1e-6),
    "step": _Unit("ms/step", 1e-3),
    "i1": _Unit("µs/token", 1e-6),
    "s1_i0": _Unit("ms/step", 1e-3),
    "attended": _Unit("ns/key", 1e-9),
}
SLOPE_UNIT = _Unit("µs/token", 1e-6)
TILE_UNIT = _Unit("µs/token", 1e-6)
OTHER_UNIT = _Unit("ns", 1e-9)
"""Units of weights in seconds per something; higher monomials have the last."""


class _Number(Struct, frozen=True):
    """A number on the edge device, and what was believed of it.

    Attributes:
        value: What was fitted; None for a rate whose work takes no time.
        believed: Median of the belief; None without one.
        spread: Of the belief's logarithm; None where it is not on record.
    """

    value: float | None
    believed: float | None = None
    spread: float | None = None

    def reciprocal(self) -> _Number:
        """Return the rate behind a weight in seconds per work."""
        return _Number(_inverse(self.value), _inverse(self.believed), self.spread)

    def factor(self, name: str, unit: _Unit, nominal: float | None = None) -> Factor:
        """Return the number in a unit.

        Args:
            name: What it is.
            unit: The unit.
            nominal: The device's figure, in the number's own unit.
        """
        value = self.value
        moved = math.log(value / self.believed) if value and self.believed else None
        return Factor(
            name=name,
            value=None if value is None else value / unit.size,
            unit=unit.name,
            nominal_percent=PERCENT * value / nominal if value is not None and nominal else None,
            believed=None if self.believed is None else self.believed / unit.size,
            spread=self.spread,
            moved_percent=None if moved is None else PERCENT * math.expm1(moved),
            moved_spreads=moved / self.spread if moved is not None and self.spread else None,
        )


def _inverse(value: float | None) -> float | None:
    """Return one over a number; None for zero and for nothing."""
    return 1.0 / value if value else None


class _Weights(Struct, frozen=True):
    """The curve weights of a phase as they act on the edge device."""

    values: Mapping[str, float]
    beliefs: Mapping[str, BelievedWeight]

    def one(self, name: str) -> _Number:
        """Return a single weight."""
        belief = self.beliefs.get(name)
        if belief is None:
            return _Number(self.values[name])
        return _Number(self.values[name], belief.median, belief.spread)

    def together(self, names: Collection[str]) -> _Number:
        """Return the sum of weights; how far a sum of beliefs spreads is not on record."""
        known = all(name in self.beliefs for name in names)
        believed = sum(self.beliefs[name].median for name in names) if known else None
        return _Number(sum(self.values[name] for name in names), believed)

    def share(self, name: str, names: Collection[str]) -> _Number:
        """Return a weight over a sum of weights; its belief spreads as that weight alone does."""
        part, whole = self.one(name), self.together(names)
        value = self.values[name] / whole.value if whole.value else None
        if part.believed is None or part.spread is None or not whole.believed:
            return _Number(value)
        rest = whole.believed - part.believed
        high = part.believed * math.exp(part.spread)
        believed = part.believed / whole.believed
        return _Number(value, believed, math.log(high / (high + rest) / believed))


def curve_factors(
    record: PhaseRecord,
    formula: PhaseFormula,
    weights: PhaseWeights[float],
    hardware: HardwareRecord,
    workload: Workload[float],
) -> tuple[Factor, ...]:
    """Return the numbers of a curve as they act on the edge device.

    Factors of a calibration are multiplied in; a power law has none in the same unit, so before
    one they are those of the source.

    Args:
        record: The phase's beliefs.
        formula: Its formula.
        weights: Its weights.
        hardware: Nominal figures of the device.
        workload: Any request.
    """
    names = list(formula.curve.basis(ALGEBRA, workload))
    acting = dict(weights.curve.values)
    if not isinstance(formula.calibration, PowerLaw):
        acting |= {name: acting[name] * _gain(name, weights.calibration) for name in names}
    fitted = _Weights(acting, record.beliefs)
    if isinstance(formula.curve, RooflineCurve):
        return tuple(_roofline(fitted, names, hardware))
    return tuple(_plain(fitted, names))


def _gain(weight: str, calibration: Mapping[str, float]) -> float:
    """Return what a calibration multiplies a curve weight by."""
    term = TERM_OF_WEIGHT.get(weight, weight)
    return calibration.get("gain", 1.0) * calibration.get(f"ratio_{term}", 1.0)


def _roofline(fitted: _Weights, names: Sequence[str], hardware: HardwareRecord) -> Iterable[Factor]:
    """Yield bandwidth, arithmetic and its tiles, launches, and the order of the norm."""
    bandwidth = hardware.memory_bandwidth_bytes_per_s
    reads = fitted.one("s_per_byte").reciprocal()
    yield reads.factor("bandwidth, weights", GIGABYTES_PER_S, bandwidth)
    if "s_per_kv_byte" in names:
        reads = fitted.one("s_per_kv_byte").reciprocal()
        yield reads.factor("bandwidth, KV cache", GIGABYTES_PER_S, bandwidth)
    if "s_per_flop" in names:
        rate = fitted.together(ROUNDED_TO).reciprocal()
        yield rate.factor("arithmetic", TERAFLOP_PER_S, hardware.compute_flop_per_s)
        for weight, words in ROUNDED_TO.items():
            yield fitted.share(weight, ROUNDED_TO).factor(words, PERCENT_UNIT)
        attention = fitted.one("s_per_attention_flop").reciprocal()
        yield attention.factor("attention", TERAFLOP_PER_S)
    yield fitted.one("s_per_layer").factor("launches", UNITS["s_per_layer"])
    if EXCESS_ORDER in fitted.values:
        yield fitted.one(EXCESS_ORDER).factor("norm order above 1", PLAIN)


def _plain(fitted: _Weights, names: Sequence[str]) -> Iterable[Factor]:
    """Yield the weights of a curve that knows no architecture."""
    for weight in names:
        name, unit = term_name(weight), UNITS.get(weight, OTHER_UNIT)
        if weight.startswith(SLOPE_PREFIX):
            name, unit = f"slope from {int(weight.removeprefix(SLOPE_PREFIX)):,}", SLOPE_UNIT
        elif weight in TILE_OF_WEIGHT:
            name, unit = f"tiles of {TILE_OF_WEIGHT[weight]}", TILE_UNIT
        yield fitted.one(weight).factor(name, unit)


def head_factors(head: PowerHead, weights: Mapping[str, float]) -> tuple[Factor, ...]:
    """Return the numbers of a power head.

    Args:
        head: Idle power and limit.
        weights: The head's weights.
    """
    range_w = head.power_limit_w - head.idle_power_w
    steady_w = head.idle_power_w + weights[LOAD_SHARE] * range_w
    return (
        Factor(name="base power (idle)", value=head.idle_power_w, unit="W"),
        Factor(name="steady power", value=steady_w, unit="W"),
        Factor(name="ramp, time constant", value=weights["ramp_s"], unit="s"),
        Factor(
            name="ramp, missing at start",
            value=PERCENT * weights["ramp_share"],
            unit=PERCENT_UNIT.name,
        ),
        Factor(
            name="saved by context",
            value=PERCENT * weights["context_saving"],
            unit=PERCENT_UNIT.name,
        ),
    )
