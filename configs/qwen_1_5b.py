"""DeepSeek-R1-Distill-Qwen-1.5B on a Jetson AGX Orin."""

from token2metrics.config import (
    Architecture,
    CalibrationConfig,
    CalibrationMethod,
    ExperimentConfig,
    ModelConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.devices import (
    AMD_EPYC_2_THREADS,
    JETSON_AGX_ORIN_64GB,
    NVIDIA_A100,
    NVIDIA_H200,
)

MODEL_CONFIG = ModelConfig(
    id="dsr1-qwen-1.5b",
    name="1.5B",
    aliases=(
        "DeepSeek-R1-Distill-Qwen-1.5B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "DSR1-Qwen-1.5B",
    ),
    architecture=Architecture(
        layers=28,
        hidden=1536,
        heads=12,
        kv_heads=2,
        head_dim=128,
        ffn=8960,
        vocabulary=151936,
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
    other_servers=(NVIDIA_H200, AMD_EPYC_2_THREADS),
    regression=REGRESSION_CONFIG,
    calibration=CALIBRATION_CONFIG,
)
