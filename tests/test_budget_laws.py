"""``budget`` keeps its books: power times time is energy, caps are met, ranges hold the value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.comparing import known
from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    Combination,
    Pair,
    lawful_model,
    ordered_requests,
    requests,
    seeds,
    token_counts,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.budgeting.budget import Questions, answer
from token2metrics.budgeting.budget_money import SECONDS_PER_MONTH, ApiPrices
from token2metrics.budgeting.budget_result import Budget
from token2metrics.budgeting.request_load import Estimate, RequestLoad, load_of
from token2metrics.budgeting.workload_load import workload_load
from token2metrics.curves import FAMILIES
from token2metrics.errors import RequestError
from token2metrics.prediction.envelope import energy_envelope_j
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import JOULES_PER_KWH
from token2metrics.prediction.result import Interval, Prices
from token2metrics.prediction.workload import WorkloadSummary
from token2metrics.prediction.workload_file import WorkloadTable
from token2metrics.vocabulary import FITTED_PHASES, Phase

SLACK = 1e-9
SHORTEST_S, LONGEST_S = 1e-6, 1e9
LEAST_J, MOST_J = 1e-6, 1e12
PRICES = Prices(price_per_kwh=0.3, device_price=1_999.0, lifetime_years=5.0)
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
ONE_OF_EACH_FAMILY = COMBINATIONS[:: len(COMBINATIONS) // len(FAMILIES)]
"""Plans with bounds are large, and the expressions of every combination are tested elsewhere."""

some_phases = st.sets(st.sampled_from(FITTED_PHASES))
several = st.sampled_from([1, 1, 3, 40])
workloads = st.lists(
    st.tuples(token_counts, token_counts, st.integers(1, 50)),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[:2],
)


def without_heads(model: FittedModel, phases: set[Phase]) -> FittedModel:
    """Return the model as if some phases had never been metered."""
    records = {
        phase: msgspec.structs.replace(record, head=None) if phase in phases else record
        for phase, record in model.record.phases.items()
    }
    formulas = {
        phase: replace(formula, head=None) if phase in phases else formula
        for phase, formula in model.formulas.items()
    }
    record = msgspec.structs.replace(model.record, phases=records)
    return replace(model, record=record, formulas=formulas)


def load_for(model: FittedModel, request: tuple[int, int], parallel: int = 1) -> RequestLoad:
    """Return the load of a request that takes a time and an energy that clocks and meters know."""
    assume(any(request))
    priced = ModelPredictor(model)(*request, parallel=parallel)
    assume(priced.latency_s is not None and SHORTEST_S < priced.latency_s < LONGEST_S)
    load = load_of(priced, model.record.hardware)
    energy_j = load.energy_j.value
    assume(energy_j is None or LEAST_J < energy_j < MOST_J)
    return load


def same(one: float | None, other: float | None) -> bool:
    """Return whether two numbers are equal up to rounding, or both unknown."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=SLACK, abs_tol=1e-280)


def estimates_in(found: object) -> Iterator[Estimate]:
    """Yield every estimate of a result, however deep."""
    if isinstance(found, Estimate):
        yield found
    elif isinstance(found, msgspec.Struct):
        for name in found.__struct_fields__:
            yield from estimates_in(getattr(found, name))


def everything(load: RequestLoad, share: float, **more: float) -> Questions:
    """Ask every question, at a share of what the device can do."""
    latency_s = known(load.latency_s.value)
    return Questions(
        battery_wh=50.0,
        usable_share=0.9,
        requests_per_hour=share * 3600.0 / latency_s,
        prices=PRICES,
        api=ApiPrices(0.5, 2.0),
        carbon_g_per_kwh=380.0,
        **more,
    )


