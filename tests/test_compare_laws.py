"""``compare`` is the statistics of single predictions, its front and its choice are lawful."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import known
from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, Combination, lawful_model, seeds, token_counts
from token2metrics.artifact.fitted import FittedModel
from token2metrics.comparing.choose_within import keeps, limited_value
from token2metrics.comparing.compare import compare_totals
from token2metrics.comparing.comparison import ChoiceLimits, Comparison, Objective
from token2metrics.comparing.configurations import Configuration, Trained
from token2metrics.comparing.pareto import dominates
from token2metrics.comparing.summarise import summarise
from token2metrics.comparing.totals import Totals, percentiles, rank, request_totals
from token2metrics.comparing.workload_totals import workload_totals
from token2metrics.errors import DataError, RequestError
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.prediction.envelope import energy_envelope_j
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.result import Prediction
from token2metrics.prediction.workload import single_request
from token2metrics.vocabulary import FITTED_PHASES, Phase

SLACK = 1e-9
Row = tuple[int, int, int]
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
workloads = st.lists(
    st.tuples(token_counts, token_counts, st.integers(1, 50)),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[:2],
)
several = st.sampled_from([1, 1, 2, 5, 64])
caps = st.none() | st.integers(1, 3_000)
chosen_percentiles = st.sampled_from([0.1, 25.0, 50.0, 90.0, 95.0, 99.9, 100.0])


def configured(
    model: FittedModel, parallel: int = 1, cap: int | None = None, quality: float | None = None
) -> Configuration:
    """Return a configuration of a model."""
    prices = prices_on(model.record.hardware)
    return Configuration(Trained("artifact", ModelPredictor(model)), prices, parallel, cap, quality)


def without(model: FittedModel, phase: Phase) -> FittedModel:
    """Return a model that lacks the fit of a phase."""
    kept = [other for other in model.record.phases if other is not phase]
    phases = {other: model.record.phases[other] for other in kept}
    return FittedModel(
        msgspec.structs.replace(model.record, phases=phases),
        {other: model.formulas[other] for other in kept},
        {other: model.weights[other] for other in kept},
    )


def as_table(rows: Sequence[Row]) -> pl.DataFrame:
    """Return a workload as the command prices it."""
    schema = ["input_tokens", "output_tokens", "requests"]
    return pl.DataFrame(sorted(rows), schema=schema, orient="row")


def singly(configuration: Configuration, rows: Sequence[Row]) -> list[Prediction]:
    """Price every request of a workload by itself."""
    return [
        configuration.predictor(
            prompt, configuration.answer_tokens(answer), parallel=configuration.parallel
        )
        for prompt, answer, count in rows
        for _ in range(count)
    ]


def mean(values: Sequence[float | None]) -> float | None:
    """Return a mean; None where a value is unknown."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(values) if len(numbers) == len(values) else None


def percentile(values: Sequence[float | None], level: float) -> float | None:
    """Return the nearest rank by counting; None where a value is unknown."""
    if any(value is None for value in values):
        return None
    numbers = sorted(known(value) for value in values)
    share = (place / len(numbers) for place in range(1, len(numbers) + 1))
    reached = (reached for reached in share)
    place = next(at for at, part in enumerate(reached) if part >= level / 100.0 - 1e-12)
    return numbers[place]


