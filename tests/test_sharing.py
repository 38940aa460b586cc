"""Several samples at once: fitted from rows, left out in turn, carried over from other models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import known
from tests.conftest import Run, write_rows
from tests.profiles import fewer_examples
from tests.synthetic import (
    IDLE_W,
    MIDDLE,
    MODEL,
    RAIL,
    SMALL,
    SPARSE,
    Request,
    Row,
    Truth,
    experiment,
    measured,
    row,
    train,
)
from token2metrics.architecture import Architecture
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import CalibrationMethod, RegressionConfig, RegressionType
from token2metrics.curves import FAMILIES
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import Phase

TRUTH = Truth(RegressionType.ROOFLINE)
REQUEST: Request = (128, 128)
COUNTS = (2, 4, 8, 16)
PER_SAMPLE, OF_SEVERAL, ENERGY = 0.04, 0.03, 0.07
STEADY_W = 30.0
LEVEL = 1.2
SIBLING = "sibling"

slopes = st.floats(0.0, 0.5)


def sharing_rows(
    counts: Sequence[int] = COUNTS,
    per_sample: float = PER_SAMPLE,
    of_several: float = OF_SEVERAL,
    level: float = 1.0,
    architecture: Architecture = SMALL,
    **others: object,
) -> list[Row]:
    """Return decode rows of some numbers of samples, of a campaign at its own level."""
    single_s = level * TRUTH.latency_s(Phase.DECODE, REQUEST, architecture)
    rows = []
    for count in counts:
        more = count - 1
        latency_s = single_s * (1.0 + per_sample * more + of_several * (count > 1))
        active_j = (STEADY_W - IDLE_W) * single_s * (1.0 + ENERGY * more)
        energy = {"energy_j": active_j + IDLE_W * latency_s, "power_rail": RAIL}
        rows.append(
            row(Phase.DECODE, REQUEST, latency_s, parallel=count, **energy)
            | {"source": "sharing", **others}
        )
    return rows


def metered_singles(architecture: Architecture = SMALL, **others: object) -> list[Row]:
    """Return requests of one sample, decode at a steady power."""
    return [
        {
            **one,
            "energy_j": STEADY_W * one["latency_s"] if one["phase"] == Phase.DECODE else None,
            "power_rail": RAIL,
            **others,
        }
        for one in measured(TRUTH, SPARSE, architecture=architecture)
    ]


def slowdown(model: FittedModel, samples: int, request: Request = REQUEST) -> float:
    """Return the predicted decode latency of several samples over that of one."""
    predict = ModelPredictor(model)
    several = known(predict(*request, parallel=samples).decode.latency_s)
    return several / known(predict(*request).decode.latency_s)


def test_a_slowdown_is_found_again() -> None:
    """Time and energy above idle follow the rows, between and beyond their numbers of samples."""
    model = train([*metered_singles(), *sharing_rows()], experiment()).model
    for samples in (2, 3, 16, 24):
        expected = 1.0 + PER_SAMPLE * (samples - 1) + OF_SEVERAL
        assert slowdown(model, samples) == pytest.approx(expected, rel=0.01)
    single = ModelPredictor(model)(*REQUEST).decode
    eight = ModelPredictor(model)(*REQUEST, parallel=8).decode
    active_j = known(eight.energy_j) - IDLE_W * known(eight.latency_s)
    alone_j = known(single.energy_j) - IDLE_W * known(single.latency_s)
    assert active_j / alone_j == pytest.approx(1.0 + ENERGY * 7, rel=0.02)


@pytest.mark.parametrize("family", FAMILIES)
@fewer_examples()
@given(per_sample=slopes, of_several=slopes)
def test_every_family_learns_to_share(
    family: RegressionType, per_sample: float, of_several: float
) -> None:
    """How samples share does not depend on how one sample is priced."""
    rows = [*measured(TRUTH), *sharing_rows(per_sample=per_sample, of_several=of_several)]
    plain = experiment(RegressionConfig(type=family, test_size=0.0), CalibrationMethod.DIRECT)
    model = train(rows, plain).model
    single = ModelPredictor(model)(*REQUEST).decode
    off = known(single.latency_s) / TRUTH.latency_s(Phase.DECODE, REQUEST)
    for samples in COUNTS:
        expected = 1.0 + per_sample * (samples - 1) + of_several
        assert slowdown(model, samples) * off == pytest.approx(expected, rel=0.06)


def test_the_level_of_another_campaign_is_not_a_slowdown() -> None:
    """Rows of one sample from the same data set tell its level."""
    rows = [*metered_singles(), *sharing_rows((1, *COUNTS), level=LEVEL)]
    model = train(rows, experiment()).model
    for samples in COUNTS:
        expected = 1.0 + PER_SAMPLE * (samples - 1) + OF_SEVERAL
        assert slowdown(model, samples) == pytest.approx(expected, rel=0.02)


def test_the_record_says_what_it_rests_on() -> None:
    """Rows, range and margin; the margin widens intervals of several samples alone."""
    model = train([*metered_singles(), *sharing_rows()], experiment()).model
    record = known(model.record.phases[Phase.DECODE].parallel)
    assert (record.rows, record.samples) == (4, (2, 16))
    assert record.rests_on == "4 rows of edge-model on edge-board, 2, 4, 8, 16 at once"
    assert model.record.phases[Phase.PREFILL].parallel is None
    predict = ModelPredictor(model)
    single, several = predict(*REQUEST).decode, predict(*REQUEST, parallel=4).decode

    def width(part: object) -> float:
        interval = part.latency_interval_s  # type: ignore[attr-defined]
        return float(interval.upper / interval.lower)

    assert width(several) > width(single)
    assert record.rests_on in several.rests_on


def test_one_number_of_samples_is_enough_to_start() -> None:
    """Its margin then rests on expectation."""
    model = train([*metered_singles(), *sharing_rows((4,))], experiment()).model
    assert slowdown(model, 4) == pytest.approx(1.0 + PER_SAMPLE * 3 + OF_SEVERAL, rel=0.02)
    record = known(model.record.phases[Phase.DECODE].parallel)
    assert "no held-out number of samples" in record.margin.method


def test_a_model_nobody_measured_so_shares_like_its_siblings() -> None:
    """The weights of the device's other models are carried over, and say so."""
    other = experiment(model=SIBLING, architecture=MIDDLE, server_model=None)
    rows = [
        *metered_singles(),
        *metered_singles(MIDDLE, model=SIBLING),
        *sharing_rows(architecture=MIDDLE, model=SIBLING),
    ]
    model = train(rows, experiment(server_model=None), [experiment(server_model=None), other]).model
    assert slowdown(model, 8) == pytest.approx(1.0 + PER_SAMPLE * 7 + OF_SEVERAL, rel=0.03)
    record = known(model.record.phases[Phase.DECODE].parallel)
    assert record.rows == 0
    assert record.rests_on == "carried over from 1 other models on edge-board"


