"""Lengths of requests for timings: those of a real trace, or a stream that resembles it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

TRACE = Path("traces") / "AzureLLMInferenceTrace_conv.csv"
TRACE_COLUMNS = ("ContextTokens", "GeneratedTokens")
MEDIAN_TOKENS = (1020.0, 129.0)
LOGARITHMIC_SPREAD = (0.985, 0.859)
MOST_TOKENS = (14_050, 1_000)
"""Medians, standard deviations of logarithms and maxima of that trace, 19,366 conversations."""

SEED = 20_261_127

Counts = NDArray[np.int64]


def request_lengths(count: int, data: Path | None) -> tuple[Counts, Counts]:
    """Return input and output tokens of requests, ``(requests,)`` each, in random order.

    Args:
        count: How many; a trace is gone through again where it has fewer.
        data: Folder of the public measurements; None draws from log-normal distributions with the
            medians, spreads and maxima of the trace.
    """
    chance = np.random.default_rng(SEED)
    if data is not None and (data / TRACE).is_file():
        rows = pl.read_csv(data / TRACE, columns=list(TRACE_COLUMNS)).to_numpy()
        drawn = np.resize(chance.permutation(rows), (count, len(TRACE_COLUMNS)))
    else:
        normal = chance.standard_normal((count, len(TRACE_COLUMNS)))
        tokens = np.exp(np.log(MEDIAN_TOKENS) + normal * np.array(LOGARITHMIC_SPREAD))
        drawn = np.clip(tokens.round(), 1, MOST_TOKENS)
    prompts, answers = drawn.astype(np.int64).T
    return prompts, answers


def described(data: Path | None) -> str:
    """Say where the lengths come from."""
    real = data is not None and (data / TRACE).is_file()
    return "lengths of the Azure conversation trace" if real else "log-normal lengths like Azure's"