def agree(one: float | None, other: float | None) -> bool:
    """Return whether two figures are both unknown, or equal up to rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=SLACK, abs_tol=1e-280)


def assert_is_the_statistics_of(
    totals: Totals, configuration: Configuration, rows: Sequence[Row], level: float
) -> None:
    """Assert that totals are what single predictions come to."""
    priced = singly(configuration, rows)
    assert totals.requests == len(priced)
    assert totals.output_tokens == sum(one.output_tokens for one in priced)
    latencies = [one.latency_s for one in priced]
    for phase, means in ((Phase.PREFILL, totals.prefill), (Phase.DECODE, totals.decode)):
        parts = [getattr(one, phase) for one in priced]
        assert agree(means.latency_s, mean([part.latency_s for part in parts])), phase
        assert agree(means.energy_j, mean([part.energy_j for part in parts])), phase
    for each in (50.0, 95.0, 99.0, level):
        assert agree(totals.latencies_s[each], percentile(latencies, each)), each
    assert agree(totals.ttft_s, percentile([one.ttft_s for one in priced], 95.0))
    unknown = any(latency is None for latency in latencies)
    outside = None if unknown else mean([float(one.extrapolated) for one in priced])
    assert agree(totals.outside_share, outside)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(
    seed=seeds,
    rows=workloads,
    metered=st.booleans(),
    parallel=several,
    cap=caps,
    level=chosen_percentiles,
)
def test_totals_are_the_statistics_of_single_predictions(
    combination: Combination,
    seed: int,
    rows: list[Row],
    metered: bool,
    parallel: int,
    cap: int | None,
    level: float,
) -> None:
    """Weighted sums and percentiles are those of all requests, one by one."""
    configuration = configured(lawful_model(combination, seed, metered), parallel, cap)
    (totals,) = workload_totals([configuration], as_table(rows), percentiles(level))
    assert_is_the_statistics_of(totals, configuration, rows, level)


@pytest.mark.law
@given(seed=seeds, rows=workloads, missing=st.sampled_from(FITTED_PHASES))
def test_what_is_not_fitted_is_unknown(seed: int, rows: list[Row], missing: Phase) -> None:
    """Without a fit of a phase, what rests on it is a dash, and the rest is not."""
    configuration = configured(without(lawful_model(COMBINATIONS[0], seed), missing))
    (totals,) = workload_totals([configuration], as_table(rows), percentiles(95.0))
    assert_is_the_statistics_of(totals, configuration, rows, 95.0)
    shown = summarise(configuration, totals, 95.0)
    if missing is Phase.PREFILL:
        assert shown.latency.mean_s is None
        assert shown.energy.at_most_j is None
        assert shown.notes == ("prefill: no measured rows",)


@pytest.mark.law
@given(seed=seeds, prompt=token_counts, answer=token_counts, parallel=several, cap=caps)
def test_a_request_is_a_workload_of_one(
    seed: int, prompt: int, answer: int, parallel: int, cap: int | None
) -> None:
    """The plain way and the way over tables give the same figures."""
    configuration = configured(lawful_model(COMBINATIONS[-1], seed), parallel, cap)
    (table,) = workload_totals([configuration], as_table([(prompt, answer, 1)]), (50.0, 95.0, 99.0))
    single = request_totals(configuration, (prompt, answer), (50.0, 95.0, 99.0))
    bare = replace(single, latency_interval_s=None, energy_interval_j=None)
    for name in ("requests", "output_tokens", "outside_share"):
        assert getattr(table, name) == getattr(bare, name)
    for phase in ("prefill", "decode"):
        one, other = getattr(table, phase), getattr(bare, phase)
        assert agree(one.latency_s, other.latency_s)
        assert agree(one.energy_j, other.energy_j)
    assert agree(table.latencies_s[95.0], bare.latencies_s[95.0])
    assert agree(table.ttft_s, bare.ttft_s)


@pytest.mark.law
@every_combination
@fewer_examples()
@given(
    seed=seeds, prompt=token_counts, answer=token_counts, parallel=several, metered=st.booleans()
)
def test_the_figures_of_a_request_are_those_of_its_prediction(
    combination: Combination, seed: int, prompt: int, answer: int, parallel: int, metered: bool
) -> None:
    """Rates, power and cost agree with ``predict``, and the most energy is no less."""
    configuration = configured(lawful_model(combination, seed, metered), parallel)
    totals = request_totals(configuration, (prompt, answer), (50.0, 95.0, 99.0))
    shown = summarise(configuration, totals, 95.0)
    priced = configuration.predictor(prompt, answer, configuration.prices, parallel=parallel)
    assert agree(shown.latency.mean_s, priced.latency_s)
    assert agree(shown.busy_s, priced.latency_s)
    assert agree(shown.output_tokens_per_s, priced.output_tokens_per_s)
    assert agree(shown.energy.mean_j, priced.energy_j)
    assert agree(shown.energy.total_j, priced.energy_j)
    assert agree(shown.energy.power_w, priced.power_w)
    assert agree(shown.energy.output_tokens_per_j, priced.output_tokens_per_j)
    if priced.cost.electricity is None:
        assert shown.cost.per_request is None
    else:
        paid = priced.cost.electricity + known(priced.cost.ownership)
        assert agree(shown.cost.per_request, paid)
        assert agree(shown.cost.at_most_per_request, paid)
        assert agree(shown.cost.per_1000_requests, 1000 * paid)
        per_million = paid / (answer * parallel) * 1e6 if answer else None
        assert agree(shown.cost.per_million_output_tokens, per_million)
        decoded = priced.decode
        assert agree(shown.energy.decode_mean_j, decoded.energy_j)
        working_w = decoded.power_w if decoded.latency_s else None
        assert agree(shown.energy.decode_power_w, working_w)
    hardware = configuration.trained.record.hardware
    if priced.energy_j is not None:
        assert agree(shown.energy.at_most_j, priced.energy_j)
    elif hardware.power_limit_w < UNLIMITED_POWER_W:
        parts = (priced.prefill, priced.decode)
        limit_w = hardware.power_limit_w
        most_j = [
            known(part.latency_s) * limit_w if part.energy_j is None else part.energy_j
            for part in parts
        ]
        assert agree(shown.energy.at_most_j, sum(most_j))
        envelope = known(energy_envelope_j(priced, hardware))
        assert known(shown.energy.at_most_j) <= envelope.upper * (1 + SLACK) + 1e-280
    else:
        assert shown.energy.at_most_j is None


@pytest.mark.law
@fewer_examples()
@given(seed=seeds, rows=workloads)
def test_configurations_do_not_disturb_each_other(seed: int, rows: list[Row]) -> None:
    """Priced together or alone, in any order, a configuration costs the same."""
    models = [lawful_model(one, seed + place) for place, one in enumerate(COMBINATIONS[::24])]
    compared = [
        configured(model, parallel, cap)
        for cap in (None, 7)
        for parallel in (1, 3)
        for model in models
    ]
    together = workload_totals(compared, as_table(rows), (50.0, 95.0, 99.0))
    turned = workload_totals(compared[::-1], as_table(rows), (50.0, 95.0, 99.0))
    assert together == turned[::-1]
    alone = workload_totals(compared[-1:], as_table(rows), (50.0, 95.0, 99.0))
    assert alone == together[-1:]


@pytest.mark.law
@given(requests=st.integers(1, 10**7), level=st.sampled_from([0.1, 33.3, 50.0, 95.0, 99.9, 100.0]))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(requests: int, level: float) -> None:
    """The nearest rank reaches the share, and the one before does not."""
    place = rank(requests, level)
    exact = round(level * 10)
    assert 1 <= place <= requests
    assert place * 1000 >= exact * requests
    assert place == 1 or (place - 1) * 1000 < exact * requests


def compared_at(seed: int, prompt: int, answer: int, limits: ChoiceLimits) -> Comparison:
    """Compare a few drawn models with drawn qualities for one request."""
    models = [lawful_model(one, seed + place) for place, one in enumerate(COMBINATIONS[::8])]
    compared = [
        configured(model, 1, cap, quality=float((seed + 3 * place + (cap or 5)) % 4))
        for cap in (None, 40)
        for place, model in enumerate(models)
    ]
    totals = [request_totals(one, (prompt, answer), (50.0, 95.0, 99.0)) for one in compared]
    return compare_totals(compared, totals, single_request(prompt, answer), limits=limits)


@pytest.mark.law
@given(seed=seeds, prompt=token_counts, answer=token_counts)
def test_the_front_of_a_comparison_is_what_nobody_beats(
    seed: int, prompt: int, answer: int
) -> None:
    """The marks are those of latency, energy and quality."""
    found = compared_at(seed, prompt, answer, ChoiceLimits())
    assert found.objectives == (Objective.LATENCY, Objective.ENERGY, Objective.QUALITY)
    points = {
        place: (known(one.latency.p95_s), known(one.energy.mean_j), -known(one.quality))
        for place, one in enumerate(found.configurations)
    }
    for place, one in enumerate(found.configurations):
        beaten = any(dominates(other, points[place]) for other in points.values())
        assert one.on_front is (not beaten)


@pytest.mark.law
@given(
    seed=seeds,
    prompt=token_counts,
    answer=token_counts,
    shares=st.tuples(*[st.none() | st.floats(0.01, 100.0)] * 3),
)
def test_the_choice_keeps_the_limits_and_nothing_better_does(
    seed: int, prompt: int, answer: int, shares: tuple[float | None, ...]
) -> None:
    """The best keeps every limit; without one, the nearest says what it misses and by how much."""
    free = compared_at(seed, prompt, answer, ChoiceLimits())
    middle = free.configurations[len(free.configurations) // 2]
    stated = {
        name: share * (limited_value(middle, name) or 1.0)
        for name, share in zip(ChoiceLimits.__struct_fields__, shares, strict=True)
        if share is not None
    }
    usable = {name: most for name, most in stated.items() if 0.0 < most < math.inf}
    limits = ChoiceLimits(**usable)
    found = compared_at(seed, prompt, answer, limits)
    if not usable:
        assert found.choice is None
        return
    choice = known(found.choice)
    keeping = [one for one in found.configurations if keeps(one, limits)]
    assert choice.keeping == len(keeping)
    assert [one.keeps_limits for one in found.configurations].count(True) == len(keeping)
    if keeping:
        best = found.configurations[known(choice.best)]
        assert keeps(best, limits)
        assert known(best.quality) == max(known(one.quality) for one in keeping)
        assert choice.shortfalls == ()
    else:
        assert choice.best is None
        assert choice.shortfalls
        for short in choice.shortfalls:
            assert short.value is None or (short.value > short.most and known(short.over_percent))


@pytest.mark.law
@given(
    seed=seeds,
    prompt=token_counts,
    answer=token_counts,
    parts=st.lists(st.sampled_from(["whole", "unmetered", "unfitted"]), min_size=1, max_size=5),
)
def test_what_is_unknown_is_not_ranked_and_counted(
    seed: int, prompt: int, answer: int, parts: list[str]
) -> None:
    """Every configuration is on the front, beaten, or counted in a note; some have a latency."""
    compared = []
    for place, part in enumerate(parts):
        model = lawful_model(COMBINATIONS[place], seed + place, part != "unmetered")
        model = without(model, Phase.PREFILL) if part == "unfitted" else model
        compared.append(configured(model))
    totals = [request_totals(one, (prompt, answer), (50.0, 95.0, 99.0)) for one in compared]
    asked = single_request(prompt, answer)
    if set(parts) == {"unfitted"}:
        with pytest.raises(DataError, match=r"no latency of .* to compare: prefill: no measured"):
            compare_totals(compared, totals, asked)
        return
    found = compare_totals(compared, totals, asked)
    unranked = [one for one in found.configurations if one.on_front is None]
    told = [note for note in found.notes if "not ranked" in note]
    assert sum(int(note.split()[0]) for note in told) == len(unranked)
    assert any(one.on_front for one in found.configurations) == (len(unranked) < len(parts))
    for one in unranked:
        assert one.latency.mean_s is None or one.energy.mean_j is None


@pytest.mark.law
@given(seed=seeds, prompt=token_counts, answer=token_counts, share=st.floats(0.01, 100.0))
def test_without_qualities_the_least_energy_is_chosen(
    seed: int, prompt: int, answer: int, share: float
) -> None:
    """Or the least latency, where the energy of one that keeps the limits is unknown."""
    compared = [
        configured(lawful_model(one, seed + place, metered=place % 2 == 0))
        for place, one in enumerate(COMBINATIONS[::8])
    ]
    totals = [request_totals(one, (prompt, answer), (50.0, 95.0, 99.0)) for one in compared]
    asked = single_request(prompt, answer)
    free = compare_totals(compared, totals, asked)
    most_s = share * known(free.configurations[0].latency.at_percentile_s)
    if not 0.0 < most_s < math.inf:
        return
    limits = ChoiceLimits(max_latency_s=most_s)
    found = compare_totals(compared, totals, asked, limits=limits)
    choice = known(found.choice)
    keeping = [one for one in found.configurations if one.keeps_limits]
    assert (choice.best is None) == (choice.best_by is None) == (not keeping)
    if choice.best is None:
        return
    best = found.configurations[choice.best]
    assert best.keeps_limits
    if all(one.energy.at_most_j is not None for one in keeping):
        assert choice.best_by is Objective.ENERGY
        assert best.energy.at_most_j == min(known(one.energy.at_most_j) for one in keeping)
    else:
        assert choice.best_by is Objective.LATENCY
        assert best.latency.mean_s == min(known(one.latency.mean_s) for one in keeping)


@pytest.mark.parametrize("level", [0.0, -1.0, 100.1, math.nan, math.inf])
def test_impossible_percentiles_are_refused(level: float) -> None:
    """A percentile is above 0 and at most 100."""
    with pytest.raises(RequestError, match="percentile"):
        percentiles(level)