@pytest.mark.law
@pytest.mark.parametrize("combination", ONE_OF_EACH_FAMILY, ids=str)
@fewer_examples()
@given(
    seed=seeds,
    rows=workloads,
    unmetered=some_phases,
    parallel=several,
    confidence=st.floats(0.5, 0.99),
)
def test_a_workload_is_the_mean_of_its_requests(
    combination: Combination,
    seed: int,
    rows: Sequence[tuple[int, int, int]],
    unmetered: set[Phase],
    parallel: int,
    confidence: float,
) -> None:
    """Values and both ends are weighted means of those of single requests, metered or not."""
    model = without_heads(lawful_model(combination, seed), unmetered)
    predictor, hardware = ModelPredictor(model), model.record.hardware
    priced = [
        (predictor(prompt, answered, confidence=confidence, parallel=parallel), count)
        for prompt, answered, count in rows
    ]
    assume(any(known(one.latency_s) > 0 for one, _ in priced))
    load = workload_load(predictor, as_workload(rows), confidence, parallel)
    total = sum(count for *_, count in rows)
    envelopes = [(energy_envelope_j(one, hardware), count) for one, count in priced]

    def mean(values: Sequence[tuple[float | None, int]]) -> float | None:
        numbers = [value * count for value, count in values if value is not None]
        return sum(numbers) / total if len(numbers) == len(values) else None

    latencies = [(known(one.latency_interval_s), count) for one, count in priced]
    expected = (
        (load.latency_s.value, mean([(one.latency_s, count) for one, count in priced])),
        (load.latency_s.lower, mean([(one.lower, count) for one, count in latencies])),
        (load.latency_s.upper, mean([(one.upper, count) for one, count in latencies])),
        (load.energy_j.value, mean([(one.energy_j, count) for one, count in priced])),
        (load.energy_j.lower, mean([(lower_end(one), count) for one, count in envelopes])),
        (load.energy_j.upper, mean([(upper_end(one), count) for one, count in envelopes])),
        (load.output_tokens, sum(row[1] * row[2] for row in rows) * parallel / total),
        (load.input_tokens, sum(row[0] * row[2] for row in rows) / total),
    )
    for one, other in expected:
        assert same(one, other), (one, other)


def lower_end(interval: Interval | None) -> float | None:
    """Return the lower end of an interval, if there is one."""
    return None if interval is None else interval.lower


def upper_end(interval: Interval | None) -> float | None:
    """Return the upper end of an interval, if there is one."""
    return None if interval is None else interval.upper


def as_workload(rows: Sequence[tuple[int, int, int]]) -> WorkloadTable:
    """Return rows as they are read from a file."""
    schema = ["input_tokens", "output_tokens", "requests"]
    total = sum(count for *_, count in rows)
    summary = WorkloadSummary(
        files=("trace.csv",),
        read_rows=total,
        requests=total,
        distinct=len(rows),
        rejected_counts={},
        input_tokens=sum(prompt * count for prompt, _, count in rows),
        output_tokens=sum(answered * count for _, answered, count in rows),
    )
    return WorkloadTable(pl.DataFrame(list(rows), schema=schema, orient="row"), summary)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(seed=seeds, request_lengths=requests, share=st.floats(0.001, 1.0), parallel=several)
def test_power_times_time_is_the_usable_energy(
    combination: Combination,
    seed: int,
    request_lengths: tuple[int, int],
    share: float,
    parallel: int,
) -> None:
    """At a rate and without one; and requests are the rate times the hours."""
    model = lawful_model(combination, seed)
    load = load_for(model, request_lengths, parallel)
    paced = answer(model.record, load, everything(load, share))
    battery, rate = known(paced.battery), known(paced.rate)
    power_w, hours = known(battery.power_w.value), battery.hours.value
    assert same(battery.usable_j, 50 * 3600 * 0.9)
    if power_w > 0:
        assert same(power_w * known(hours) * 3600, battery.usable_j)
        assert same(known(battery.requests.value), rate.requests_per_hour * known(hours))
    energy_j, latency_s = known(load.energy_j.value), known(load.latency_s.value)
    idling = paced.idle_power_w * (1 - known(rate.utilisation.value))
    working = energy_j * rate.requests_per_hour / 3600
    assert math.isclose(power_w, idling + working, rel_tol=1e-6)
    unpaced = answer(model.record, load, Questions(battery_wh=50.0, usable_share=0.9))
    battery = known(unpaced.battery)
    assert same(known(battery.requests.value) * energy_j, battery.usable_j)
    assert same(known(battery.hours.value) * 3600, known(battery.requests.value) * latency_s)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(seed=seeds, request_lengths=requests, spare=st.floats(0.01, 3.0))
