"""Configurations are frozen, typed, and refuse what they do not know."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from token2metrics.config import (
    HYPERPARAMETERS,
    CalibrationConfig,
    CalibrationMethod,
    DataConfig,
    ExperimentConfig,
    HardwareConfig,
    ModelConfig,
    RegressionConfig,
    RegressionType,
    Section,
    first_problem,
)
from token2metrics.curves import FAMILIES, build_curve
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase

SHAPE: dict[str, Any] = {
    "layers": 2,
    "hidden": 64,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 16,
    "ffn": 128,
    "vocabulary": 1_000,
}
MODEL: dict[str, Any] = {"id": "toy-model", "name": "toy", "architecture": SHAPE}
DEVICE: dict[str, Any] = {"name": "board"}


def test_the_snippet_of_the_issue_works_as_written() -> None:
    """Imports apart, to the letter."""
    LINEAR_REGRESSION_CONFIG = RegressionConfig(  # noqa: N806
        type=RegressionType.LINEAR,
        hyperparameters={"fit_intercept": True, "normalize": False},
        cross_validation_folds=5, test_size=0.2, random_state=42)  # fmt: skip
    CALIBRATION_CONFIG = CalibrationConfig(method=CalibrationMethod.SIMPLE_SCALING)  # noqa: N806
    assert LINEAR_REGRESSION_CONFIG.section().model_dump() == {
        "fit_intercept": True,
        "normalize": False,
        "l2": 0.0,
    }
    assert CALIBRATION_CONFIG.method is CalibrationMethod.SIMPLE_SCALING


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (RegressionConfig, {"foldz": 5}),
        (RegressionConfig, {"type": "cubic"}),
        (RegressionConfig, {"cross_validation_folds": 1}),
        (RegressionConfig, {"cross_validation_folds": "many"}),
        (RegressionConfig, {"test_size": 1.0}),
        (RegressionConfig, {"test_size": -0.1}),
        (RegressionConfig, {"test_size": float("nan")}),
        (RegressionConfig, {"random_state": -1}),
        (RegressionConfig, {"max_iterations": 0}),
        (CalibrationConfig, {"method": "magic"}),
        (CalibrationConfig, {"scale_factor": 0.0}),
        (CalibrationConfig, {"scale_factor": float("inf")}),
        (CalibrationConfig, {"ratio_spread": 0.0}),
        (HardwareConfig, {}),
        (HardwareConfig, {"name": ""}),
        (HardwareConfig, {**DEVICE, "idle_power_w": -1.0}),
        (HardwareConfig, {**DEVICE, "power_limit_w": 0.0}),
        (HardwareConfig, {**DEVICE, "idle_power_w": 60.0, "power_limit_w": 60.0}),
        (HardwareConfig, {**DEVICE, "lifetime_years": 0.0}),
        (HardwareConfig, {**DEVICE, "purchase_price": float("nan")}),
        (ModelConfig, {**MODEL, "id": ""}),
        (ModelConfig, {**MODEL, "size": 7}),
        (ModelConfig, {"id": "toy-model", "name": "toy"}),
        (DataConfig, {"warmup_repeats": -1}),
        (DataConfig, {"path": ("a.csv",)}),
        (ExperimentConfig, {"model": MODEL}),
        (ExperimentConfig, {"model": {**MODEL, "server_model": "big"}, "edge": DEVICE}),
    ],
)
def test_wrong_values_and_unknown_keys_are_refused(
    section: type[Section], values: dict[str, Any]
) -> None:
    """With one line that names the field."""
    with pytest.raises(ValidationError) as caught:
        section.model_validate(values)
    problem = first_problem(caught.value)
    assert isinstance(problem, ConfigurationError)
    assert "\n" not in str(problem)
    assert "(got " in str(problem)


@pytest.mark.parametrize("family", RegressionType)
def test_a_misspelt_hyperparameter_lists_the_known_ones(family: RegressionType) -> None:
    """Whatever the family."""
    with pytest.raises(ValidationError) as caught:
        RegressionConfig(type=family, hyperparameters={"degre": 2})
    message = str(caught.value)
    assert "degre" in message
    assert "known: " in message
    assert all(name in message for name in HYPERPARAMETERS[family].model_fields)


@pytest.mark.parametrize(
    ("family", "hyperparameters"),
    [
        (RegressionType.LINEAR, {"l2": -1.0}),
        (RegressionType.LINEAR, {"fit_intercept": "perhaps"}),
        (RegressionType.POLYNOMIAL, {"degree": 0}),
        (RegressionType.POLYNOMIAL, {"degree": 2.5}),
        (RegressionType.POLYNOMIAL, {"degree": 99}),
        (RegressionType.TREE, {"max_steps": 0}),
        (RegressionType.TREE, {"shrinkage": float("inf")}),
        (RegressionType.MLP, {"hidden": 0}),
        (RegressionType.ROOFLINE, {"norm_order": 0.5}),
        (RegressionType.AUTO, {"degree": 2}),
    ],
)
def test_hyperparameters_keep_their_ranges(
    family: RegressionType, hyperparameters: dict[str, Any]
) -> None:
    """Values of the wrong type or size are refused."""
    with pytest.raises(ValidationError, match=next(iter(hyperparameters))):
        RegressionConfig(type=family, hyperparameters=hyperparameters)


@pytest.mark.parametrize("family", FAMILIES)
def test_hyperparameters_are_those_of_the_curve(family: RegressionType) -> None:
    """A section has the fields and the defaults of the curve it describes."""
    for phase in (Phase.PREFILL, Phase.DECODE):
        expected = build_curve(family, phase).hyperparameters()
        assert RegressionConfig(type=family).section().model_dump() == expected
        rebuilt = build_curve(family, phase, expected)
        assert rebuilt == build_curve(family, phase)


def test_a_curve_refuses_what_it_does_not_take() -> None:
    """An unknown hyperparameter, and a family that is no curve."""
    with pytest.raises(ConfigurationError, match="does not take"):
        build_curve(RegressionType.LINEAR, Phase.PREFILL, {"degree": 2})
    with pytest.raises(ConfigurationError, match="expected a curve family"):
        build_curve(RegressionType.AUTO, Phase.PREFILL)


@pytest.mark.parametrize(
    "section",
    [
        RegressionConfig(),
        CalibrationConfig(),
        DataConfig(),
        HardwareConfig(**DEVICE),
        ModelConfig(**MODEL),
        ExperimentConfig(model=MODEL, edge=DEVICE),
    ],
    ids=lambda section: type(section).__name__,
)
def test_sections_are_frozen(section: Section) -> None:
    """A configuration cannot change while it is used."""
    name = next(iter(type(section).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section, name, None)


def test_names_are_found_in_any_case() -> None:
    """Short name, id and aliases answer; nothing else does."""
    model = ModelConfig(**MODEL, aliases=("Toy/Model",))
    assert all(model.answers_to(name) for name in ("TOY", "Toy-Model", "toy/model"))
    assert not model.answers_to("toy model")
