"""What is asked of the service: the bodies of its requests, and with them their schema."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from token2metrics.comparing.comparison import Objective
from token2metrics.comparing.totals import DEFAULT_PERCENTILE, PERCENT
from token2metrics.intervals import DEFAULT_CONFIDENCE, HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.planning.answerable import SHORTEST
from token2metrics.planning.limits import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_PROBABILITY,
    FEWEST_CONTEXT_TOKENS,
    HIGHEST_PROBABILITY,
    LOWEST_PROBABILITY,
)
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH
from token2metrics.vocabulary import MAX_PARALLEL, MAX_TOKENS

MOST_LETTERS = 200
"""Of a name."""

MOST_NAMES = 100
"""Names of one kind in a comparison."""

SMALLEST_AMOUNT, LARGEST_AMOUNT = 1e-12, 1e12
"""Seconds, joules, watts and money beyond which no result is legible."""

Count = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Samples = Annotated[int, Meta(ge=SINGLE, le=MAX_PARALLEL)]
Confidence = Annotated[float, Meta(ge=LOWEST_CONFIDENCE, le=HIGHEST_CONFIDENCE)]
Amount = Annotated[float, Meta(ge=SMALLEST_AMOUNT, le=LARGEST_AMOUNT)]
Price = Annotated[float, Meta(ge=0.0, le=LARGEST_AMOUNT)]
Words = Annotated[str, Meta(min_length=1, max_length=MOST_LETTERS)]
Names = Annotated[tuple[Words, ...], Meta(max_length=MOST_NAMES)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of fields that refuses unknown ones."""


class Priced(Asked, frozen=True, kw_only=True):
    """What money is counted with.

    Attributes:
        price_per_kwh: Price of electricity, in any currency.
        device_price: Price of the device; as configured where it is left out.
        lifetime_years: Years of use that the device is paid off over; as configured likewise.
    """

    price_per_kwh: Price = DEFAULT_PRICE_PER_KWH
    device_price: Price | None = None
    lifetime_years: Amount | None = None


class OfModel(Priced, frozen=True, kw_only=True):
    """Which trained model is meant, and what money is counted with.

    Attributes:
        model: The model by any of its names; may be left out where only one was trained.
        device: Edge device, needed where the model was trained for several; and so on.
        power_mode: Power mode, such as maxn.
        runtime: Inference engine, such as vllm.
        precision: Precision of the weights, such as bf16.
    """

    model: Words | None = None
    device: Words | None = None
    power_mode: Words | None = None
    runtime: Words | None = None
    precision: Words | None = None

    @property
    def conditions(self) -> Conditions:
        """Where the model was measured, as far as the request says."""
        return Conditions(self.device, self.power_mode, self.runtime, self.precision)


class PredictRequest(OfModel, frozen=True, kw_only=True):
    """A request to a language model whose latency, energy, power and cost are asked for.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens, of each answer.
        parallel: Answers to the prompt that are generated at once.
        confidence: How often the truth should lie within the intervals.
    """

    input_tokens: Count
    output_tokens: Count
    parallel: Samples = SINGLE
    confidence: Confidence = DEFAULT_CONFIDENCE


class AskedLimits(Asked, frozen=True, kw_only=True):
    """What a planned request may take; at least one is stated.

    Attributes:
        latency_s: Seconds until the last token.
        ttft_s: Seconds until the first token.
        energy_j: Joules.
        power_w: Mean watts over the request.
        cost: Electricity and the device's wear, in the currency of the prices.
    """

    latency_s: Amount | None = None
    ttft_s: Amount | None = None
    energy_j: Amount | None = None
    power_w: Amount | None = None
    cost: Amount | None = None


class PlanRequest(OfModel, frozen=True, kw_only=True):
    """Limits under which the longest request is asked for.

    Attributes:
        limits: What the request may take.
        input_tokens: Prompt tokens, to plan the longest answer. With neither count the longest
            answer to every prompt is planned.
        output_tokens: Answer tokens, to plan the longest prompt.
        probability: How probably a planned request keeps all limits.
        parallel: Answers to the prompt that are generated at once.
        context_tokens: Tokens that the engine holds, prompt and answer together.
    """

    limits: AskedLimits
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    probability: Annotated[float, Meta(ge=LOWEST_PROBABILITY, le=HIGHEST_PROBABILITY)] = (
        DEFAULT_PROBABILITY
    )
    parallel: Samples = SINGLE
    context_tokens: Annotated[int, Meta(ge=FEWEST_CONTEXT_TOKENS, le=MAX_TOKENS)] = (
        DEFAULT_CONTEXT_TOKENS
    )


class AskedQuality(Asked, frozen=True, kw_only=True):
    """How good the answers of a model are, as whoever asks knows.

    Attributes:
        model: Any name of the model.
        quality: Any number; more is better.
        max_output_tokens: Cap on the tokens of an answer; left out for answers of any length.
        parallel: Samples it holds for; left out for any number.
        precision: Precision it holds for; left out for any.
    """

    model: Words
    quality: Annotated[float, Meta(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)]
    max_output_tokens: Annotated[int, Meta(ge=SHORTEST, le=MAX_TOKENS)] | None = None
    parallel: Samples | None = None
    precision: Words | None = None


class CompareRequest(Priced, frozen=True, kw_only=True):
    """A request to be answered by one of many models, which are compared.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens, of each answer.
        models: Models by any of their names; empty for all.
        devices: Edge devices; empty for all, and so on.
        power_modes: Power modes.
        runtimes: Inference engines.
        precisions: Precisions of the weights.
        parallel: Numbers of answers that are generated at once.
        qualities: How good the answers of models are; empty where nobody knows.
        max_latency_s: Most latency.
        max_energy_j: Most energy.
        max_cost: Most cost: electricity and the device.
        percentile: Of the latency that the limit and the front look at, in percent; a single
            request has one latency.
        confidence: Of the intervals.
        objectives: What the Pareto front is about; by default latency, energy, and quality where
            it is given.
    """

    input_tokens: Count
    output_tokens: Count
    models: Names = ()
    devices: Names = ()
    power_modes: Names = ()
    runtimes: Names = ()
    precisions: Names = ()
    parallel: Annotated[tuple[Samples, ...], Meta(min_length=1, max_length=MOST_NAMES)] = (SINGLE,)
    qualities: Annotated[tuple[AskedQuality, ...], Meta(max_length=MOST_NAMES)] = ()
    max_latency_s: Amount | None = None
    max_energy_j: Amount | None = None
    max_cost: Amount | None = None
    percentile: Annotated[float, Meta(gt=0.0, le=float(PERCENT))] = DEFAULT_PERCENTILE
    confidence: Confidence = DEFAULT_CONFIDENCE
    objectives: Annotated[tuple[Objective, ...], Meta(max_length=len(Objective))] = ()