def test_the_sustained_rate_meets_the_cap_exactly(
    combination: Combination, seed: int, request_lengths: tuple[int, int], spare: float
) -> None:
    """At it the mean power is the cap, or the device never pauses and stays below."""
    model = lawful_model(combination, seed)
    load = load_for(model, request_lengths)
    at_work_w = known(load.energy_j.value) / known(load.latency_s.value)
    idle_w = model.record.hardware.idle_power_w
    cap_w = idle_w + spare * max(at_work_w - idle_w, 0.1)
    asked = Questions(max_power_w=cap_w)
    found = known(answer(model.record, load, asked).power_cap)
    sustained = known(known(found.requests_per_hour).value)
    rate = known(
        answer(model.record, load, Questions(requests_per_hour=sustained * (1 - 1e-12))).rate
    )
    power_w = known(rate.power_w.value)
    if found.binds == "power":
        assert math.isclose(power_w, cap_w, rel_tol=1e-6)
    else:
        assert found.binds == "time"
        assert math.isclose(known(rate.utilisation.value), 1.0, rel_tol=1e-6)
        assert power_w <= cap_w * (1 + 1e-6)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(
    seed=seeds,
    request_lengths=requests,
    share=st.floats(0.001, 0.99),
    unmetered=some_phases,
)
def test_ranges_hold_the_value(
    combination: Combination,
    seed: int,
    request_lengths: tuple[int, int],
    share: float,
    unmetered: set[Phase],
) -> None:
    """Whatever is asked, ends are in order and the value between; unknown energy leaves a dash."""
    model = without_heads(lawful_model(combination, seed), unmetered)
    load = load_for(model, request_lengths)
    cap_w = model.record.hardware.idle_power_w + 10.0
    found = answer(model.record, load, everything(load, share, max_power_w=cap_w))
    for one in estimates_in(found):
        numbers = [number for number in (one.lower, one.value, one.upper) if number is not None]
        for smaller, larger in pairwise(numbers):
            assert smaller <= larger * (1 + SLACK) + 1e-280
    if load.energy_j.value is None:
        assert known(found.carbon).g_per_request.value is None
        assert known(found.battery).requests.value is None
        assert any("ranges alone" in note or "bound it" in note for note in found.notes)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(seed=seeds, pair=ordered_requests)
def test_longer_requests_never_go_further(combination: Combination, seed: int, pair: Pair) -> None:
    """Requests per charge and under a cap never rise with tokens; money and carbon never fall."""
    model = lawful_model(combination, seed)
    cap_w = model.record.hardware.idle_power_w + 5.0
    asked = Questions(battery_wh=9.0, max_power_w=cap_w, prices=PRICES, carbon_g_per_kwh=400.0)
    shorter, longer = (
        answer(model.record, load_for(model, lengths), asked)
        for lengths in (pair.shorter, pair.longer)
    )

    def per_charge(one: Budget) -> float:
        return known(known(one.battery).requests.value)

    def per_request(one: Budget) -> float:
        return known(known(one.cost).per_request.value)

    def grams(one: Budget) -> float:
        return known(known(one.carbon).g_per_request.value)

    assert per_charge(longer) <= per_charge(shorter) * (1 + SLACK)
    assert per_request(longer) >= per_request(shorter) * (1 - SLACK)
    assert grams(longer) >= grams(shorter) * (1 - SLACK)


@pytest.mark.law
@given(
    energy_j=st.floats(0.1, 1e5),
    more_j=st.floats(0.0, 1e5),
    latency_s=st.floats(0.01, 1e3),
    share=st.floats(0.01, 1.0),
)
def test_more_energy_never_means_more_requests(
    energy_j: float, more_j: float, latency_s: float, share: float
) -> None:
    """Of equally long requests, at a rate, without one, and under a cap."""
    record = lawful_model(COMBINATIONS[0], 1).record
    hardware = msgspec.structs.replace(record.hardware, idle_power_w=0.0)
    record = msgspec.structs.replace(record, hardware=hardware)
    per_hour = share * 3600.0 / latency_s
    for asked in (
        Questions(battery_wh=5.0, max_power_w=3.0),
        Questions(battery_wh=5.0, requests_per_hour=per_hour, max_power_w=3.0),
    ):
        less, more = (
            answer(record, plain_load(joules, latency_s), asked)
            for joules in (energy_j, energy_j + more_j)
        )
        for part in ("battery", "power_cap"):
            field = "requests" if part == "battery" else "requests_per_hour"
            fewer = known(getattr(getattr(more, part), field).value)
            assert fewer <= known(getattr(getattr(less, part), field).value) * (1 + SLACK)


