"""Models side by side for one request: the Pareto front of latency and energy."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.artifact.fitted import FittedModel
from token2metrics.comparing.compare import compare_totals
from token2metrics.comparing.comparison import Comparison
from token2metrics.comparing.configurations import Trained, configurations
from token2metrics.comparing.totals import DEFAULT_PERCENTILE, percentiles, request_totals
from token2metrics.errors import DataError
from token2metrics.parallel import SINGLE
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.workload import single_request

THE_ARTIFACT = "artifact"
"""Stands for its directory, which is nobody's business in a report."""


def side_by_side(
    models: Sequence[FittedModel], request: tuple[int, int], confidence: float
) -> Comparison | None:
    """Compare models for a request; None where none has a latency.

    Args:
        models: The models.
        request: Input and output tokens.
        confidence: Of the intervals.
    """
    priced = [
        (Trained(THE_ARTIFACT, ModelPredictor(model)), prices_on(model.record.hardware))
        for model in models
    ]
    compared = configurations(priced, (SINGLE,), ())
    levels = percentiles(DEFAULT_PERCENTILE)
    totals = [request_totals(one, request, levels, confidence) for one in compared]
    try:
        return compare_totals(compared, totals, single_request(*request), confidence=confidence)
    except DataError:
        return None
