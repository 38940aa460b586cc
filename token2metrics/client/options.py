"""What a call of the client may say beside what it is about; the rest is at its defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from token2metrics.comparing.comparison import Objective
from token2metrics.service.operations.asked import AskedQuality


class PriceOptions(TypedDict, total=False):
    """What money is counted with.

    Attributes:
        price_per_kwh: Price of electricity, in any currency.
        device_price: Price of the device; as configured where it is left out.
        lifetime_years: Years of use that the device is paid off over; as configured likewise.
    """

    price_per_kwh: float
    device_price: float
    lifetime_years: float


class ModelOptions(PriceOptions, total=False):
    """Which trained model is meant.

    Attributes:
        model: The model by any of its names; may be left out where only one was trained.
        device: Edge device, needed where the model was trained for several; and so on.
        power_mode: Power mode, such as ``maxn``.
        runtime: Inference engine, such as ``vllm``.
        precision: Precision of the weights, such as ``bf16``.
        parallel: Answers to the prompt that are generated at once.
    """

    model: str
    device: str
    power_mode: str
    runtime: str
    precision: str
    parallel: int


class PredictOptions(ModelOptions, total=False):
    """How a request is priced.

    Attributes:
        confidence: How often the truth should lie within the intervals.
    """

    confidence: float


class PlanOptions(ModelOptions, total=False):
    """Under what a plan has to hold.

    Attributes:
        probability: How probably a planned request keeps all limits.
        context_tokens: Tokens that the engine holds, prompt and answer together.
    """

    probability: float
    context_tokens: int


class CompareOptions(PriceOptions, total=False):
    """What is compared, and what has to be kept.

    Attributes:
        models: Models by any of their names; all of them where it is left out, and so on.
        devices: Edge devices.
        power_modes: Power modes.
        runtimes: Inference engines.
        precisions: Precisions of the weights.
        parallel: Numbers of answers that are generated at once.
        qualities: How good the answers of models are.
        max_latency_s: Most latency.
        max_energy_j: Most energy.
        max_cost: Most cost: electricity and the device.
        percentile: Of the latency that the limit and the front look at, in percent.
        confidence: Of the intervals.
        objectives: What the Pareto front is about.
    """

    models: Sequence[str]
    devices: Sequence[str]
    power_modes: Sequence[str]
    runtimes: Sequence[str]
    precisions: Sequence[str]
    parallel: Sequence[int]
    qualities: Sequence[AskedQuality]
    max_latency_s: float
    max_energy_j: float
    max_cost: float
    percentile: float
    confidence: float
    objectives: Sequence[Objective]
