"""Training follows its configuration, repeats itself, and says what it rests on."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.synthetic import (
    BETWEEN,
    FEW,
    GRID,
    IDLE_W,
    LARGE,
    LIMIT_W,
    MIDDLE,
    RAIL,
    SERVER,
    SMALL,
    SPARSE,
    Row,
    Truth,
    experiment,
    latencies_s,
    measured,
    on_server,
    prepared,
    silent,
    train,
    worst_error,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import ErrorSummary
from token2metrics.artifact.save import save_artifact
from token2metrics.config import (
    CalibrationMethod,
    HardwareConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.errors import DataError
from token2metrics.modeling.gather import on_measured_server
from token2metrics.modeling.train import Trainer
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

OTHER_SERVER = "other-server"

SAME_BITS = 1e-12
NOISE = 0.05
CARRIED = 0.05
"""Largest relative error of a model predicted from the architectures of others."""

LINEAR: dict[str, Any] = {"type": RegressionType.LINEAR}
POLYNOMIAL: dict[str, Any] = {"type": RegressionType.POLYNOMIAL}


def noisy_rows() -> list[Row]:
    """Return rows that no family fits exactly."""
    chance = np.random.default_rng(7)
    return [
        {**one, "latency_s": one["latency_s"] * float(np.exp(chance.normal(0.0, NOISE)))}
        for one in measured(Truth(RegressionType.POLYNOMIAL))
    ]


def trained(**regression: Any) -> FittedModel:
    """Train on the noisy rows alone."""
    return train(noisy_rows(), experiment(RegressionConfig(**regression))).model


def errors(model: FittedModel) -> list[tuple[ErrorSummary, ...]]:
    """Return the held-out errors of both phases."""
    return [phase.errors for phase in model.record.phases.values()]


@pytest.mark.parametrize(
    "edited",
    [
        {"type": RegressionType.POLYNOMIAL},
        {"type": RegressionType.TREE},
        {"type": RegressionType.ROOFLINE},
        {"hyperparameters": {"fit_intercept": False}},
        {"hyperparameters": {"l2": 10.0}},
        {"hyperparameters": {"l2": 10.0, "normalize": True}},
    ],
    ids=str,
)
def test_an_edited_family_changes_the_predictions(edited: dict[str, Any]) -> None:
    """Edit a value, train again: the result changes."""
    assert latencies_s(trained(**{**LINEAR, **edited})) != latencies_s(trained(**LINEAR))


@pytest.mark.parametrize(
    ("family", "first", "second"),
    [
        (RegressionType.POLYNOMIAL, {"degree": 1}, {"degree": 3}),
        (RegressionType.POLYNOMIAL, {"interactions": True}, {"interactions": False}),
        (RegressionType.TREE, {"shrinkage": 0.0}, {"shrinkage": 1.0}),
        (RegressionType.TREE, {"max_steps": 1}, {"max_steps": 100}),
        (RegressionType.MLP, {"hidden": 1}, {"hidden": 3}),
        (RegressionType.ROOFLINE, {"norm_order": 1.0}, {"norm_order": 8.0}),
    ],
    ids=str,
)
def test_an_edited_hyperparameter_changes_the_predictions(
    family: RegressionType, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Of every family."""
    one, other = (
        trained(type=family, hyperparameters=chosen, cross_validation_folds=2, test_size=0.0)
        for chosen in (first, second)
    )
    assert latencies_s(one) != latencies_s(other)
    assert one.record.phases[Phase.PREFILL].hyperparameters.items() >= first.items()


@pytest.mark.parametrize(
    "edited", [{"cross_validation_folds": 3}, {"random_state": 1}, {"test_size": 0.5}], ids=str
)
def test_an_edited_validation_changes_the_errors(edited: dict[str, Any]) -> None:
    """And not the fit on all rows, when the family is given."""
    first, second = trained(**LINEAR), trained(**{**LINEAR, **edited})
    assert errors(first) != errors(second)
    assert latencies_s(first) == latencies_s(second)
    assert second.record.configuration["regression"].items() >= edited.items()


