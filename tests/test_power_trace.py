"""The energy of a span: exact, additive, and refused rather than guessed."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from token2metrics.power.meter import FEWEST_BUSY_SAMPLES
from token2metrics.power.trace import GAP_PERIODS, CounterTrace, PowerTrace, idle_power_w

Reading = tuple[float, float]

EXACT = 1e-9
TIMES = st.floats(0, 1e4, allow_subnormal=False).map(lambda time_s: round(time_s, 6))
WATTS = st.floats(1e-3, 1e3)
POWERS = st.lists(st.tuples(TIMES, WATTS), min_size=2, max_size=30, unique_by=lambda one: one[0])
"""Power that is linear between knots."""

SHARES = st.floats(0, 1)
NOT_A_POWER = st.sampled_from((math.nan, math.inf, -math.inf, -1.0, -1e-9))


def within(power: list[Reading], share: float) -> float:
    """Return an instant between the first and the last reading."""
    first, last = min(power)[0], max(power)[0]
    return min(max(first + share * (last - first), first), last)


def exact_energy(power: list[Reading], start_s: float, end_s: float) -> Fraction:
    """Integrate linear pieces in rational numbers."""
    knots = [(Fraction(time_s), Fraction(watts)) for time_s, watts in sorted(power)]
    start, end = Fraction(start_s), Fraction(end_s)
    total = Fraction(0)
    for (t0, p0), (t1, p1) in pairwise(knots):
        low, high = max(start, t0), min(end, t1)
        if low < high:
            slope = (p1 - p0) / (t1 - t0)
            total += (high - low) * (2 * p0 + slope * (low + high - 2 * t0)) / 2
    return total


@given(POWERS, SHARES, SHARES)
def test_the_energy_of_piecewise_linear_power_is_exact(
    power: list[Reading], share: float, other: float
) -> None:
    """The trapezoid rule, clipped to the window, errs by rounding alone."""
    start_s, end_s = sorted((within(power, share), within(power, other)))
    energy_j = PowerTrace(power).energy_j(start_s, end_s)
    assert energy_j is not None
    exact = exact_energy(power, start_s, end_s)
    assert abs(Fraction(energy_j) - exact) <= Fraction(EXACT) * exact


@given(POWERS, SHARES, SHARES, SHARES)
def test_energy_is_additive(power: list[Reading], one: float, two: float, three: float) -> None:
    """A window has the energy of its parts."""
    start_s, middle_s, end_s = sorted(within(power, share) for share in (one, two, three))
    trace = PowerTrace(power)
    whole, *parts = (
        trace.energy_j(*span) for span in ((start_s, end_s), (start_s, middle_s), (middle_s, end_s))
    )
    assert whole is not None
    assert math.fsum(part for part in parts if part is not None) == pytest.approx(whole, rel=EXACT)


@given(st.lists(st.tuples(TIMES, WATTS), min_size=1, max_size=20), st.randoms())
def test_neither_order_nor_repetition_matters(power: list[Reading], random: Random) -> None:
    """Readings in any order, some of them twice, are the same trace."""
    shuffled = power + random.sample(power, len(power) // 2)
    random.shuffle(shuffled)
    known, again = PowerTrace(power), PowerTrace(shuffled)
    assert (known.times_s, known.values) == (again.times_s, again.values)
    assert (known.dropped, known.period_s) == (again.dropped, again.period_s)


@given(POWERS, st.lists(st.tuples(TIMES, NOT_A_POWER), max_size=5, unique_by=repr))
def test_what_is_no_power_is_dropped_and_counted(
    power: list[Reading], broken: list[Reading]
) -> None:
    """Readings that are not finite or below zero leave no trace but their number."""
    trace, clean = PowerTrace([*broken, *power, *broken]), PowerTrace(power)
    assert (trace.times_s, trace.values) == (clean.times_s, clean.values)
    assert trace.dropped == len(broken)


def test_different_readings_at_one_instant_are_averaged() -> None:
    """The mean is taken, however often each is repeated."""
    trace = PowerTrace([(0.0, 1.0), (0.0, 1.0), (0.0, 4.0), (1.0, 2.0)])
    assert list(trace.watts) == [2.5, 2.0]


@given(POWERS, st.floats(1e-3, 10))
def test_nothing_is_told_beyond_the_readings(power: list[Reading], beyond_s: float) -> None:
    """A window that reaches out at either end has no energy."""
    trace = PowerTrace(power)
    first, last = trace.times_s[0], trace.times_s[-1]
    for span, word in (((first - beyond_s, last), "starts"), ((first, last + beyond_s), "ends")):
        assert trace.energy_j(*span) is None
        window = trace.window(*span, fewest_samples=0)
        assert window.energy_j is None
        assert window.why_not is not None
        assert word in window.why_not


@given(st.integers(0, 12), st.integers(0, 12), SHARES, st.floats(0.05, 2))
def test_a_window_counts_its_readings(
    first: int, length: int, share: float, period_s: float
) -> None:
    """The readings inside decide whether there is an energy."""
    trace = PowerTrace((place * period_s, 10.0) for place in range(30))
    start_s = (first + share / 2) * period_s
    end_s = start_s + length * period_s
    inside = sum(start_s <= time_s <= end_s for time_s in trace.times_s)
    window = trace.window(start_s, end_s)
    assert window.samples == inside
    assert (window.energy_j is None) == (inside < FEWEST_BUSY_SAMPLES)
    assert (window.why_not is None) == (window.energy_j is not None)
    if window.energy_j is not None:
        assert window.energy_j == pytest.approx(10 * length * period_s, rel=EXACT)


@given(st.integers(2, 10), st.sets(st.integers(0, 99), max_size=60))
def test_lost_readings_are_told(first: int, lost: set[int]) -> None:
    """A gap of more than a few periods takes the energy away; a smaller one is bridged."""
    kept = [place for place in range(100) if place not in lost]
    assume(kept[0] <= first and kept[-1] >= 90)
    trace = PowerTrace((place * 0.1, 8.0) for place in kept)
    inner = [place for place in kept if first <= place <= 90]
    before = max(place for place in kept if place <= first)
    after = min(place for place in kept if place >= 90)
    places = sorted({before, *inner, after})
    widest = max((later - earlier) * 0.1 for earlier, later in pairwise(places))
    assume(trace.period_s is not None and not math.isclose(widest, GAP_PERIODS * trace.period_s))
    window = trace.window(first * 0.1, 90 * 0.1, fewest_samples=2)
    broken = trace.period_s is not None and widest > GAP_PERIODS * trace.period_s
    assert (window.energy_j is None) == broken
    if broken:
        assert "missing" in str(window.why_not)


def test_a_short_prefill_between_idle_readings_has_no_energy() -> None:
    """Idle power is never taken for load."""
    trace = PowerTrace((float(second), 9.0) for second in range(60))
    window = trace.window(10.1, 10.3)
    assert (window.energy_j, window.samples) == (None, 0)
    assert window.why_not == "0 power readings in 0.200 s, fewer than the 5 needed"


@pytest.mark.parametrize("span", [(0.5, 0.4), (math.nan, 1.0), (0.0, math.nan)])
def test_an_impossible_window_is_refused(span: Reading) -> None:
    """A window must not end before it starts."""
    window = PowerTrace([(0.0, 1.0), (1.0, 1.0)]).window(*span)
    assert window.energy_j is None
    assert "before its start" in str(window.why_not)


def test_no_reading_has_no_energy() -> None:
    """A meter that gave nothing says so."""
    trace = PowerTrace(())
    assert trace.energy_j(0.0, 0.0) is None
    assert trace.window(0.0, 1.0).why_not == "the meter gave no reading"
    assert trace.period_s is None


@given(POWERS, SHARES, SHARES)
def test_a_counter_tells_differences(power: list[Reading], one: float, other: float) -> None:
    """A counter of joules integrates by itself: constant power between its readings."""
    trace = CounterTrace((time_s, 7.0 * time_s) for time_s, _ in power)
    start_s, end_s = sorted((within(power, one), within(power, other)))
    assert trace.energy_j(start_s, end_s) == pytest.approx(7 * (end_s - start_s), abs=1e-6)
    assert trace.window(start_s, end_s).samples is None


@given(st.floats(1, 50), st.integers(5, 80), st.integers(0, 40), SHARES)
def test_idle_power_is_that_outside_of_load(
    idle_w: float, idle: int, busy: int, share: float
) -> None:
    """Load inside the windows does not count, and few bursts outside do not either."""
    start = int(share * idle)
    watts = [idle_w] * start + [90.0] * busy + [idle_w] * (idle - start)
    trace = PowerTrace((place * 0.1, power) for place, power in enumerate(watts))
    load = (start * 0.1 - 0.01, (start + busy - 1) * 0.1 + 0.01)
    assert idle_power_w(trace, [load] if busy else []) == pytest.approx(idle_w)


def test_idle_power_sees_past_bursts_and_coarse_steps() -> None:
    """A sensor that jumps between two steps has their mean; a burst is no idle power."""
    trace = PowerTrace(
        (place * 0.1, 60.0 if 200 <= place < 220 else 10.0 + place % 2) for place in range(600)
    )
    assert idle_power_w(trace, []) == pytest.approx(10.5)
    assert idle_power_w(trace, [(0.0, 59.7)]) is None
