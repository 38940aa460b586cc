"""Frozen, typed experiment configuration: what the files in ``configs/`` build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from token2metrics.architecture import Architecture
from token2metrics.curves.mlp import MAX_HIDDEN
from token2metrics.curves.polynomial import MAX_DEGREE
from token2metrics.curves.roofline import DEFAULT_NORM_ORDER, MAX_NORM_ORDER
from token2metrics.curves.spline import DEFAULT_SMOOTHNESS
from token2metrics.curves.tree import MAX_STEPS
from token2metrics.errors import ConfigurationError
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.vocabulary import CalibrationMethod, RegressionType

__all__ = [
    "Architecture",
    "CalibrationConfig",
    "CalibrationMethod",
    "DataConfig",
    "ExperimentConfig",
    "HardwareConfig",
    "ModelConfig",
    "RegressionConfig",
    "RegressionType",
]

MIN_FOLDS = 2
DEFAULT_FOLDS = 5
DEFAULT_TEST_SIZE = 0.2
DEFAULT_RANDOM_STATE = 42
DEFAULT_RATIO_SPREAD = 0.1
DEFAULT_MAX_ITERATIONS = 200


class Section(BaseModel):
    """A frozen group of values that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Section):
    """A language model: its names, its shape and its server counterpart.

    Attributes:
        id: Name in measurement tables, such as ``dsr1-qwen-1.5b``.
        name: Short name on the command line, such as ``1.5B``.
        aliases: Other names accepted for it.
        architecture: Shape of the transformer.
        precision: Precision of the weights on the edge device; ``precision.BYTES_PER_WEIGHT``
            lists the known ones.
        gguf_file: The model's GGUF file in that precision, from which training takes the exact
            bytes of its weights; None for those of the precision's table.
        server_model: Id of the measured server model of the same shape, if there is one.
    """

    id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    aliases: tuple[str, ...] = ()
    architecture: Architecture
    precision: str = "bf16"
    gguf_file: Path | None = None
    server_model: str | None = None

    def answers_to(self, name: str) -> bool:
        """Return whether ``name`` is one of the model's names, ignoring case."""
        return name.casefold() in {n.casefold() for n in (self.id, self.name, *self.aliases)}


Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None


class HardwareConfig(Section):
    """A device: how measurement tables name it, what it draws and what it costs.

    Attributes:
        name: Name in measurement tables, such as ``jetson-agx-orin-64gb``.
        memory_bandwidth_bytes_per_s: Nominal bandwidth of the memory that holds the weights; None
            when unknown.
        compute_flop_per_s: Nominal dense 16-bit arithmetic of the accelerator; None when unknown.
        tiled: Whether arithmetic comes in tiles of 64 to 256 tokens, as on GPUs; not on most CPUs.
        idle_power_w: Power without work on the measured rail; 0 when unknown.
        power_limit_w: Most power the device can draw; None when unknown.
        purchase_price: What the device costs, in the currency of ``--price-per-kwh``.
        lifetime_years: Over how many years of use the price is spread.
    """

    name: Annotated[str, Field(min_length=1)]
    memory_bandwidth_bytes_per_s: Rate = None
    compute_flop_per_s: Rate = None
    tiled: bool = True
    idle_power_w: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    power_limit_w: (
        Annotated[float, Field(gt=0, le=UNLIMITED_POWER_W, allow_inf_nan=False)] | None
    ) = None
    purchase_price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    lifetime_years: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0

    @model_validator(mode="after")
    def _idle_below_limit(self) -> HardwareConfig:
        """Refuse a device that idles at or above its limit."""
        if self.power_limit_w is not None and self.idle_power_w >= self.power_limit_w:
            raise ValueError(
                f"expected idle_power_w below power_limit_w, got {self.idle_power_w} W "
                f"and {self.power_limit_w} W"
            )
        return self


class NoHyperparameters(Section):
    """``auto`` takes none: each candidate family has its defaults."""


class LinearHyperparameters(Section):
    """Of the linear family.

    Attributes:
        fit_intercept: Whether there is a constant per phase.
        normalize: Whether ``l2`` counts slopes in shares of the latency rather than per token.
        l2: Ridge penalty on the weights of exact fits, those of the ``direct`` calibration.
    """

    fit_intercept: bool = True
    normalize: bool = False
    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class PolynomialHyperparameters(Section):
    """Of the polynomial family."""

    degree: Annotated[int, Field(ge=1, le=MAX_DEGREE)] = 2
    interactions: bool = True
    fit_intercept: bool = True


class TreeHyperparameters(Section):
    """Of the tree family: how many thresholds it may use, and how strongly steps shrink."""

    max_steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 256
    shrinkage: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.02


class SplineHyperparameters(Section):
    """Of the spline family: how strongly neighbouring slopes are held together."""

    smoothness: Annotated[float, Field(ge=0, allow_inf_nan=False)] = DEFAULT_SMOOTHNESS