def test_a_phase_that_only_siblings_tell_is_carried_over() -> None:
    """Own rows of decode do not keep the others' prefill away."""
    other = experiment(model=SIBLING, architecture=MIDDLE, server_model=None)
    prompts = [
        row(Phase.PREFILL, (128, 1), TRUTH.latency_s(Phase.PREFILL, (128, 1), MIDDLE) * factor)
        | {"parallel": samples, "source": "sharing", "model": SIBLING}
        for samples, factor in ((1, 1.0), (2, 1.1), (8, 1.7))
    ]
    rows = [
        *metered_singles(),
        *sharing_rows(),
        *metered_singles(MIDDLE, model=SIBLING),
        *prompts,
    ]
    model = train(rows, experiment(server_model=None), [experiment(server_model=None), other]).model
    predict = ModelPredictor(model)
    prefill = known(predict(*REQUEST, parallel=8).prefill.latency_s)
    assert prefill / known(predict(*REQUEST).prefill.latency_s) == pytest.approx(1.7, rel=0.05)
    assert known(model.record.phases[Phase.PREFILL].parallel).rows == 0
    assert known(model.record.phases[Phase.DECODE].parallel).rows == len(COUNTS)


def test_bounds_spread_beyond_the_measured_samples() -> None:
    """The farther from the measured numbers, the wider, relative to the prediction."""
    model = train([*metered_singles(), *sharing_rows()], experiment()).model

    def reach(samples: int) -> float:
        decode = ModelPredictor(model)(*REQUEST, parallel=samples).decode
        return known(decode.latency_interval_s).upper / known(decode.latency_s)

    assert reach(2) == pytest.approx(reach(16))
    assert reach(16) < reach(64) < reach(1_000)


def test_rows_of_several_samples_do_not_move_one_sample() -> None:
    """The curve of one sample is fitted without them."""
    without = train(metered_singles(), experiment()).model
    with_them = train([*metered_singles(), *sharing_rows()], experiment()).model
    predicted = [ModelPredictor(one)(300, 300).latency_s for one in (without, with_them)]
    assert predicted[0] == predicted[1]
    assert with_them.record.id == MODEL


def test_the_command_prices_several_answers(run: Run, tmp_path: Path) -> None:
    """Train on rows with the column parallel; predict and batch-predict take --parallel."""
    rows = [
        f"dsr1-qwen-1.5b,decode,128,{answer},{count},{seconds},,,,desk"
        for answer, count, seconds in ((100, 1, 2.4), (400, 1, 9.7), (100, 4, 2.8), (100, 8, 3.3))
    ]
    table = write_rows(tmp_path / "rows.csv", *rows, "dsr1-qwen-1.5b,prefill,128,1,1,0.05,,,,desk")
    trained = run("train", "-m", "1.5B", "-d", table, "-o", "out")
    assert trained.code == 0
    assert "used beside them: 2 settings of several samples at once" in trained.out
    request = ("predict", "-a", "out", "-m", "1.5B", "-i", 128, "-o", 100)
    outcome = run(*request, "--parallel", 4)
    assert outcome.code == 0
    assert "128 input tokens, 100 output tokens in each of 4 answers" in outcome.out
    assert "prefill: no measured rows of several samples at once" in outcome.out
    assert "4 samples at once: 2 rows of dsr1-qwen-1.5b" in " ".join(outcome.out.split())
    evaluated = run("evaluate", "-a", "out", "-d", table)
    assert evaluated.code == 0
    assert "latency of several" in evaluated.out
    refusal = run(*request, "--parallel", 0)
    assert refusal.code == 2
    assert "expected parallel to be a whole number 1..10000, got 0" in refusal.err
    requests = tmp_path / "requests.csv"
    requests.write_text("input_tokens,output_tokens\n128,100\n")
    batch = ("batch-predict", "-a", "out", "-m", "1.5B", "--input-file", requests)
    assert run(*batch, "--output-file", "priced.csv", "--parallel", 4).code == 0
    assert run(*batch, "--output-file", "priced.csv", "--parallel", 0).code == 2
