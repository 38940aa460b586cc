"""Coverage and width of prediction intervals over test rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmarks.contenders import OurForecast
from benchmarks.protocol import PERCENT, Figure, Floats, column, mean, median
from token2metrics.vocabulary import FITTED_PHASES, Phase

CONFIDENCE = 0.9
COVERAGE = "coverage %"
WIDTH = "full width %"


def interval_figures(
    forecast: OurForecast, rows: pl.DataFrame, model: str, asked: str
) -> list[Figure]:
    """Return share of covered rows and median width of each phase.

    A row without an interval counts as not covered, and as infinitely wide.

    Args:
        forecast: The trained model.
        rows: Canonical test rows.
        model: Short name.
        asked: What tells the setting apart, to end the statistic's name.
    """
    figures = []
    for phase in FITTED_PHASES:
        tested = rows.filter(pl.col("phase") == phase)
        if tested.is_empty():
            continue
        covered, width = _judged(forecast, phase, tested)
        figures.append(Figure("A10", model, f"{phase} {COVERAGE}, {asked}", mean(covered)))
        figures.append(Figure("A10", model, f"{phase} {WIDTH}, {asked}", median(width)))
    return figures


def _judged(forecast: OurForecast, phase: Phase, rows: pl.DataFrame) -> tuple[Floats, Floats]:
    """Return whether each row is covered, and the width in percent of the prediction."""
    tokens = column(rows, "input_tokens"), column(rows, "output_tokens")
    measured = column(rows, "latency_s")
    predicted = forecast.latency_s(phase, *tokens)
    lower, upper = forecast.intervals_s(*tokens, CONFIDENCE)[phase].T
    covered = PERCENT * ((lower <= measured) & (measured <= upper))
    width = np.nan if predicted is None else PERCENT * (upper - lower) / predicted
    return covered, np.nan_to_num(np.broadcast_to(width, covered.shape), nan=np.inf)