def test_no_test_share_means_no_test_error() -> None:
    """The held-out test error appears and goes with its share."""
    protocols = [
        [summary.protocol for summary in phase]
        for model in (trained(**LINEAR), trained(**LINEAR, test_size=0.0))
        for phase in errors(model)
    ]
    with_test, _, without, _ = protocols
    assert len(with_test) == len(without) + 1


def test_held_out_errors_are_the_noise() -> None:
    """A family that can follow the rows is left with their scatter."""
    for phase in errors(trained(**POLYNOMIAL)):
        for summary in phase:
            assert 0.0 < summary.median_ape_percent < 100 * 2 * NOISE
            assert summary.median_ape_percent <= summary.p90_ape_percent
            assert abs(summary.bias_percent) <= summary.mape_percent
            assert summary.rows > 0


def test_equal_trainings_give_equal_artifacts(tmp_path: Path) -> None:
    """But for the time of training, to the last byte of the weights."""
    rows = on_server(noisy_rows()) + measured(Truth(RegressionType.POLYNOMIAL), FEW)
    chosen = experiment(RegressionConfig(type=RegressionType.ROOFLINE), CalibrationMethod.PER_TERM)
    manifests = []
    for name in ("first", "second"):
        save_artifact(tmp_path / name, [train(rows, chosen).model])
        manifests.append(load_artifact(tmp_path / name).manifest)
    first, second = manifests
    assert first.weights_sha256 == second.weights_sha256
    (one,), (other,) = first.models, second.models
    assert {n: getattr(one, n) for n in one.__struct_fields__ if n != "trained_at"} == {
        n: getattr(other, n) for n in other.__struct_fields__ if n != "trained_at"
    }


def test_a_trained_model_survives_its_artifact(tmp_path: Path) -> None:
    """Predictions after loading are those before saving, for a tree with its steps too."""
    model = trained(type=RegressionType.TREE, cross_validation_folds=2)
    assert any(phase.step_count for phase in model.record.phases.values())
    save_artifact(tmp_path, [model])
    (loaded,) = load_artifact(tmp_path).models
    assert latencies_s(loaded) == latencies_s(model)
    assert loaded.record == model.record


