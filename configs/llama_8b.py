"""DeepSeek-R1-Distill-Llama-8B on a Jetson AGX Orin."""

from token2metrics.config import (
    Architecture,
    CalibrationConfig,
    CalibrationMethod,
    ExperimentConfig,
    ModelConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.devices import JETSON_AGX_ORIN_64GB, NVIDIA_A100

MODEL_CONFIG = ModelConfig(
    id="dsr1-llama-8b",
    name="8B",
    aliases=(
        "DeepSeek-R1-Distill-Llama-8B",
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
        "DSR1-Llama-8B",
    ),
    architecture=Architecture(
        layers=32,
        hidden=4096,
        heads=32,
        kv_heads=8,
        head_dim=128,
        ffn=14336,
        vocabulary=128256,
    ),
    precision="bf16",
    server_model="llama-3-8b",
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
    regression=REGRESSION_CONFIG,
    calibration=CALIBRATION_CONFIG,
)
