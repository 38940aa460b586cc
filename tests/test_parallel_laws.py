"""Several samples at once: the laws of their cost, at any lawful weights of every formula."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.comparing import SLACK, SUBNORMAL, close, known, never_falls
from tests.profiles import fewer_examples
from tests.strategies import (
    COMBINATIONS,
    Combination,
    Pair,
    lawful_model,
    ordered_requests,
    requests,
    seeds,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import ArtifactError, RequestError
from token2metrics.prediction.assemble import NO_PARALLEL
from token2metrics.prediction.expressions import LIMIT_COLUMNS, POINT_COLUMNS, expressions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.phase_expressions import phase_expressions
from token2metrics.prediction.result import PhasePrediction, Prediction
from token2metrics.vocabulary import MAX_PARALLEL, Phase

EXPRESSION_SLACK = 1e-9

several = st.sampled_from((2, 3, 32, 33)) | st.integers(2, MAX_PARALLEL)
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)


def parts_of(prediction: Prediction) -> tuple[Prediction | PhasePrediction, ...]:
    """Return the request and both its phases."""
    return (prediction, prediction.prefill, prediction.decode)


def priced(model: FittedModel, request: tuple[int, int], samples: int) -> Prediction:
    """Price a request of several samples."""
    return ModelPredictor(model)(*request, parallel=samples)


@pytest.mark.law
@every_combination
@given(seed=seeds, pair=ordered_requests, samples=several, more=st.integers(0, 100))
def test_more_samples_or_tokens_never_cost_less(
    combination: Combination, seed: int, pair: Pair, samples: int, more: int
) -> None:
    """Latency and energy never fall as samples rise, nor, with several, as tokens rise."""
    model = lawful_model(combination, seed)
    most = min(samples + more, MAX_PARALLEL)
    ladder = (
        priced(model, pair.shorter, 1),
        priced(model, pair.shorter, samples),
        priced(model, pair.longer, samples),
        priced(model, pair.longer, most),
    )
    for fewer, greater in pairwise(ladder):
        for less, costs in zip(parts_of(fewer), parts_of(greater), strict=True):
            assert never_falls(known(less.latency_s), known(costs.latency_s))
            assert never_falls(known(less.energy_j), known(costs.energy_j))


@pytest.mark.law
@every_combination
@given(seed=seeds, request_=requests, samples=several)
def test_energy_is_power_times_latency_within_the_device(
    combination: Combination, seed: int, request_: tuple[int, int], samples: int
) -> None:
    """In each phase, with a power between idle and the limit, inside ordered intervals.

    Tokens per second count every sample.
    """
    model = lawful_model(combination, seed)
    hardware = model.record.hardware
    prediction = priced(model, request_, samples)
    for part in (prediction.prefill, prediction.decode):
        power_w, latency_s = known(part.power_w), known(part.latency_s)
        assert close(known(part.energy_j), power_w * latency_s)
        assert power_w >= hardware.idle_power_w * (1.0 - SLACK)
        assert power_w <= hardware.power_limit_w * (1.0 + SLACK)
        interval = known(part.latency_interval_s)
        assert 0.0 <= interval.lower <= latency_s * (1.0 + SLACK) + SUBNORMAL
        assert latency_s * (1.0 - SLACK) - SUBNORMAL <= interval.upper < math.inf
    if known(prediction.latency_s) > 0.0:
        tokens = samples * request_[1]
        assert close(known(prediction.output_tokens_per_s), tokens / known(prediction.latency_s))


@pytest.mark.law
@pytest.mark.parametrize("combination", COMBINATIONS[:: len(COMBINATIONS) // 6], ids=str)
@fewer_examples()
@given(seed=seeds, request_=requests, samples=several)
def test_saving_and_expressions_agree(
    combination: Combination,
    seed: int,
    request_: tuple[int, int],
    samples: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A saved model predicts the same, and a table is priced like single requests."""
    model = lawful_model(combination, seed)
    expected = priced(model, request_, samples)
    folder: Path = tmp_path_factory.mktemp("saved")
    save_artifact(folder, [model])
    assert priced(load_artifact(folder).models[0], request_, samples) == expected
    frame = pl.DataFrame({"i": [request_[0]], "o": [request_[1]]})
    priced_by = phase_expressions(model, pl.col("i"), pl.col("o"), samples)
    for phase, part in zip(priced_by.values(), (expected.prefill, expected.decode), strict=True):
        row = frame.select(s=phase.latency_s, j=phase.energy_j).row(0)
        wanted = (known(part.latency_s), known(part.energy_j))
        assert row == pytest.approx(wanted, rel=EXPRESSION_SLACK, abs=1e-290)


