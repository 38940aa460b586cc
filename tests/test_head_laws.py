"""The laws of power heads and of the meters that read them, at any lawful weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import SLACK, never_falls
from tests.strategies import FLOATS, Noise, draw_hardware, draw_values, seeds
from token2metrics.heads import LOAD_SHARE, MAX_RAMP_S, MIN_RAMP_S, PowerHead, Window
from token2metrics.modeling.torch_algebra import TorchAlgebra

pytestmark = pytest.mark.law

LIMIT_W = 60.0
LONGEST_S = 1e6
LONGEST_WINDOW_S = 1e4
MOST_READINGS = 400
LONG_RAMPS = 40.0
"""After so many ramps nothing of the ramp is left."""

DISCRETE = 1e-9
"""Relative difference between a closed sum and one by hand."""

NEVER = 1e-7
"""A period in seconds that no meter has: as good as an integral."""

durations_s = st.floats(0.0, LONGEST_S) | st.integers(-300, 6).map(lambda power: 10.0**power)
shares = st.sampled_from((0.0, 1.0)) | st.floats(0.0, 1.0)
readings = st.integers(1, MOST_READINGS)
periods_s = st.sampled_from((1e-3, 0.1, 1.0, 30.0)) | st.floats(1e-3, 30.0)


def draw_head(seed: int) -> tuple[PowerHead, dict[str, float]]:
    """Draw a device's head and lawful weights for it."""
    chance = Random(seed)
    hardware = draw_hardware(chance)
    head = PowerHead(hardware.idle_power_w, hardware.power_limit_w)
    return head, draw_values(chance, head.parameters(), chance.choice(tuple(Noise)))


def steady_and_rise_w(head: PowerHead, weights: Mapping[str, float]) -> tuple[float, float]:
    """Return the power after the ramp, and how far below it the ramp starts."""
    load_w = weights[LOAD_SHARE] * (head.power_limit_w - head.idle_power_w)
    return head.idle_power_w + load_w, load_w * weights["ramp_share"]


def power_w(head: PowerHead, weights: Mapping[str, float], time_s: float) -> float:
    """Return the power at a time, of work that no context lengthens."""
    steady_w, rise_w = steady_and_rise_w(head, weights)
    return steady_w - rise_w * math.exp(-time_s / weights["ramp_s"])


@given(seed=seeds, duration_s=durations_s, more_s=durations_s)
def test_a_ramp_never_falls(seed: int, duration_s: float, more_s: float) -> None:
    """Mean power rises with the duration, from 1e-300 s to days, and energy with it."""
    head, weights = draw_head(seed)
    longer_s = duration_s + more_s
    less_w, more_w = (
        head.mean_power_w(FLOATS, seconds, seconds, weights) for seconds in (duration_s, longer_s)
    )
    assert never_falls(less_w, more_w)
    assert less_w >= head.idle_power_w * (1.0 - SLACK)
    assert more_w <= head.power_limit_w * (1.0 + SLACK)
    assert never_falls(less_w * duration_s, more_w * longer_s)


@given(seed=seeds, bare_s=durations_s, context_s=durations_s, bare=durations_s, context=durations_s)
def test_energy_never_falls_with_context(
    seed: int, bare_s: float, context_s: float, bare: float, context: float
) -> None:
    """Work of more context, or more work beside it, draws between idle and limit and no less."""
    head, weights = draw_head(seed)
    less_s, more_s = bare_s + context_s, bare_s + bare + context_s + context
    less_w = head.mean_power_w(FLOATS, less_s, bare_s, weights)
    more_w = head.mean_power_w(FLOATS, more_s, bare_s + bare, weights)
    for mean_w in (less_w, more_w):
        assert head.idle_power_w * (1.0 - SLACK) <= mean_w <= head.power_limit_w * (1.0 + SLACK)
    assert never_falls(less_w * less_s, more_w * more_s)


@given(seed=seeds, latency_s=st.floats(1e-3, LONGEST_S), share=shares, saving=shares)
def test_context_saves_its_share_of_the_load(
    seed: int, latency_s: float, share: float, saving: float
) -> None:
    """Time added by context draws less by the saving, beside work that draws as before."""
    head, drawn = draw_head(seed)
    weights = {**drawn, "context_saving": saving}
    bare_s = latency_s * share
    full_w = head.mean_power_w(FLOATS, latency_s, latency_s, weights) - head.idle_power_w
    saved_w = head.mean_power_w(FLOATS, latency_s, bare_s, weights) - head.idle_power_w
    expected_w = full_w * (1.0 - saving * (1.0 - bare_s / latency_s))
    assert saved_w == pytest.approx(expected_w, rel=DISCRETE, abs=DISCRETE * LIMIT_W)


@given(seed=seeds, count=readings, period_s=periods_s)
def test_a_meter_sums_its_readings(seed: int, count: int, period_s: float) -> None:
    """Over a window that the work fills, ``sum of p P(k p)`` by hand, the first as work begins."""
    head, weights = draw_head(seed)
    length_s = count * period_s
    by_hand_j = sum(period_s * power_w(head, weights, k * period_s) for k in range(count))
    read_j = head.window_energy_j(FLOATS, length_s, length_s, Window(length_s, period_s), weights)
    steady_w, _ = steady_and_rise_w(head, weights)
    assert read_j == pytest.approx(by_hand_j, rel=DISCRETE, abs=DISCRETE * steady_w * length_s)