def plain_load(energy_j: float, latency_s: float) -> RequestLoad:
    """Return a load that is known exactly."""
    return RequestLoad(
        requests=1,
        input_tokens=512.0,
        output_tokens=128.0,
        parallel=1,
        latency_s=Estimate(value=latency_s, lower=latency_s, upper=latency_s),
        energy_j=Estimate(value=energy_j, lower=energy_j, upper=energy_j),
        confidence=0.9,
    )


@pytest.mark.law
@given(
    power_w=st.floats(1.0, 100.0),
    latency_s=st.floats(0.01, 1e3),
    idle_share=st.floats(0.0, 1.0),
    api=st.tuples(st.floats(0.01, 10.0), st.floats(0.01, 50.0)),
)
def test_at_the_break_even_both_cost_the_same(
    power_w: float, latency_s: float, idle_share: float, api: tuple[float, float]
) -> None:
    """A month of owning at that rate costs what the API takes; or electricity alone costs more."""
    record = lawful_model(COMBINATIONS[0], 1).record
    load = plain_load(power_w * latency_s, latency_s)
    idle_w = power_w * idle_share
    asked = Questions(idle_power_w=idle_w, prices=PRICES, api=ApiPrices(*api))
    found = known(answer(record, load, asked).break_even)
    added = (power_w - idle_w) * latency_s / JOULES_PER_KWH * 0.3
    assert math.isclose(known(found.own_per_request.value), added, rel_tol=1e-6, abs_tol=1e-12)
    requests_per_month = found.requests_per_month.value
    if requests_per_month is None:
        assert known(found.own_per_request.value) >= found.api_per_request * (1 - SLACK)
        assert found.pays is False
        return
    idle_kwh = idle_w * SECONDS_PER_MONTH / JOULES_PER_KWH
    owning = 1_999 / 60 + idle_kwh * 0.3 + requests_per_month * known(found.own_per_request.value)
    assert math.isclose(owning, requests_per_month * found.api_per_request, rel_tol=1e-6)
    assert found.pays is (requests_per_month <= found.most_per_month)
    assert same(known(found.requests_per_day.value) * 365.25 / 12, requests_per_month)


@pytest.mark.law
@given(seed=seeds, request_lengths=requests)
def test_the_fastest_rate_is_possible_and_a_faster_one_is_not(
    seed: int, request_lengths: tuple[int, int]
) -> None:
    """The error says the most that the device can do, and that is accepted."""
    model = lawful_model(COMBINATIONS[-1], seed)
    load = load_for(model, request_lengths)
    most = 3600.0 / known(load.latency_s.value)
    fastest = known(answer(model.record, load, Questions(requests_per_hour=most)).rate)
    assert fastest.utilisation.value == pytest.approx(1.0)
    with pytest.raises(RequestError, match="at most"):
        answer(model.record, load, Questions(requests_per_hour=most * 1.001))


def test_what_nothing_bounds_is_said() -> None:
    """On a device without a stated limit an unmetered phase leaves neither value nor range."""
    model = without_heads(lawful_model(COMBINATIONS[0], 3), set(FITTED_PHASES))
    hardware = msgspec.structs.replace(model.record.hardware, power_limit_w=10_000.0)
    record = msgspec.structs.replace(model.record, hardware=hardware)
    load = load_of(ModelPredictor(replace(model, record=record))(100, 9), hardware)
    assert load.energy_j == Estimate(value=None, lower=None, upper=None)
    found = answer(record, load, Questions(battery_wh=1.0))
    assert known(found.battery).requests == Estimate(value=None, lower=None, upper=None)
    assert "no power limit" in found.notes[-1]


@every_combination
@fewer_examples()
@given(seed=seeds, unmetered=some_phases, tokens=st.tuples(token_counts, token_counts))
def test_no_request_divides_by_nothing(
    combination: Combination, seed: int, unmetered: set[Phase], tokens: tuple[int, int]
) -> None:
    """A request without a token or time is refused; any other has an answer, open where unknown."""
    model = without_heads(lawful_model(combination, seed), unmetered)
    priced = ModelPredictor(model)(*tokens)
    if not any(tokens) or not priced.latency_s:
        with pytest.raises(RequestError, match="a request that takes time"):
            load_of(priced, model.record.hardware)
        return
    asked = Questions(battery_wh=5.0, max_power_w=9e9, idle_power_w=0.0)
    found = answer(model.record, load_of(priced, model.record.hardware), asked)
    for estimate in estimates_in(found):
        for end in (estimate.value, estimate.lower, estimate.upper):
            assert end is None or math.isfinite(end)
