"""How the monitor tells drift from noise: run lengths, thresholds, trackers, levels."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.drift_thresholds import average_run_length, threshold_of
from tests.strategies import seeds
from token2metrics.errors import ConfigurationError
from token2metrics.monitoring.change import interval_percent, logarithm_of, percent_of
from token2metrics.monitoring.cusum import Cusum, Side
from token2metrics.monitoring.level import Levels, follow
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.opening import Opening
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.reference import FEWEST, Reference
from token2metrics.monitoring.result import Kind, Status
from token2metrics.monitoring.scale import Scale
from token2metrics.monitoring.similar import similar_class
from token2metrics.monitoring.summary import metric_report, requests_to_see
from token2metrics.monitoring.tally import RECENT, Tally
from token2metrics.monitoring.thresholds import (
    ALLOWANCES,
    CAPS_PER_THRESHOLD,
    FEWEST_TO_ALARM,
    LOWEST_THRESHOLD,
    REQUESTS_PER_ALARM,
    THRESHOLDS,
    Thresholds,
)
from token2metrics.monitoring.tracker import Change, Rules, Tracker
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS, Phase

ONE_KIND = "one kind"
SLOWER = math.log(1.03)
RULES = MonitorOptions().rules()
FOLLOWING = MonitorOptions(updates=True).rules()
spreads = st.floats(1e-4, 0.5)


def tracker(spread: float = 0.01) -> Tracker:
    """Return a tracker that has seen nothing."""
    return Tracker(
        phase=Phase.REQUEST,
        metric=Metric.LATENCY,
        scale=Scale(spread),
        cusum=Cusum(Side(), Side()),
        tally=Tally(),
        opening=Opening(1),
    )


def fed(
    one: Tracker, logarithms: list[float], rules: Rules = RULES, first: int = 1
) -> list[tuple[int, Change]]:
    """Feed a tracker, and return what changed with the number of the request it showed at."""
    found = []
    for number, logarithm in enumerate(logarithms, first):
        one.tally.add(1.0, math.exp(logarithm))
        change = one.judge(logarithm, ONE_KIND, number, rules)
        if change is not None:
            found.append((number, change))
    return found


def noise(seed: int, spread: float, count: int) -> list[float]:
    """Draw normal deviations."""
    chance = Random(seed)
    return [chance.gauss(0.0, spread) for _ in range(count)]


@pytest.mark.parametrize(("allowance", "threshold"), [(0.25, 4.0), (0.3, 2.0), (0.1, 9.0)])
def test_run_lengths_are_those_of_a_simulation(allowance: float, threshold: float) -> None:
    """The Markov chain says after how many requests a capped CUSUM alarms without a change."""
    chance = np.random.default_rng(5)
    heights, lengths = np.zeros(2_000), np.zeros(2_000)
    running = np.ones(2_000, dtype=bool)
    while running.any():
        increments = chance.standard_normal(2_000) - allowance
        heights = np.maximum(0.0, heights + np.minimum(increments, threshold / CAPS_PER_THRESHOLD))
        lengths += running
        running &= heights < threshold
    error = lengths.std() / math.sqrt(len(lengths))
    assert abs(lengths.mean() - average_run_length(allowance, threshold)) < 4.0 * error


@pytest.mark.parametrize(("row", "column"), [(3, 2), (9, 4)])
def test_thresholds_are_what_the_generator_says(row: int, column: int) -> None:
    """The table in the package is the one that the benchmark prints."""
    expected = threshold_of(ALLOWANCES[row], REQUESTS_PER_ALARM[column])
    assert THRESHOLDS[row][column] == pytest.approx(expected, abs=0.005)


@given(
    allowance=st.floats(0.001, 3.0),
    more=st.floats(0.0, 1.0),
    rate=st.integers(100, 1_000_000),
    rarer=st.integers(0, 1_000_000),
)
def test_thresholds_never_rise_with_the_allowance(
    allowance: float, more: float, rate: int, rarer: int
) -> None:
    """A larger change needs no higher threshold, rarer false alarms no lower one."""
    one = Thresholds(rate)
    assert one.at(allowance + more) <= one.at(allowance)
    assert Thresholds(min(rate + rarer, 1_000_000)).at(allowance) >= one.at(allowance)
    assert one.at(allowance) >= LOWEST_THRESHOLD


@pytest.mark.parametrize("allowance", [0.12, 0.27, 0.45])
def test_interpolated_thresholds_are_on_the_safe_side(allowance: float) -> None:
    """Between the rows of the table, false alarms are no more frequent than asked for."""
    threshold = Thresholds(10_000).at(allowance)
    assert average_run_length(allowance, threshold) >= 2 * 10_000


@pytest.mark.parametrize("change", [0.0, -3.0, 0.05, 101.0, math.nan, math.inf])
def test_impossible_changes_are_refused(change: float) -> None:
    """A change below a tenth of a percent, or above its double, is none to look for."""
    with pytest.raises(ConfigurationError, match="expected a smallest change"):
        MonitorOptions(smallest_change_percent=change)


@pytest.mark.parametrize("rate", [0, -1, 99, 1_000_001])
def test_impossible_rates_are_refused(rate: int) -> None:
    """The table of thresholds ends somewhere."""
    with pytest.raises(ConfigurationError, match="one false alarm in 100 to 1,000,000"):
        MonitorOptions(requests_per_false_alarm=rate)


@pytest.mark.law
@given(spread=spreads, level=st.floats(-3.0, 3.0), count=st.integers(1, 300))
def test_equal_requests_never_alarm(spread: float, level: float, count: int) -> None:
    """Whatever they are off by: without scatter there is no drift."""
    one = tracker(spread)
    assert fed(one, [level] * count) == []
    assert one.since_request is None


@pytest.mark.law
@given(seed=seeds, spread=st.floats(1e-4, 0.02), sign=st.sampled_from([-1, 1]))
def test_outliers_alone_never_alarm(seed: int, spread: float, sign: int) -> None:
    """Seven requests in a row that take a hundred times as long or as short are no drift."""
    one = tracker(spread)
    steady = noise(seed, spread, 60)
    outliers = [sign * math.log(100.0)] * (FEWEST_TO_ALARM - 1)
    assert fed(one, [*steady[:30], *outliers[:1], *steady[30:]]) == []
    fresh = tracker(spread)
    fed(fresh, [0.0] * 30)
    assert fed(fresh, outliers, first=31) == []


@pytest.mark.law
@given(seed=seeds, spread=st.floats(1e-4, 0.012), sign=st.sampled_from([-1, 1]))
def test_a_change_is_found_where_it_began(seed: int, spread: float, sign: int) -> None:
    """A lasting 3 % shows within 50 requests, says since when, and by how much."""
    one = tracker(spread)
    deviations = noise(seed, spread, 200)
    change = sign * SLOWER
    found = fed(one, [d + (change if i >= 100 else 0.0) for i, d in enumerate(deviations)])
    (number, drift), *others = found
    assert others == []
    assert drift.kind is Kind.DRIFT
    assert 100 + FEWEST_TO_ALARM <= number <= 150
    assert 90 <= drift.since_request <= 110
    assert drift.middle == pytest.approx(change, abs=3.0 * spread + 0.001)
    said = metric_report(one, RULES)
    assert said.status is Status.DRIFTING
    assert said.since_request == drift.since_request
    assert said.interval_percent is not None
    assert said.interval_percent.lower < percent_of(-change) + 1.0
    assert said.interval_percent.upper > percent_of(-change) - 1.0


def test_a_drift_that_goes_is_over() -> None:
    """The end of a drift is told, and nothing stands afterwards."""
    one = tracker()
    deviations = noise(3, 0.005, 400)
    found = fed(one, [d + (SLOWER if 100 <= i < 200 else 0.0) for i, d in enumerate(deviations)])
    assert [change.kind for _, change in found] == [Kind.DRIFT, Kind.BACK]
    assert found[1][0] < 250
    assert metric_report(one, RULES).status is Status.STEADY


def test_a_drift_that_grows_stands_since_its_beginning() -> None:
    """Each step is told, as a change from what is usual."""
    one = tracker()
    steps = [0.0 if i < 100 else SLOWER if i < 170 else 3 * SLOWER for i in range(240)]
    found = fed(one, [d + step for d, step in zip(noise(9, 0.004, 240), steps, strict=True)])
    assert [change.kind for _, change in found] == [Kind.DRIFT, Kind.DRIFT]
    assert [change.middle for _, change in found] == pytest.approx([SLOWER, 3 * SLOWER], abs=0.006)
    assert one.since_request == found[0][1].since_request < found[1][1].since_request
    assert metric_report(one, RULES).change_percent == pytest.approx(-8.5, abs=0.5)


def test_a_drift_that_fades_slowly_is_over_too() -> None:
    """A drift of which less than a third of the smallest change is left does not stand."""
    one = tracker()
    left = [SLOWER * max(0.0, 1.0 - (i - 100) / 300) if i >= 100 else 0.0 for i in range(500)]
    found = fed(one, [d + more for d, more in zip(noise(4, 0.004, 500), left, strict=True)])
    assert [change.kind for _, change in found] == [Kind.DRIFT, Kind.BACK]
    assert one.since_request is None


def test_a_followed_change_does_not_stand() -> None:
    """Where levels follow, every change is told against the one before, and none stands."""
    one = tracker()
    steps = [0.0 if i < 100 else SLOWER if i < 200 else 2 * SLOWER for i in range(300)]
    logarithms = [d + step for d, step in zip(noise(5, 0.004, 300), steps, strict=True)]
    found = fed(one, logarithms, FOLLOWING)
    assert [change.kind for _, change in found] == [Kind.DRIFT, Kind.DRIFT]
    assert [change.middle for _, change in found] == pytest.approx([SLOWER] * 2, abs=0.006)
    assert one.since_request is None


def test_a_slow_drift_is_found() -> None:
    """What is usual does not creep along: 3 % over 2,000 requests is a drift."""
    one = tracker()
    creeping = [d + SLOWER * i / 2_000 for i, d in enumerate(noise(6, 0.004, 2_500))]
    assert [change.kind for _, change in fed(one, creeping)][:1] == [Kind.DRIFT]


def test_kinds_are_compared_with_themselves() -> None:
    """What a fit gets wrong for a length is no drift, however the lengths come."""
    one = tracker(0.002)
    for number in range(400):
        kind, off = ("long", 0.2) if number // 50 % 2 else ("short", -0.03)
        assert one.judge(off, kind, number, RULES) is None
    assert set(one.references) == {"long", "short"}


def test_what_may_be_a_change_is_not_learned_from() -> None:
    """From half of the way to an alarm on, what is usual stays what it was."""
    one = tracker(0.005)
    ((_, drift),) = fed(one, [0.0] * 8 + [SLOWER] * 12)
    assert drift.deviations[-1] == drift.deviations[-FEWEST_TO_ALARM // 2]
    assert drift.middle > 0.85 * SLOWER


def test_the_stated_rate_holds() -> None:
    """At a spread of three times the change, false alarms are as rare as asked for."""
    rules = MonitorOptions(requests_per_false_alarm=200).rules()
    alarms = 0
    one = tracker(0.09)
    for number, deviation in enumerate(noise(7, 0.09, 40_000)):
        if one.judge(deviation, ONE_KIND, number, rules) is not None:
            alarms += 1
            one = tracker(0.09)
    assert 0 < alarms <= 40_000 / 200


def test_the_expected_delay_is_stated() -> None:
    """Eight requests where scatter is small; more where the noise is larger than the change."""
    assert requests_to_see(0.001, RULES) == FEWEST_TO_ALARM
    waited = [requests_to_see(spread, RULES) for spread in (0.01, 0.03, 0.1, 0.3)]
    assert waited == sorted(waited)
    assert waited[-1] > 100


@given(seed=seeds, spread=st.floats(0.001, 1.0), guess=st.floats(0.2, 5.0))
def test_the_scale_is_learned(seed: int, spread: float, guess: float) -> None:
    """From a guess five times too small or too large, and one deviation in ten an outlier."""
    one = Scale(spread * guess)
    for index, deviation in enumerate(noise(seed, spread, 600)):
        one.learn(deviation if index % 10 else 100.0 * spread)
    assert 0.75 < one.value / spread < 1.6


def test_a_reference_needs_a_few_requests_and_shrugs_off_an_outlier() -> None:
    """Its median counts at first; later ones move it by at most a part of the spread."""
    one = Reference()
    for value in (0.5, 0.01, 0.0, -0.01, 0.0):
        assert not one.is_known
        one.begin(value)
    assert one.is_known
    assert (one.value, one.counted, one.first) == (0.0, FEWEST, [])
    one.learn(10.0, 0.01)
    assert one.value == pytest.approx(0.015 / 6)


def test_a_broken_promise_is_noticed_at_the_fifth_request_and_once() -> None:
    """Most of the first requests beyond one end of the interval are enough."""
    one = Opening(1)
    assert [one.add(-0.04, -3.0) for _ in range(8)] == [False] * 4 + [True] + [False] * 3
    kept = Opening(1)
    assert not any(kept.add(0.01, stretch) for stretch in (3.0, 0.9, -0.2, 0.5, 0.9, 0.99, 2.0))


@given(
    errors=st.lists(st.floats(-0.9, 5.0), min_size=1, max_size=200),
)
def test_the_tally_is_that_of_all_errors(errors: list[float]) -> None:
    """MAPE and bias are exact, the percentile is known to 1 % of itself."""
    one = Tally()
    for error in errors:
        one.add(1.0 + error, 1.0)
    absolute = np.abs(errors)
    assert one.mape_percent == pytest.approx(100.0 * absolute.mean(), abs=1e-9)
    assert one.bias_percent == pytest.approx(100.0 * np.mean(errors), abs=1e-9)
    assert one.recent_bias_percent == pytest.approx(100.0 * np.mean(errors[-RECENT:]), abs=1e-9)
    exact = 100.0 * np.percentile(absolute, 90, method="inverted_cdf")
    assert one.p90_ape_percent == pytest.approx(exact, rel=0.011, abs=2e-9)


def test_a_change_has_an_interval() -> None:
    """Too few deviations have none; more make it narrower; it never denies the usual scatter."""
    assert interval_percent([0.03, 0.03], 0.01) is None
    few, many = interval_percent([0.03] * 4, 0.01), interval_percent([0.03] * 100, 0.01)
    assert few is not None
    assert many is not None
    assert few.lower < many.lower < percent_of(0.03) < many.upper < few.upper
    assert percent_of(1e6) < math.inf
    assert logarithm_of(percent_of(0.03)) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("phase", "one", "other", "same"),
    [
        (Phase.PREFILL, (65, 1, 1), (128, 900, 1), True),
        (Phase.PREFILL, (64, 1, 1), (65, 1, 1), False),
        (Phase.PREFILL, (5_000, 1, 1), (5_100, 1, 1), True),
        (Phase.PREFILL, (5_000, 1, 1), (9_000, 1, 1), False),
        (Phase.DECODE, (10, 100, 1), (2_000, 120, 1), True),
        (Phase.DECODE, (10, 100, 1), (10, 200, 1), False),
        (Phase.REQUEST, (10, 100, 1), (10, 100, 8), False),
        (Phase.REQUEST, (10, 100, 8), (10, 100, 9), False),
        (Phase.REQUEST, (10, 100, 200), (10, 100, 210), True),
        (Phase.REQUEST, (0, 0, 1), (0, 1, 1), True),
    ],
)
def test_similar_requests(
    phase: Phase, one: tuple[int, int, int], other: tuple[int, int, int], same: bool
) -> None:
    """Prompts of one tile, and answers of one size, are alike; more answers at once are not."""
    assert (similar_class(phase, *one) == similar_class(phase, *other)) is same


def test_kinds_of_requests_are_few() -> None:
    """Whoever observes requests of all sizes fills neither the memory nor the state on the disk."""
    counts = (0, 1, *(round(1.1**step) for step in range(169)), MAX_TOKENS)
    kinds = {
        similar_class(phase, count, count, parallel)
        for phase in Phase
        for count in counts
        for parallel in range(1, MAX_PARALLEL + 1, 13)
    }
    assert len(kinds) < 3_000


def levels(prefill_spread: float, decode_spread: float) -> Levels:
    """Return levels as trained."""
    return Levels(
        prefill=0.0,
        decode=0.0,
        prefill_variance=prefill_spread**2,
        decode_variance=decode_spread**2,
        scatter={
            Phase.PREFILL: Scale(prefill_spread),
            Phase.DECODE: Scale(decode_spread),
            Phase.REQUEST: Scale(max(prefill_spread, decode_spread)),
        },
    )


def test_levels_follow_each_phase() -> None:
    """Latencies of both phases pull their own level, past outliers, and nothing else."""
    one = levels(0.03, 0.003)
    chance = Random(8)
    for number in range(300):
        off = 5.0 if number % 20 == 0 else 0.0
        surprises = {
            Phase.PREFILL: 0.05 + chance.gauss(0, 0.01) + off - one.prefill,
            Phase.DECODE: -0.02 + chance.gauss(0, 0.002) + off - one.decode,
        }
        follow(one, surprises, (0.1, 0.9))
    assert one.prefill == pytest.approx(0.05, abs=0.01)
    assert one.decode == pytest.approx(-0.02, abs=0.004)


def test_a_whole_latency_moves_what_it_tells_of() -> None:
    """The phase that is uncertain and makes up the request takes the surprise."""
    mostly_decode, mostly_prefill = levels(0.03, 0.03), levels(0.03, 0.03)
    follow(mostly_decode, {Phase.REQUEST: 0.02}, (0.02, 0.98))
    assert mostly_decode.decode > 40 * mostly_decode.prefill > 0.0
    follow(mostly_prefill, {Phase.REQUEST: 0.02}, (0.98, 0.02))
    assert mostly_prefill.prefill > 40 * mostly_prefill.decode > 0.0
    certain = levels(0.001, 0.03)
    follow(certain, {Phase.REQUEST: 0.02}, (0.5, 0.5))
    assert certain.decode > 100 * certain.prefill


@pytest.mark.law
@given(
    steps=st.lists(
        st.tuples(st.floats(-700.0, 700.0), st.floats(0.0, 1.0), st.sampled_from(list(Phase))),
        max_size=60,
    )
)
def test_levels_stay_lawful(steps: list[tuple[float, float, Phase]]) -> None:
    """Whatever is measured: a level is positive and finite, its variance not negative."""
    one = levels(0.03, 0.003)
    for surprise, share, phase in steps:
        one.doubt(phase, surprise)
        follow(one, {phase: surprise}, (share, 1.0 - share))
    for level in (one.prefill, one.decode):
        assert 0.99e-3 <= math.exp(level) <= 1.01e3
    assert one.prefill_variance >= 0.0
    assert one.decode_variance >= 0.0
