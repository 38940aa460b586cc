"""Validation never looks at what it judges by, and chooses what predicts best."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.synthetic import (
    FEW,
    GRID,
    LARGE,
    MIDDLE,
    MODEL,
    SERVER_MODEL,
    SMALL,
    SPARSE,
    Request,
    Row,
    Truth,
    experiment,
    measured,
    on_server,
    prepared,
    train,
)
from token2metrics.config import CalibrationMethod, RegressionConfig, RegressionType
from token2metrics.curves import FAMILIES
from token2metrics.modeling.candidates import (
    FEWEST_SETTINGS,
    HALF_COUNTED_ERROR,
    TRANSFERRED,
    Candidate,
    Scored,
    Sources,
    choose,
    list_candidates,
)
from token2metrics.modeling.gather import gather, model_traffic
from token2metrics.modeling.rows import FitRows, fit_rows
from token2metrics.modeling.validation import HeldOut, Split, ValidationPlan, plan_validation
from token2metrics.processors.batch import Measurements
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

SIBLING = "sibling-model"

phases = st.sampled_from(tuple(Phase))
counts = st.sampled_from((0, 1, 16, 100))
drawn_rows = st.lists(st.tuples(phases, counts, counts), min_size=1, max_size=20)
regressions = st.builds(
    RegressionConfig,
    cross_validation_folds=st.integers(2, 6),
    test_size=st.floats(0.0, 0.6),
    random_state=st.integers(0, 100),
)


def as_fit_rows(settings: list[tuple[Phase, int, int]]) -> FitRows:
    """Return rows of some phases and requests, each a second long."""
    names, prompts, answers = zip(*settings, strict=True)
    ones = np.ones(len(settings))
    measurements = Measurements(
        model=(MODEL,) * len(settings),
        in_prefill=np.array([name is not Phase.DECODE for name in names]),
        in_decode=np.array([name is not Phase.PREFILL for name in names]),
        input_tokens=np.array(prompts, dtype=np.float64),
        output_tokens=np.array(answers, dtype=np.float64),
        parallel=ones,
        latency_s=ones,
        energy_j=ones * np.nan,
        energy_window_s=ones,
        sample_period_s=ones * 0.0,
        source=("computed",) * len(settings),
    )
    rows = fit_rows(measurements, {MODEL: model_traffic(experiment())})
    assert rows is not None
    return rows


def settings_of(rows: FitRows, chosen: np.ndarray) -> set[tuple[int, float, float]]:
    """Return the token settings of some rows, kind of row included."""
    kinds = np.stack([kind.numpy() for kind in rows.pure.values()]).argmax(axis=0)
    found = np.column_stack((kinds, rows.settings))[chosen]
    return {(int(kind), float(prompt), float(steps)) for kind, prompt, steps in found}


def every_split(plan: ValidationPlan) -> list[Split]:
    """Return the folds, and the test split where there is one."""
    return [*plan.folds, *([plan.test] if plan.test is not None else [])]


@given(settings=drawn_rows, regression=regressions)
def test_no_fit_is_judged_on_what_it_saw(
    settings: list[tuple[Phase, int, int]], regression: RegressionConfig
) -> None:
    """No row, and no token setting, is in the training and the held-out part of a fit."""
    rows = as_fit_rows(settings)
    plan = plan_validation(rows, regression)
    masks = plan.masks.numpy() > 0
    assert masks[0].all()
    for split in every_split(plan):
        for held in (split.outer, *split.inner):
            trained = settings_of(rows, masks[held.fit])
            assert held.rows.any()
            assert not (masks[held.fit] & held.rows).any()
            assert not trained & settings_of(rows, held.rows)


@given(answers=st.lists(counts, min_size=2, max_size=20), regression=regressions)
def test_prefill_rows_of_one_prompt_stay_together(
    answers: list[int], regression: RegressionConfig
) -> None:
    """Whatever the length of the answer that followed."""
    rows = as_fit_rows([(Phase.PREFILL, prompt, a) for a in answers for prompt in (16, 100, 400)])
    plan = plan_validation(rows, regression)
    for split in every_split(plan):
        held = set(rows.workload.input_tokens[split.outer.rows].tolist())
        trained = set(rows.workload.input_tokens[plan.masks[split.outer.fit] > 0].tolist())
        assert not held & trained


@given(settings=drawn_rows, regression=regressions)
def test_the_choice_never_sees_the_outer_held_out_rows(
    settings: list[tuple[Phase, int, int]], regression: RegressionConfig
) -> None:
    """Inner fits neither train on them nor are judged by them."""
    plan = plan_validation(as_fit_rows(settings), regression)
    masks = plan.masks.numpy() > 0
    for split in every_split(plan):
        for inner in split.inner:
            assert not (masks[inner.fit] & split.outer.rows).any()
            assert not (inner.rows & split.outer.rows).any()


@given(settings=drawn_rows, regression=regressions)
def test_folds_cover_every_row_that_can_be_held_out(
    settings: list[tuple[Phase, int, int]], regression: RegressionConfig
) -> None:
    """Each row is held out once; a kind with a single setting is always trained on."""
    rows = as_fit_rows(settings)
    plan = plan_validation(rows, regression)
    times = sum((fold.outer.rows.astype(int) for fold in plan.folds), np.zeros(len(rows)))
    for kind in rows.pure.values():
        chosen = kind.numpy()
        if chosen.any():
            expected = 1 if len(np.unique(rows.settings[chosen], axis=0)) > 1 else 0
            assert (times[chosen] == expected).all()


def test_the_test_share_is_held_out() -> None:
    """A fifth of the settings of each phase; none when the share is zero."""
    rows = as_fit_rows([(phase, *request) for request in GRID for phase in FITTED_PHASES])
    held = plan_validation(rows, RegressionConfig(test_size=0.2)).test
    assert held is not None
    assert 0.1 < held.outer.rows.mean() < 0.3
    assert plan_validation(rows, RegressionConfig(test_size=0.0)).test is None


def plan_of(held: list[list[bool]]) -> ValidationPlan:
    """Return a plan with one fold per list of held-out rows."""
    masks = torch.ones(len(held) + 1, len(held[0]), dtype=torch.float64)
    folds = tuple(Split(HeldOut(n + 1, np.array(rows)), ()) for n, rows in enumerate(held))
    return ValidationPlan(masks, folds, None)


def scored(family: RegressionType, errors: list[list[float]]) -> Scored:
    """Return a candidate with given errors."""
    candidate = Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT)
    return Scored(candidate, np.array(errors))


def test_the_least_held_out_error_wins() -> None:
    """Errors on rows a fit was trained on do not count.

    Nor may the nested errors choose by the rows they are of: without inner folds the most trusted
    candidate stands in, here the first.
    """
    plan = plan_of([[True, False], [False, True]])
    honest = scored(RegressionType.LINEAR, [[9.0, 9.0], [0.1, 9.0], [9.0, -0.1]])
    lucky = scored(RegressionType.TREE, [[0.0, 0.0], [0.2, 0.0], [0.0, 0.2]])
    choice = choose([lucky, honest], plan, np.array([True, True]))
    assert choice.candidate.family is RegressionType.LINEAR
    assert choice.loss == pytest.approx(0.1 / (HALF_COUNTED_ERROR + 0.1))
    assert choice.nested == pytest.approx(np.expm1([0.2, 0.2]))


def test_one_outlier_does_not_decide() -> None:
    """A held-out error counts up to a bound."""
    rows = 20
    plan = plan_of([[True] * rows])
    steady = scored(RegressionType.LINEAR, [[0.2] * rows] * 2)
    spiky = scored(RegressionType.TREE, [[0.0] * (rows - 1) + [50.0]] * 2)
    assert choose([steady, spiky], plan, np.ones(rows, dtype=bool)).candidate is spiky.candidate


def sources(rows: list[Row], server_model: bool = True) -> Sources:
    """Gather rows for an experiment with a sibling on its device."""
    chosen = experiment(server_model=SERVER_MODEL if server_model else None)
    sibling = experiment(model=SIBLING, architecture=MIDDLE, server_model=None)
    return gather(prepared(rows), [chosen, sibling], chosen)


EDGE_ROWS = measured(Truth(RegressionType.LINEAR), FEW)
SERVER_ROWS = on_server(EDGE_ROWS)
SIBLING_ROWS = measured(Truth(RegressionType.LINEAR), FEW, model=SIBLING)


BELIEFS = [
    Candidate(RegressionType.ROOFLINE, kind, CalibrationMethod.PRIOR)
    for kind in (SourceKind.SIBLINGS, SourceKind.SERVER, SourceKind.HARDWARE)
]
AUTO = experiment(RegressionConfig(), CalibrationMethod.AUTO)


def test_auto_tries_beliefs_first_and_then_what_the_rows_tell() -> None:
    """The more settings were measured, the more flexible the families offered."""
    everything = SERVER_ROWS + SIBLING_ROWS
    borders = {fewest + more for fewest in FEWEST_SETTINGS.values() for more in (-1, 0)}
    for count in sorted({1, *borders}):
        requests = [(256, answer) for answer in range(2, 2 + count)]
        rows = measured(Truth(RegressionType.LINEAR), requests)
        found = list_candidates(AUTO, sources(rows + everything))
        told = [
            family
            for family in FAMILIES
            if family in FEWEST_SETTINGS and count >= FEWEST_SETTINGS[family]
        ]
        alone = [Candidate(f, SourceKind.NONE, CalibrationMethod.DIRECT) for f in told]
        assert found == BELIEFS + alone


def test_beliefs_need_their_rows() -> None:
    """Without siblings or a server curve only the nominal figures are left."""
    assert list_candidates(AUTO, sources(EDGE_ROWS)) == BELIEFS[2:]
    assert list_candidates(AUTO, sources(EDGE_ROWS + SERVER_ROWS)) == BELIEFS[1:]


def test_settings_of_one_kind_of_row_count() -> None:
    """Six prompts with one decode each are six settings; twelve rows of one setting are one."""
    repeated = measured(Truth(RegressionType.LINEAR), [(256, 200)] * 12)
    assert list_candidates(AUTO, sources(repeated)) == BELIEFS[2:]
    mixed = measured(Truth(RegressionType.LINEAR), SPARSE[:3], [Phase.PREFILL])
    mixed += measured(Truth(RegressionType.LINEAR), SPARSE[3:6], [Phase.DECODE])
    assert list_candidates(AUTO, sources(mixed)) == BELIEFS[2:]


@pytest.mark.parametrize("family", FAMILIES)
def test_one_family_is_tried_with_every_calibration(family: RegressionType) -> None:
    """A family that was asked for starts from the server too; a roofline from beliefs."""
    chosen = experiment(RegressionConfig(type=family), CalibrationMethod.AUTO)
    found = list_candidates(chosen, sources(EDGE_ROWS + SERVER_ROWS + SIBLING_ROWS))
    carried = [Candidate(family, SourceKind.SERVER, method) for method in TRANSFERRED]
    alone = [Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT), *carried]
    assert found == (BELIEFS if family is RegressionType.ROOFLINE else alone)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prior_belongs_to_the_roofline(family: RegressionType) -> None:
    """Other families have no belief to start from, and fit the edge rows alone."""
    chosen = experiment(RegressionConfig(type=family), CalibrationMethod.PRIOR)
    found = list_candidates(chosen, sources(EDGE_ROWS + SERVER_ROWS + SIBLING_ROWS))
    alone = [Candidate(family, SourceKind.NONE, CalibrationMethod.DIRECT)]
    assert found == (BELIEFS if family is RegressionType.ROOFLINE else alone)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", [*TRANSFERRED, CalibrationMethod.MANUAL])
def test_a_configured_pair_is_the_only_one(
    family: RegressionType, method: CalibrationMethod
) -> None:
    """Family and method of the configuration, from every source that can serve them."""
    chosen = experiment(RegressionConfig(type=family), method)
    found = list_candidates(chosen, sources(EDGE_ROWS + SERVER_ROWS))
    assert found == [Candidate(family, SourceKind.SERVER, method)]


def test_without_a_source_only_the_edge_rows_are_left() -> None:
    """A transferred method falls back to them."""
    chosen = experiment(RegressionConfig(type=RegressionType.TREE), CalibrationMethod.POWER_LAW)
    found = list_candidates(chosen, sources(EDGE_ROWS + SIBLING_ROWS, server_model=False))
    assert found == [Candidate(RegressionType.TREE, SourceKind.NONE, CalibrationMethod.DIRECT)]


def test_without_edge_rows_beliefs_are_left() -> None:
    """A family that knows only rows has nothing then, unless the user gives a factor."""
    linear = RegressionConfig(type=RegressionType.LINEAR)
    for number, rows in enumerate((SERVER_ROWS + SIBLING_ROWS, SERVER_ROWS)):
        found = list_candidates(experiment(RegressionConfig()), sources(rows))
        assert found == BELIEFS[number:]
    unmeasured = experiment(model="never-measured", server_model=None)
    nothing = gather(prepared(SERVER_ROWS), [unmeasured], unmeasured)
    assert list_candidates(AUTO, nothing) == BELIEFS[2:]
    everything = sources(SERVER_ROWS + SIBLING_ROWS)
    assert list_candidates(experiment(linear), everything) == []
    by_hand = Candidate(RegressionType.LINEAR, SourceKind.SERVER, CalibrationMethod.MANUAL)
    given = experiment(linear, CalibrationMethod.MANUAL, scale_factor=3.0)
    assert list_candidates(given, everything) == [by_hand]


def test_auto_chooses_what_made_the_rows() -> None:
    """Rows with the staircase of tiles and no trend choose a family that has stairs."""
    truth = Truth(RegressionType.ROOFLINE)
    chosen = experiment(RegressionConfig(), CalibrationMethod.AUTO, server_model=None)
    offered = {family for family, fewest in FEWEST_SETTINGS.items() if fewest <= len(GRID)}
    offered.add(RegressionType.ROOFLINE)
    trained = train(measured(truth, GRID), chosen)
    assert trained.model.record.phases[Phase.PREFILL].family is RegressionType.ROOFLINE
    for phase in FITTED_PHASES:
        reports = [report for report in trained.candidates if report.phase is phase]
        losses = [report.cv_percent for report in reports]
        assert {report.candidate.split(",")[0] for report in reports} == offered
        assert [report.chosen for report in reports].count(True) == 1
        assert all(known is not None for known in losses)


def test_phases_choose_separately() -> None:
    """Prefill from one family and decode from another may win."""
    rows = measured(Truth(RegressionType.ROOFLINE), SPARSE, [Phase.PREFILL])
    rows += measured(Truth(RegressionType.POLYNOMIAL), GRID, [Phase.DECODE])
    trained = train(rows, experiment(RegressionConfig(test_size=0.0), server_model=None))
    families = {phase: record.family for phase, record in trained.model.record.phases.items()}
    assert families[Phase.DECODE] is RegressionType.POLYNOMIAL
    assert families[Phase.PREFILL] is not RegressionType.POLYNOMIAL


def test_too_few_rows_choose_by_trust() -> None:
    """One row cannot be validated on: the siblings' architecture is preferred."""
    request: Request = (256, 200)
    siblings = [
        one
        for name, shape in (("sibling-a", MIDDLE), ("sibling-b", LARGE))
        for one in measured(Truth(RegressionType.ROOFLINE), SPARSE, architecture=shape, model=name)
    ]
    catalog = [
        experiment(RegressionConfig(), CalibrationMethod.AUTO, server_model=None),
        experiment(model="sibling-a", architecture=MIDDLE, server_model=None),
        experiment(model="sibling-b", architecture=LARGE, server_model=None),
    ]
    rows = siblings + measured(Truth(RegressionType.ROOFLINE), [request], architecture=SMALL)
    record = train(rows, catalog[0], catalog).model.record
    for phase in record.phases.values():
        assert phase.source is SourceKind.SIBLINGS
        assert phase.family is RegressionType.ROOFLINE
        assert phase.errors == ()
