"""StarCoder2-15B on a Jetson AGX Orin."""

from token2metrics.config import (
    Architecture,
    CalibrationConfig,
    CalibrationMethod,
    ExperimentConfig,
    ModelConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.devices import JETSON_AGX_ORIN_64GB, NVIDIA_A100, NVIDIA_H200

MODEL_CONFIG = ModelConfig(
    id="starcoder2-15b",
    name="15B",
    aliases=("StarCoder2-15B", "bigcode/starcoder2-15b"),
    architecture=Architecture(
        layers=40,
        hidden=6144,
        heads=48,
        kv_heads=4,
        head_dim=128,
        ffn=24576,
        vocabulary=49152,
        gated_mlp=False,
    ),
    precision="bf16",
)

REGRESSION_CONFIG = RegressionConfig(
    type=RegressionType.AUTO,
    hyperparameters={},
    cross_validation_folds=5,
    test_size=0.2,
    random_state=42,
)

CALIBRATION_CONFIG = CalibrationConfig(method=CalibrationMethod.AUTO)

EXPERIMENT = ExperimentConfig(
    model=MODEL_CONFIG,
    edge=JETSON_AGX_ORIN_64GB,
    server=NVIDIA_A100,
    other_servers=(NVIDIA_H200,),
    regression=REGRESSION_CONFIG,
    calibration=CALIBRATION_CONFIG,
)
