"""DeepSeek-R1-Distill-Qwen-14B on a Jetson AGX Orin."""

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
    id="dsr1-qwen-14b",
    name="14B",
    aliases=(
        "DeepSeek-R1-Distill-Qwen-14B",
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
        "DSR1-Qwen-14B",
    ),
    architecture=Architecture(
        layers=48,
        hidden=5120,
        heads=40,
        kv_heads=8,
        head_dim=128,
        ffn=13824,
        vocabulary=152064,
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