@pytest.mark.law
@fewer_examples()
@given(seed=seeds, request_=requests, samples=several)
def test_intervals_in_tables_agree(seed: int, request_: tuple[int, int], samples: int) -> None:
    """A table's columns, its intervals among them, are those of single requests."""
    model = lawful_model(COMBINATIONS[0], seed)
    expected = priced(model, request_, samples)
    frame = pl.DataFrame({"i": [request_[0]], "o": [request_[1]]})
    columns = expressions(model, pl.col("i"), pl.col("o"), parallel=samples)
    row = frame.select(**columns).row(0, named=True)
    assert set(row) == {*POINT_COLUMNS, *LIMIT_COLUMNS}
    assert row["latency_s"] == pytest.approx(expected.latency_s, rel=EXPRESSION_SLACK, abs=1e-290)
    assert row["energy_j"] == pytest.approx(expected.energy_j, rel=EXPRESSION_SLACK, abs=1e-290)
    upper = known(expected.latency_interval_s).upper
    assert row["latency_upper_s"] == pytest.approx(upper, rel=EXPRESSION_SLACK, abs=1e-290)
    assert row["extrapolated"] == expected.extrapolated


def without_parallel(model: FittedModel) -> FittedModel:
    """Return a model of which several samples were never measured."""
    phases = {
        phase: msgspec.structs.replace(record, parallel=None)
        for phase, record in model.record.phases.items()
    }
    record = msgspec.structs.replace(model.record, phases=phases)
    formulas = {
        phase: type(formula)(formula.curve, formula.calibration, formula.head)
        for phase, formula in model.formulas.items()
    }
    return FittedModel(record, formulas, model.weights)


def test_what_was_not_measured_is_not_guessed() -> None:
    """Without rows of several samples there is no latency, and a note says why."""
    model = without_parallel(lawful_model(COMBINATIONS[0], 7))
    prediction = priced(model, (100, 50), 4)
    assert prediction.latency_s is None
    assert prediction.decode.rests_on == NO_PARALLEL
    assert any(NO_PARALLEL in note for note in prediction.notes)
    columns = expressions(model, pl.lit(100), pl.lit(50), parallel=4)
    row = pl.select(list(columns.values())).row(0, named=True)
    assert row["latency_s"] is None
    assert row["latency_upper_s"] is None


def test_more_samples_than_measured_extrapolate() -> None:
    """The range of samples is part of the measured range."""
    model = lawful_model(COMBINATIONS[0], 7)
    assert not priced(model, (100, 50), 32).extrapolated
    prediction = priced(model, (100, 50), 33)
    assert prediction.extrapolated
    assert "parallel 33 above 32 measured" in known(prediction.decode.extrapolates)


@pytest.mark.parametrize("samples", [0, -1, 1.5, True, MAX_PARALLEL + 1, "2"])
def test_impossible_numbers_of_samples_are_refused(samples: object) -> None:
    """The error names what was expected and what came."""
    with pytest.raises(RequestError, match="expected parallel to be a whole number 1"):
        ModelPredictor(lawful_model(COMBINATIONS[0], 1))(1, 1, parallel=samples)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0.0, -1.0, math.nan, math.inf, 1e4])
def test_unlawful_levels_are_refused(level: float, tmp_path: Path) -> None:
    """A level outside its range does not load."""
    model = lawful_model(COMBINATIONS[0], 1)
    phases = {
        phase: msgspec.structs.replace(record, level=level)
        for phase, record in model.record.phases.items()
    }
    damaged = FittedModel(
        msgspec.structs.replace(model.record, phases=phases), model.formulas, model.weights
    )
    save_artifact(tmp_path, [damaged])
    with pytest.raises(ArtifactError, match="level"):
        load_artifact(tmp_path)


def test_a_level_moves_the_latency_alone_and_by_its_factor() -> None:
    """The level multiplies the seconds of its phase."""
    model = lawful_model(COMBINATIONS[0], 7)
    formula = model.formulas[Phase.DECODE]
    moved = type(formula)(
        formula.curve, formula.calibration, formula.head, formula.parallel, formula.level * 1.03
    )
    changed = FittedModel(model.record, {**model.formulas, Phase.DECODE: moved}, model.weights)
    before, after = (ModelPredictor(one)(500, 200) for one in (model, changed))
    assert after.prefill == before.prefill
    assert close(known(after.decode.latency_s), known(before.decode.latency_s) * 1.03)


def test_a_moved_level_is_told() -> None:
    """What a prediction rests on includes the finished requests that moved it."""
    model = lawful_model(COMBINATIONS[0], 7)
    phases = {
        phase: msgspec.structs.replace(record, level=0.963)
        for phase, record in model.record.phases.items()
    }
    record = msgspec.structs.replace(model.record, phases=phases)
    moved = ModelPredictor(FittedModel(record, model.formulas, model.weights))(500, 200)
    assert "finished requests moved it by a factor of 0.963" in moved.decode.rests_on
