"""Fleets of imagined curves: rows whose seconds follow known weights, with stated noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tests.strategies import FLOATS
from token2metrics.fleet.families import FleetFamily, features, weight_names
from token2metrics.vocabulary import Phase

Floats = NDArray[np.float64]
Request = tuple[int, int]
LEVEL_SPREAD = 1.0
SHAPE_SPREAD = 0.2
LONGEST_PROMPT, LONGEST_ANSWER = 4_096, 1_024

WEIGHTS: Mapping[str, float] = {
    "prefill_token": 2e-4,
    "prefill_intercept": 0.05,
    "decode_step": 0.02,
    "decode_attended": 2e-6,
    "decode_intercept": 0.03,
}
"""Weights of ``linear`` on a device of level one."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A table of rows, and the weights behind it.

    Attributes:
        rows: Canonical rows.
        weights: True weights of each curve, by device and phase.
    """

    rows: pl.DataFrame
    weights: Mapping[tuple[str, Phase], Mapping[str, float]]


def imagine(
    devices: int,
    rows: Sequence[int] = (8,),
    noise: float = 0.03,
    seed: int = 0,
    phases: Sequence[Phase] = (Phase.PREFILL, Phase.DECODE),
    spread: float = SHAPE_SPREAD,
) -> Fleet:
    """Imagine a fleet: a curve of each phase on every device.

    Args:
        devices: How many.
        rows: How many rows the curves of a device have, in turn.
        noise: Standard deviation of the logarithms of the seconds.
        seed: Of every draw.
        phases: Whose curves there are.
        spread: Standard deviation of the logarithms of the weights around a common shape.
    """
    chance = np.random.default_rng(seed)
    tables, truths = [], {}
    for number in range(devices):
        device = f"device-{number:05d}"
        level = float(np.exp(chance.normal(0.0, LEVEL_SPREAD)))
        for phase in phases:
            truth = {
                name: WEIGHTS[name] * level * float(np.exp(chance.normal(0.0, spread)))
                for name in weight_names(FleetFamily.LINEAR, phase)
            }
            count = rows[number % len(rows)]
            requests = list(
                zip(
                    chance.integers(16, LONGEST_PROMPT + 1, count).tolist(),
                    chance.integers(2, LONGEST_ANSWER + 1, count).tolist(),
                    strict=True,
                )
            )
            seconds = design(FleetFamily.LINEAR, phase, requests) @ np.array([*truth.values()])
            noisy = seconds * np.exp(chance.normal(0.0, noise, count))
            truths[device, phase] = truth
            tables.append(measured(device, phase, requests, noisy))
    return Fleet(pl.concat(tables), truths)


def design(family: FleetFamily, phase: Phase, requests: Sequence[Request]) -> Floats:
    """Return the features of requests, ``(requests, weights)``."""
    rows = [
        [*features(family, phase, FLOATS, float(prompt), float(answer)).values()]
        for prompt, answer in requests
    ]
    return np.array(rows).reshape(len(requests), -1)


def measured(
    device: str, phase: Phase, requests: Sequence[Request], latency_s: Sequence[float] | Floats
) -> pl.DataFrame:
    """Return canonical rows of one curve."""
    prompts, answers = zip(*requests, strict=True) if requests else ((), ())
    return pl.DataFrame(
        {
            "device": [device] * len(requests),
            "power_mode": ["maxn"] * len(requests),
            "runtime": ["vllm"] * len(requests),
            "precision": ["bf16"] * len(requests),
            "model": ["model"] * len(requests),
            "phase": [str(phase)] * len(requests),
            "input_tokens": prompts,
            "output_tokens": answers,
            "latency_s": latency_s,
        },
        schema={
            **dict.fromkeys(
                ("device", "power_mode", "runtime", "precision", "model", "phase"), pl.String
            ),
            "input_tokens": pl.Int64,
            "output_tokens": pl.Int64,
            "latency_s": pl.Float64,
        },
    )
