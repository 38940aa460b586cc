"""EcoLogits: energy of a request from its output tokens and the model's active parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from token2metrics.bench.contender import Array, Contender, Forecast, Known
from token2metrics.bench.forecasts import CurveForecast
from token2metrics.vocabulary import Phase

GPU_ENERGY_ALPHA = 1.1665273170451914e-06
GPU_ENERGY_BETA = -0.011205921025579175
GPU_ENERGY_GAMMA = 4.052928146734005e-05
"""Watt-hours per output token on one GPU: ``alpha exp(beta batch) parameters + gamma``."""

LATENCY_ALPHA = 0.0006785088094353663
LATENCY_BETA = 0.0003119310311688259
LATENCY_GAMMA = 0.019473717579473387
"""Seconds per output token: ``alpha parameters + beta batch + gamma``."""

BATCH_SIZE = 64
GPU_MEMORY_GB = 80.0
MEMORY_OVERHEAD = 1.2
QUANTIZATION_BITS = 16
BITS_PER_BYTE = 8
SERVER_GPUS = 8
SERVER_POWER_W = 1_200.0
PARAMETERS_PER_UNIT = 1e9
SECONDS_PER_HOUR = 3_600.0

REMARK = (
    "made for batches of 64 on data-centre GPUs, knows no latency and ignores input tokens; all of "
    "its energy is taken as decode, with a power usage effectiveness of 1"
)


@dataclass(frozen=True, slots=True)
class PerOutputToken:
    """A constant number of joules per output token."""

    energy_j: float

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the joules of every row, ``(rows,)``."""
        return self.energy_j * output_tokens


def joules_per_output_token(parameters: float) -> float:
    """Return the IT energy of one output token: the GPUs, and their share of the server.

    Args:
        parameters: Active parameters of the model, in billions.
    """
    gpu_wh = GPU_ENERGY_ALPHA * math.exp(GPU_ENERGY_BETA * BATCH_SIZE) * parameters
    gpu_wh += GPU_ENERGY_GAMMA
    latency_s = LATENCY_ALPHA * parameters + LATENCY_BETA * BATCH_SIZE + LATENCY_GAMMA
    gpus = gpus_needed(parameters)
    server_j = latency_s * SERVER_POWER_W * gpus / SERVER_GPUS / BATCH_SIZE
    return server_j + gpus * gpu_wh * SECONDS_PER_HOUR


def gpus_needed(parameters: float) -> int:
    """Return how many GPUs hold the weights, as a power of two.

    Args:
        parameters: Parameters of the model, in billions.
    """
    memory_gb = MEMORY_OVERHEAD * parameters * QUANTIZATION_BITS / BITS_PER_BYTE
    return int(2 ** math.ceil(math.log2(math.ceil(memory_gb / GPU_MEMORY_GB))))


class EcoLogits(Contender):
    """Its published regression over data-centre GPUs; nothing is fitted."""

    name = "ecologits"
    source = "EcoLogits 0.11.3, ecologits/impacts/llm.py, https://ecologits.ai"

    def fit(self, known: Known) -> Forecast:
        """Count the parameters that work on a token; the rows are not used."""
        shape = known.experiment.model.architecture
        active = shape.non_embedding_parameters + shape.output_head_parameters
        curve = PerOutputToken(joules_per_output_token(active / PARAMETERS_PER_UNIT))
        return CurveForecast({}, {Phase.DECODE: curve, Phase.REQUEST: curve}, (REMARK,))
