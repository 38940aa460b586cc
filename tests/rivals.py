"""Devices that follow the rivals' own forms, and what a contender forecasts of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tests.synthetic import (
    BETWEEN,
    GRID,
    RAIL,
    Request,
    Row,
    experiment,
    prepared,
    row,
)
from token2metrics.bench.contender import Array, Forecast, Known
from token2metrics.config import ExperimentConfig
from token2metrics.vocabulary import Phase

Formula = Callable[[float, float], float]

EXACT = 1e-6
OVERHEAD_S, TOKEN_S, STEP_S = 0.05, 2e-4, 0.02
PROMPTS = np.array([float(prompt) for prompt, _ in BETWEEN])
ANSWERS = np.array([float(answer) for _, answer in BETWEEN])
ORIN_8B = {"device": "jetson-agx-orin-64gb", "model": "dsr1-llama-8b"}


def known(rows: Sequence[Row], chosen: ExperimentConfig | None = None) -> Known:
    """Return rows as a contender gets them."""
    chosen = chosen or experiment()
    return Known(prepared(rows), chosen, [chosen])


def rows_of(
    phase: Phase,
    latency_s: Formula,
    power_w: Formula | None = None,
    requests: Sequence[Request] = GRID,
) -> list[Row]:
    """Return one row per request that follows a formula, metered where a power is given."""
    found = []
    for prompt, answer in requests:
        seconds = latency_s(prompt, answer)
        energy = {}
        if power_w is not None:
            energy = {"energy_j": power_w(prompt, answer) * seconds, "power_rail": RAIL}
        found.append(row(phase, (prompt, answer), seconds, **energy))
    return found


def expected(formula: Formula) -> list[float]:
    """Return the values of a formula between the measured requests."""
    return [formula(prompt, answer) for prompt, answer in BETWEEN]


def latency_s(forecast: Forecast, phase: Phase) -> Array:
    """Return the forecast seconds between the measured requests."""
    found = forecast.latency_s(phase, PROMPTS, ANSWERS)
    assert found is not None
    return found


def energy_j(forecast: Forecast, phase: Phase) -> Array:
    """Return the forecast joules between the measured requests."""
    found = forecast.energy_j(phase, PROMPTS, ANSWERS)
    assert found is not None
    return found


def padded_quadratic(prompt: float, answer: float) -> float:
    """Return a prefill of EdgeReasoning."""
    padded = math.ceil(prompt / 128) * 128
    return 5e-8 * padded**2 + 2e-4 * padded + 0.05


def context_sum(prompt: float, answer: float) -> float:
    """Return a decode of EdgeReasoning."""
    return answer * (1e-6 * prompt + 0.02 + 1e-6 * (answer - 1) / 2)


def both(prompt: float, answer: float) -> float:
    """Return a whole request of EdgeReasoning."""
    return padded_quadratic(prompt, answer) + context_sum(prompt, answer)


def decode_power(prompt: float, answer: float) -> float:
    """Return a decode power of EdgeReasoning."""
    return 2.0 * math.log(answer) + 8.0


def prefill_power(prompt: float, answer: float) -> float:
    """Return a prefill power of EdgeReasoning."""
    return 6.0 if prompt <= 800 else 9.0 * math.log(prompt) - 50.0


def straight(prompt: float, answer: float) -> float:
    """Return a prefill per token."""
    return OVERHEAD_S + TOKEN_S * prompt


def steps(prompt: float, answer: float) -> float:
    """Return a decode per step."""
    return STEP_S * (answer - 1)


def per_output(prompt: float, answer: float) -> float:
    """Return a decode that a straight line over its tokens describes."""
    return 0.3 + STEP_S * answer


def curved(prompt: float, answer: float) -> float:
    """Return a decode that a parabola over its tokens describes."""
    return 0.3 + STEP_S * answer + 1e-6 * answer**2


def three_terms(prompt: float, answer: float) -> float:
    """Return a request of Wilkins et al."""
    return 3e-4 * prompt + 0.02 * answer + 1e-6 * prompt * answer


def per_step_phases() -> list[Row]:
    """Return rows of a device with constants per token."""
    return rows_of(Phase.PREFILL, straight) + rows_of(Phase.DECODE, steps)