@given(seed=seeds, length_s=st.floats(1e-2, LONGEST_WINDOW_S))
def test_a_quick_meter_integrates(seed: int, length_s: float) -> None:
    """As readings get closer their sum tends, from below, to mean power times time."""
    head, weights = draw_head(seed)
    whole_j = head.mean_power_w(FLOATS, length_s, length_s, weights) * length_s
    read_j = [
        head.window_energy_j(FLOATS, length_s, length_s, Window(length_s, period_s), weights)
        for period_s in (1.0, 0.1, 0.01, NEVER, 0.0)
    ]
    assert all(never_falls(less, more) for less, more in pairwise(read_j))
    assert read_j[-1] == pytest.approx(whole_j, rel=DISCRETE)
    assert read_j[-2] == pytest.approx(whole_j, rel=NEVER / MIN_RAMP_S + NEVER / length_s)


@given(seed=seeds, period_s=periods_s, count=readings)
def test_long_windows_lack_a_constant(seed: int, period_s: float, count: int) -> None:
    """``E(N) = P p N - c`` once the ramp is over, with ``c`` the sum of the missing readings."""
    head, weights = draw_head(seed)
    steady_w, rise_w = steady_and_rise_w(head, weights)
    first = math.ceil(LONG_RAMPS * weights["ramp_s"] / period_s)
    missing_j = rise_w * period_s / -math.expm1(-period_s / weights["ramp_s"])
    for number in (first, first + count):
        length_s = number * period_s
        window = Window(length_s, period_s)
        read_j = head.window_energy_j(FLOATS, length_s, length_s, window, weights)
        assert read_j == pytest.approx(steady_w * length_s - missing_j, rel=DISCRETE)


@given(seed=seeds, latency_s=durations_s, share=shares, length_s=durations_s, period_s=durations_s)
def test_a_reading_is_finite_and_not_negative(
    seed: int, latency_s: float, share: float, length_s: float, period_s: float
) -> None:
    """Whatever the window and the period, in both algebras alike."""
    head, weights = draw_head(seed)
    numbers = (latency_s, latency_s * share, length_s, period_s)
    worked_s, bare_s, seen_s, every_s = numbers
    read_j = head.window_energy_j(FLOATS, worked_s, bare_s, Window(seen_s, every_s), weights)
    assert 0.0 <= read_j < math.inf
    work_s, alone_s, window_s, apart_s = torch.tensor([numbers], dtype=torch.float64).T
    columns = {
        name: torch.tensor([[value]], dtype=torch.float64) for name, value in weights.items()
    }
    window = Window(window_s, apart_s)
    batched = head.window_energy_j(TorchAlgebra(), work_s, alone_s, window, columns)
    most_j = head.power_limit_w * max(latency_s, length_s)
    assert float(batched) == pytest.approx(read_j, rel=DISCRETE, abs=DISCRETE * most_j)


@given(seed=seeds, latency_s=st.floats(0.0, LONGEST_S), tail_s=st.floats(0.0, LONGEST_S))
def test_a_tail_lies_between_idle_and_steady(seed: int, latency_s: float, tail_s: float) -> None:
    """A continuous meter reads the work, and after it between idle and steady power."""
    head, weights = draw_head(seed)
    steady_w, _ = steady_and_rise_w(head, weights)
    worked_j = head.mean_power_w(FLOATS, latency_s, latency_s, weights) * latency_s
    window = Window(latency_s + tail_s, 0.0)
    read_j = head.window_energy_j(FLOATS, latency_s, latency_s, window, weights)
    rounding_j = DISCRETE * head.power_limit_w * (latency_s + tail_s)
    assert worked_j + head.idle_power_w * tail_s - rounding_j <= read_j
    assert read_j <= worked_j + steady_w * tail_s + rounding_j


@pytest.mark.parametrize("idle_w", [0.0, 5.5])
@pytest.mark.parametrize("ramp_s", [MIN_RAMP_S, MAX_RAMP_S])
def test_the_steepest_ramp_rises_at_any_duration(idle_w: float, ramp_s: float) -> None:
    """From 1e-300 s to 1e6 s, between near neighbours: where cancellation would show first."""
    head = PowerHead(idle_w, LIMIT_W)
    bounds = {parameter.name: parameter.upper for parameter in head.parameters()}
    weights = {**bounds, "ramp_s": ramp_s}
    powers_w = [
        head.mean_power_w(FLOATS, duration_s, duration_s, weights)
        for duration_s in (0.0, *ramp_durations_s())
    ]
    assert all(mean_w >= idle_w for mean_w in powers_w)
    assert all(never_falls(less, more) for less, more in pairwise(powers_w))
    assert powers_w[-1] == pytest.approx(LIMIT_W, rel=1e-4)


def ramp_durations_s() -> Iterator[float]:
    """Yield rising durations: every decade of the smallest, then neighbours 1 % and 1e-9 apart."""
    yield from (10.0**power for power in range(-300, -15))
    duration_s = 1e-15
    while duration_s < LONGEST_S:
        yield duration_s
        yield duration_s * (1.0 + 1e-9)
        duration_s *= 1.01