@pytest.mark.parametrize(
    "family", [RegressionType.LINEAR, RegressionType.POLYNOMIAL, RegressionType.TREE]
)
@pytest.mark.parametrize("method", [CalibrationMethod.SIMPLE_SCALING, CalibrationMethod.PER_TERM])
def test_a_calibration_without_a_source_warns(
    family: RegressionType, method: CalibrationMethod, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not silently replaced."""
    chosen = experiment(RegressionConfig(type=family), method, server_model=None)
    with caplog.at_level(logging.WARNING):
        result = train(measured(Truth(family), FEW), chosen)
    assert len(result.warnings) == 1
    assert str(method) in result.warnings[0]
    assert result.warnings[0] in caplog.text
    assert result.model.record.phases[Phase.DECODE].calibration is CalibrationMethod.DIRECT


def test_nothing_to_rest_on_is_an_error() -> None:
    """The message names model, device and what would help."""
    rows = measured(Truth(RegressionType.LINEAR), FEW, model="another-model")
    with pytest.raises(DataError, match=r"edge-model on edge-board.*--data"):
        train(rows, experiment(RegressionConfig(type=RegressionType.LINEAR)))


def siblings(**others: Any) -> list[Row]:
    """Return rows of two other models on the device."""
    return [
        one
        for name, shape in (("middle", MIDDLE), ("large", LARGE))
        for one in measured(
            Truth(RegressionType.ROOFLINE), SPARSE, architecture=shape, model=name, **others
        )
    ]


CATALOG = [
    experiment(RegressionConfig(), CalibrationMethod.AUTO),
    experiment(RegressionConfig(), CalibrationMethod.AUTO, MIDDLE, "middle", None),
    experiment(RegressionConfig(), CalibrationMethod.AUTO, LARGE, "large", None),
]


def test_an_unmeasured_model_follows_from_the_others() -> None:
    """Through its architecture, on the same device; and the prediction says so."""
    model = train(siblings(), CATALOG[0], CATALOG).model
    truth = Truth(RegressionType.ROOFLINE)
    assert worst_error(model, lambda p, r: truth.latency_s(p, r, SMALL)) < CARRIED
    prediction = ModelPredictor(model)(*BETWEEN[0])
    assert prediction.extrapolated
    for phase in FITTED_PHASES:
        described = model.record.phases[phase]
        assert described.source is SourceKind.SIBLINGS
        assert (described.edge_rows, described.hull) == (0, None)
        assert "other models on edge-board" in described.rests_on
        assert "uncalibrated" in described.rests_on
    assert "no row of this model" in " ".join(prediction.notes)


def test_server_latencies_are_never_served_as_those_of_the_device() -> None:
    """Without edge rows a server curve takes a factor given by hand, and the record names it."""
    truth = Truth(RegressionType.LINEAR)
    linear = RegressionConfig(type=RegressionType.LINEAR)
    with pytest.raises(DataError, match="nothing measured supports"):
        train(on_server(measured(truth)), experiment(linear))
    chosen = experiment(linear, CalibrationMethod.MANUAL, scale_factor=3.0)
    model = train(on_server(measured(truth)), chosen).model
    assert worst_error(model, lambda p, r: 3.0 * truth.latency_s(p, r)) < 1e-5
    assert "times 3 as given" in model.record.phases[Phase.DECODE].rests_on


def test_powers_do_not_move_exact_latencies() -> None:
    """A penalty on the slopes holds in the final fit too, whatever energy was metered."""
    truth = Truth(RegressionType.LINEAR)
    rows = measured(truth)
    metered = [{**one, "energy_j": 20.0 * one["latency_s"]} for one in rows]
    penalised = RegressionConfig(
        type=RegressionType.LINEAR, hyperparameters={"l2": 10.0, "normalize": True}
    )
    plain, with_power = (
        train(some, experiment(penalised, CalibrationMethod.DIRECT)).model
        for some in (rows, metered)
    )
    free = train(rows, experiment(RegressionConfig(type=RegressionType.LINEAR))).model
    for one, other, unpenalised in zip(*map(latencies_s, (with_power, plain, free)), strict=True):
        assert one == pytest.approx(other, rel=SAME_BITS)
        assert one != pytest.approx(unpenalised, rel=NOISE)


def test_held_out_energies_are_reported() -> None:
    """Next to what the head rests on; a power the device cannot draw is warned of."""
    rows = measured(Truth(RegressionType.LINEAR))
    metered = [{**one, "energy_j": 20.0 * one["latency_s"]} for one in rows]
    result = train(metered, experiment(RegressionConfig(type=RegressionType.LINEAR)))
    head = result.model.record.phases[Phase.DECODE].head
    assert head is not None
    assert head.errors[0].mape_percent < 5.0
    impossible = [{**one, "energy_j": 5_000.0 * one["latency_s"]} for one in rows]
    warned = train(impossible, experiment(RegressionConfig(type=RegressionType.LINEAR)))
    assert any("median metered power" in warning for warning in warned.warnings)


def test_a_measured_model_names_its_rows() -> None:
    """Server rows, edge rows, the calibration between them, and the measured range."""
    truth = Truth(RegressionType.LINEAR)
    chosen = experiment(RegressionConfig(type=RegressionType.LINEAR), CalibrationMethod.LOG_RATIO)
    record = train(on_server(measured(truth)) + measured(truth, FEW), chosen).model.record
    decode = record.phases[Phase.DECODE]
    assert decode.rests_on == (
        f"{len(GRID)} rows of server-model on server-card, calibrated (log_ratio) on "
        f"{len(FEW)} rows of edge-model on edge-board"
    )
    assert decode.edge_rows == len(FEW)
    assert decode.hull is not None
    assert decode.hull.input_tokens == (32.0, 2_000.0)
    assert decode.hull.output_tokens == (16.0, 1_000.0)
    prefill = record.phases[Phase.PREFILL]
    assert prefill.hull is not None
    assert prefill.hull.output_tokens is None
    assert record.data_sources == ("computed",)
    assert (record.power_mode, record.runtime, record.precision) == ("maxn", "vllm", "bf16")


def metered(power_w: float, rows: list[Row]) -> list[Row]:
    """Return rows with the energy of a constant power."""
    return [
        {
            **one,
            "energy_j": power_w * one["latency_s"],
            "energy_window_s": one["latency_s"],
            "power_rail": RAIL,
        }
        for one in rows
    ]


def test_an_unmetered_decode_takes_the_power_of_the_others() -> None:
    """Carried over through the bytes each decode moves per second, and said so."""
    own = measured(Truth(RegressionType.ROOFLINE), FEW)
    rows = metered(30.0, siblings()) + own
    model = train(rows, CATALOG[0], CATALOG).model
    decode = ModelPredictor(model)(256, 500).decode
    assert decode.power_w is not None
    assert decode.power_w == pytest.approx(30.0, rel=0.1)
    assert "carried over from 2 other models" in decode.energy_rests_on
    head = model.record.phases[Phase.DECODE].head
    assert head is not None
    assert (head.rows, head.power_rail) == (0, RAIL)
    assert model.record.phases[Phase.PREFILL].head is None


@pytest.mark.parametrize("power_w", [IDLE_W / 2, IDLE_W, LIMIT_W, 2 * LIMIT_W])
def test_powers_beyond_the_device_are_bounded(power_w: float) -> None:
    """A wrong meter cannot push the prediction out of idle and limit."""
    rows = metered(power_w, measured(Truth(RegressionType.LINEAR), FEW))
    model = train(rows, experiment(RegressionConfig(type=RegressionType.LINEAR))).model
    prediction = ModelPredictor(model)(256, 500)
    assert prediction.power_w is not None
    assert IDLE_W <= prediction.power_w <= LIMIT_W
    assert prediction.power_w == pytest.approx(min(max(power_w, IDLE_W), LIMIT_W), rel=0.1)


def test_progress_is_told_as_often_as_announced() -> None:
    """Once per candidate, and once for the end."""
    told: list[str] = []
    chosen = experiment(RegressionConfig(type=RegressionType.LINEAR), CalibrationMethod.AUTO)
    data = prepared(on_server(measured(Truth(RegressionType.LINEAR), SPARSE)) + noisy_rows()[:6])
    trainer = Trainer(data, [chosen], told.append)
    expected = trainer.steps(chosen)
    trainer.train(chosen)
    assert len(told) == expected > 1
    assert Trainer(data, [chosen], silent).steps(chosen) == expected


@pytest.mark.parametrize(
    ("measured_on", "serving"),
    [((SERVER, OTHER_SERVER), SERVER), ((OTHER_SERVER,), OTHER_SERVER), ((), SERVER)],
)
def test_the_first_measured_server_serves(measured_on: tuple[str, ...], serving: str) -> None:
    """Rows of another server stand in where the preferred one has none of the model."""
    truth = Truth(RegressionType.ROOFLINE)
    here = measured(truth, SPARSE)
    there = [{**one, "device": name} for name in measured_on for one in on_server(here)]
    chosen = experiment().model_copy(update={"other_servers": (HardwareConfig(name=OTHER_SERVER),)})
    placed = on_measured_server(prepared([*here, *there]), chosen)
    assert placed.server is not None
    assert placed.server.name == serving
