"""Regressions, monotone learners and the product as contenders: their laws and their limits."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from tests.rivals import (
    ANSWERS,
    EXACT,
    PROMPTS,
    Formula,
    both,
    curved,
    decode_power,
    energy_j,
    expected,
    known,
    latency_s,
    per_output,
    per_step_phases,
    rows_of,
    steps,
    straight,
    three_terms,
)
from tests.synthetic import (
    BETWEEN,
    GRID,
    IDLE_W,
    RAIL,
    Truth,
    experiment,
    measured,
    on_server,
    prepared,
    row,
)
from token2metrics.bench.boosted import LightGbm, XgBoost
from token2metrics.bench.contender import Contender, NotApplicableError
from token2metrics.bench.isotonic import Isotonic
from token2metrics.bench.original import (
    OriginalForest,
    OriginalLinear,
    OriginalPolynomial,
    RatioForest,
    RatioLinear,
    RatioPolynomial,
)
from token2metrics.bench.ours import Ours
from token2metrics.bench.roster import ROSTER, build
from token2metrics.bench.rows import phase_rows, whole_requests
from token2metrics.vocabulary import FITTED_PHASES, Phase, RegressionType


@pytest.mark.parametrize(
    ("contender", "decode", "needed"),
    [(OriginalLinear(), per_output, 2), (OriginalPolynomial(), curved, 3)],
)
def test_the_original_regressions(contender: Contender, decode: Formula, needed: int) -> None:
    """Prefill over the prompt and decode over the output come back; too few rows are refused."""
    rows = rows_of(Phase.PREFILL, straight) + rows_of(Phase.DECODE, decode)
    forecast = contender.fit(known(rows))
    assert latency_s(forecast, Phase.PREFILL) == pytest.approx(expected(straight), EXACT)
    assert latency_s(forecast, Phase.DECODE) == pytest.approx(expected(decode), EXACT)
    with pytest.raises(NotApplicableError, match=f"needs {needed} rows"):
        contender.fit(known(rows_of(Phase.DECODE, decode)[: needed - 1]))


def test_the_original_forest_stays_among_its_rows() -> None:
    """A forest never leaves the measured values, and repeats a single row."""
    rows = per_step_phases()
    found = latency_s(OriginalForest().fit(known(rows)), Phase.DECODE)
    seconds = [steps(*request) for request in GRID]
    assert min(seconds) <= found.min() <= found.max() <= max(seconds)
    single = rows_of(Phase.DECODE, steps)[:1]
    repeated = latency_s(OriginalForest().fit(known(single)), Phase.DECODE)
    assert repeated == pytest.approx(steps(*GRID[0]))
    carried = latency_s(RatioForest().fit(known([*on_server(rows), *single])), Phase.DECODE)
    assert carried / found == pytest.approx(carried[0] / found[0])
    with pytest.raises(NotApplicableError, match="needs 1 row"):
        OriginalForest().fit(known(on_server(rows)))


@pytest.mark.parametrize("contender", [RatioLinear(), RatioPolynomial()])
def test_the_mean_ratio_carries_a_server_curve(contender: Contender) -> None:
    """One measured row per phase sets the ratio of a device that is slower by one factor."""
    slower = {Phase.PREFILL: 14.0, Phase.DECODE: 7.0}
    curves = {Phase.PREFILL: straight, Phase.DECODE: per_output}
    rows = [one for phase in FITTED_PHASES for one in rows_of(phase, curves[phase])]
    edge = [row(phase, GRID[5], slower[phase] * curves[phase](*GRID[5])) for phase in FITTED_PHASES]
    forecast = contender.fit(known([*on_server(rows), *edge]))
    for phase in FITTED_PHASES:
        wanted = [slower[phase] * value for value in expected(curves[phase])]
        assert latency_s(forecast, phase) == pytest.approx(wanted, EXACT)


def test_the_mean_ratio_of_whole_requests() -> None:
    """Where the server knows whole requests only, the ratio is that of whole requests."""
    rows = on_server(rows_of(Phase.REQUEST, three_terms))
    edge = [
        row(Phase.PREFILL, (256, 1), 3 * 3e-4 * 256),
        row(Phase.DECODE, (256, 200), 3 * (three_terms(256, 200) - 3e-4 * 256)),
    ]
    forecast = RatioPolynomial().fit(known([*rows, *edge]))
    wanted = [3 * value for value in expected(three_terms)]
    assert latency_s(forecast, Phase.REQUEST) == pytest.approx(wanted, EXACT)
    assert forecast.latency_s(Phase.DECODE, PROMPTS, ANSWERS) is None


def test_the_mean_ratio_needs_a_server() -> None:
    """Without server rows, or without a phase in common, there is nothing to carry."""
    edge = rows_of(Phase.DECODE, steps)
    with pytest.raises(NotApplicableError, match="on the server"):
        RatioForest().fit(known(edge))
    with pytest.raises(NotApplicableError, match="on the server"):
        RatioLinear().fit(
            known(edge, experiment(server_model=None).model_copy(update={"server": None}))
        )
    with pytest.raises(NotApplicableError, match="same phase"):
        RatioLinear().fit(known([*on_server(rows_of(Phase.PREFILL, straight)), *edge]))
    with pytest.raises(NotApplicableError, match="too few server rows"):
        RatioLinear().fit(known([*on_server(edge[:1]), *edge]))


LEARNERS = [LightGbm(), XgBoost(), Isotonic()]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
@pytest.mark.parametrize("phase", list(Phase))
def test_monotone_learners_never_fall(learner: Contender, phase: Phase) -> None:
    """However noisy the rows, more tokens never cost less, in seconds or in joules."""
    generator = np.random.default_rng(7)

    def noisy(prompt: float, answer: float) -> float:
        return both(prompt, answer) * float(generator.lognormal(0.0, 0.5))

    forecast = learner.fit(known(rows_of(phase, noisy, decode_power)))
    axis = np.linspace(1.0, 5_000.0, 60)
    for fixed in (50.0, 900.0):
        other = np.full_like(axis, fixed)
        for asked in ((axis, other), (other, axis)):
            for found in (forecast.latency_s(phase, *asked), forecast.energy_j(phase, *asked)):
                assert found is not None
                assert np.all(np.diff(found) >= -1e-9 * found[1:])


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_learners_know_a_constant_step(learner: Contender) -> None:
    """A decode that costs the same per step is known from a single row, and scales."""
    rows = [row(Phase.DECODE, (100, 50), steps(100, 50), energy_j=9.8, power_rail=RAIL)]
    forecast = learner.fit(known([*rows, row(Phase.PREFILL, (100, 1), 0.1)]))
    assert latency_s(forecast, Phase.DECODE) == pytest.approx(expected(steps), 1e-4)
    assert energy_j(forecast, Phase.DECODE) == pytest.approx(0.2 * (ANSWERS - 1), 1e-4)
    assert latency_s(forecast, Phase.PREFILL) == pytest.approx(0.1, 1e-4)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: learner.name)
def test_learners_need_a_row(learner: Contender) -> None:
    """Server rows alone teach them nothing about the device."""
    with pytest.raises(NotApplicableError, match="needs a prefill, decode or request row"):
        learner.fit(known(on_server(per_step_phases())))


@pytest.mark.parametrize(
    ("contender", "module"),
    [
        (LightGbm(), "lightgbm"),
        (XgBoost(), "xgboost"),
        (Isotonic(), "sklearn.isotonic"),
        (OriginalForest(), "sklearn.ensemble"),
    ],
)
def test_a_missing_library_is_a_note(
    contender: Contender, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its library a rival does not apply, and names the extra that installs it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotApplicableError, match=r"pip install 'token2metrics\[bench\]'"):
        contender.fit(known(per_step_phases()))


def test_ours_finds_its_form() -> None:
    """The product forecasts both phases and their sum, and no energy without a meter."""
    truth = Truth(RegressionType.LINEAR)
    forecast = Ours().fit(known(measured(truth)))
    for phase in Phase:
        wanted = [truth.latency_s(phase, request) for request in BETWEEN]
        assert latency_s(forecast, phase) == pytest.approx(wanted, 1e-3)
    assert forecast.energy_j(Phase.DECODE, PROMPTS, ANSWERS) is None
    assert forecast.remarks == ()


def test_ours_reads_the_meter() -> None:
    """Where windows outlast the work, the meter reads more than the work took."""
    pad_s, watts = 2.0, 20.0
    rows = [
        row(
            Phase.DECODE,
            request,
            steps(*request),
            energy_j=watts * steps(*request) + IDLE_W * pad_s,
            energy_window_s=steps(*request) + pad_s,
            power_rail=RAIL,
        )
        for request in GRID[::2]
    ]
    forecast = Ours().fit(known(rows))
    read = forecast.metered_energy_j(Phase.DECODE, PROMPTS, ANSWERS)
    assert read is not None
    assert np.all(read > energy_j(forecast, Phase.DECODE))
    joules = watts * np.array(expected(steps)) + IDLE_W * pad_s
    assert np.median(np.abs(read / joules - 1.0)) < 0.1
    assert forecast.latency_s(Phase.PREFILL, PROMPTS, ANSWERS) is None
    assert forecast.metered_energy_j(Phase.PREFILL, PROMPTS, ANSWERS) is None
    assert forecast.metered_energy_j(Phase.REQUEST, PROMPTS, ANSWERS) is None
    assert len(forecast.remarks) == 1


def test_ours_adds_metered_phases_up() -> None:
    """A request with power in both phases reads prefill and then decode."""
    rows = rows_of(Phase.PREFILL, straight, lambda prompt, answer: 15.0, GRID[::2])
    rows += rows_of(Phase.DECODE, steps, lambda prompt, answer: 20.0, GRID[::2])
    forecast = Ours().fit(known(rows))
    read = forecast.metered_energy_j(Phase.REQUEST, PROMPTS, ANSWERS)
    joules = 15.0 * np.array(expected(straight)) + 20.0 * np.array(expected(steps))
    assert read == pytest.approx(joules, 0.1)


def test_ours_needs_support() -> None:
    """Where nothing measured supports a prediction it does not apply either."""
    stranger = [{**one, "device": "other-board"} for one in rows_of(Phase.DECODE, steps)]
    with pytest.raises(NotApplicableError, match="nothing measured supports"):
        Ours().fit(known(stranger))


def test_the_roster_names_its_contenders() -> None:
    """Every name leads to the contender that bears it, and each says where it comes from."""
    contenders = build(tuple(ROSTER))
    assert [contender.name for contender in contenders] == list(ROSTER)
    assert all(contender.source for contender in contenders)


def test_requests_are_put_together() -> None:
    """A decode joins the median prefill of its prompt, unless the request was measured whole."""
    metered = {"energy_j": 5.0, "power_rail": RAIL}
    rows = [
        row(Phase.PREFILL, (100, 1), 0.1, **metered),
        row(Phase.PREFILL, (100, 2), 0.3, **metered),
        row(Phase.PREFILL, (200, 1), 0.4),
        row(Phase.DECODE, (100, 50), 1.0, energy_window_s=1.5, **metered),
        row(Phase.DECODE, (200, 50), 2.0, **metered),
        row(Phase.DECODE, (300, 50), 3.0),
        row(Phase.REQUEST, (200, 50), 9.0),
    ]
    requests = phase_rows(prepared(rows).rows, Phase.REQUEST)
    found = {
        (prompt, answer): (seconds, joules, window)
        for prompt, answer, seconds, joules, window in zip(
            requests.input_tokens,
            requests.output_tokens,
            requests.latency_s,
            requests.energy_j,
            requests.window_s,
            strict=True,
        )
    }
    assert set(found) == {(100, 50), (200, 50)}
    assert found[100, 50] == pytest.approx((1.2, 10.0, 1.7))
    assert found[200, 50][0] == 9.0
    assert math.isnan(found[200, 50][1])
    assert whole_requests(prepared(rows[:3]).rows).is_empty()