class MlpHyperparameters(Section):
    """Of the monotone network."""

    hidden: Annotated[int, Field(ge=1, le=MAX_HIDDEN)] = 4


class RooflineHyperparameters(Section):
    """Of the roofline family."""

    norm_order: Annotated[float, Field(ge=1, le=MAX_NORM_ORDER)] = DEFAULT_NORM_ORDER


HYPERPARAMETERS: dict[RegressionType, type[Section]] = {
    RegressionType.AUTO: NoHyperparameters,
    RegressionType.LINEAR: LinearHyperparameters,
    RegressionType.POLYNOMIAL: PolynomialHyperparameters,
    RegressionType.TREE: TreeHyperparameters,
    RegressionType.SPLINE: SplineHyperparameters,
    RegressionType.MLP: MlpHyperparameters,
    RegressionType.ROOFLINE: RooflineHyperparameters,
}
"""The section that checks the hyperparameters of each family."""


class RegressionConfig(Section):
    """Which curve family is fitted, and how its error is estimated.

    Attributes:
        type: The family, or ``auto``.
        hyperparameters: Values of the family's section.
        cross_validation_folds: Folds over whole token settings.
        test_size: Share of the token settings held out for the test error; 0 for none.
        random_state: Seed of every random choice.
        max_iterations: Most iterations of one fit.
    """

    type: RegressionType = RegressionType.AUTO
    hyperparameters: Mapping[str, Any] = Field(default_factory=dict)
    cross_validation_folds: Annotated[int, Field(ge=MIN_FOLDS)] = DEFAULT_FOLDS
    test_size: Annotated[float, Field(ge=0, lt=1)] = DEFAULT_TEST_SIZE
    random_state: Annotated[int, Field(ge=0)] = DEFAULT_RANDOM_STATE
    max_iterations: Annotated[int, Field(ge=1)] = DEFAULT_MAX_ITERATIONS

    @model_validator(mode="after")
    def _known_hyperparameters(self) -> RegressionConfig:
        """Check the hyperparameters against the family's section."""
        self.section()
        return self

    def section(self) -> Section:
        """Return the checked hyperparameters of the configured family."""
        expected = HYPERPARAMETERS[self.type]
        try:
            return expected.model_validate(dict(self.hyperparameters))
        except ValidationError as error:
            known = ", ".join(expected.model_fields) or "none"
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(
                f"{self.type} hyperparameter {where!r}: {first['msg']}; known: {known}"
            ) from error


class CalibrationConfig(Section):
    """How a source curve is carried to the edge device.

    Attributes:
        method: The form of the correction, or ``auto``.
        scale_factor: The gain of the ``manual`` method.
        ratio_spread: Prior standard deviation of the logarithm of each ``per_term`` ratio; few
            rows leave the ratios at one.
    """

    method: CalibrationMethod = CalibrationMethod.AUTO
    scale_factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    ratio_spread: Annotated[float, Field(gt=0, allow_inf_nan=False)] = DEFAULT_RATIO_SPREAD


class DataConfig(Section):
    """Which measurements are used.

    Attributes:
        paths: Measurement files; none means the bundled measurements.
        power_mode: Only rows of this power mode; None takes the one with the most rows.
        runtime: Only rows of this runtime; None takes the one with the most rows.
        precision: Only rows of this precision; None takes the one with the most rows.
        power_rail: Energy of this rail only; None takes the one with the most rows.
        warmup_repeats: How many first repeats of each setting, in file order, to set aside.
    """

    paths: tuple[Path, ...] = ()
    power_mode: str | None = None
    runtime: str | None = None
    precision: str | None = None
    power_rail: str | None = None
    warmup_repeats: Annotated[int, Field(ge=0)] = 0


class ExperimentConfig(Section):
    """Everything one training run of one model needs.

    Attributes:
        model: The language model.
        edge: The edge device predicted for.
        server: The device of the server measurements, if any.
        other_servers: Devices whose rows of the model serve where ``server`` has none.
        regression: Curve family and validation.
        calibration: Server to edge.
        data: Measurements.
    """

    model: ModelConfig
    edge: HardwareConfig
    server: HardwareConfig | None = None
    other_servers: tuple[HardwareConfig, ...] = ()
    regression: RegressionConfig = RegressionConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    data: DataConfig = DataConfig()

    @property
    def servers(self) -> tuple[HardwareConfig, ...]:
        """Every server, the preferred one first."""
        return self.other_servers if self.server is None else (self.server, *self.other_servers)

    @model_validator(mode="after")
    def _server_is_named(self) -> ExperimentConfig:
        """Refuse a server model without its device."""
        if self.model.server_model is not None and self.server is None:
            raise ValueError(
                f"model {self.model.id} names the server model {self.model.server_model}, "
                "so the experiment must name the server device"
            )
        return self


def first_problem(error: ValidationError) -> ConfigurationError:
    """Turn a validation error into one line that names field, expectation and value."""
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"]) or error.title
    return ConfigurationError(f"{field}: {problem['msg']} (got {problem['input']!r})")
