"""The pictures of a report: whatever the findings have data for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from token2metrics.comparing.comparison import Comparison
from token2metrics.errors import DataError
from token2metrics.figures.against import measured_against_predicted
from token2metrics.figures.context import decode_context
from token2metrics.figures.factors import factors
from token2metrics.figures.figure import Figure
from token2metrics.figures.pareto import pareto
from token2metrics.figures.power_time import power_logs, power_time
from token2metrics.figures.rejected import rejected
from token2metrics.figures.residuals import residuals
from token2metrics.figures.shots import shots
from token2metrics.figures.staircase import staircase
from token2metrics.findings.drawn import (
    compared,
    factored,
    few_shots,
    logged,
    powered,
    refused,
    residual,
    token_series,
)
from token2metrics.findings.findings import Findings, ModelFindings
from token2metrics.findings.shown import LATENCY

FEWEST_COMPARED = 2
"""One model alone has no trade-offs to show."""


def figures_of(findings: Findings) -> tuple[Figure, ...]:
    """Return the pictures of a report, in the order in which people look at them.

    Args:
        findings: Everything the report says.
    """
    return (
        *_of_rows(findings),
        *_of_tokens(findings),
        *_of_power(findings),
        *_of_fits(findings),
        *_trade_offs(findings.models, findings.comparison),
        *_of_refusals(findings),
    )


def _of_rows(findings: Findings) -> Iterator[Figure]:
    """Yield measured against predicted numbers, and the errors."""
    points = [point for model in findings.models for point in model.points]
    if points:
        yield measured_against_predicted([compared(one) for one in points], findings.confidence)
    errors = [residual(one) for one in points if one.metric == LATENCY]
    if errors:
        yield residuals(errors)


def _of_tokens(findings: Findings) -> Iterator[Figure]:
    """Yield the curves over tokens."""
    models = findings.models
    prefills = [token_series(one.label, one.staircase) for one in models if one.staircase]
    decodes = [token_series(one.label, one.context) for one in models if one.context]
    if any(one.predicted for one in prefills):
        yield staircase(prefills, findings.confidence)
    if any(one.predicted for one in decodes):
        yield decode_context(decodes, findings.confidence)


def _of_power(findings: Findings) -> Iterator[Figure]:
    """Yield power over time, predicted and measured."""
    models = [powered(one.label, one.power) for one in findings.models if one.power is not None]
    if models:
        yield power_time(models, (findings.typical_input_tokens, findings.typical_output_tokens))
    if findings.power_logs:
        yield power_logs([logged(one) for one in findings.power_logs])


def _of_fits(findings: Findings) -> Iterator[Figure]:
    """Yield errors over shots, and fitted numbers over what was believed of them."""
    study = findings.shots
    if study is not None and study.errors:
        yield shots([few_shots(one) for one in study.errors], study.draws)
    found = [
        drawn
        for model in findings.models
        for one in model.factors
        if model.phases[one.phase].edge_rows and (drawn := factored(model.label, one)) is not None
    ]
    if found:
        yield factors(found)


def _trade_offs(models: Sequence[ModelFindings], comparison: Comparison | None) -> Iterator[Figure]:
    """Yield the models side by side, where two quantities of them are known."""
    if comparison is None or len(models) < FEWEST_COMPARED:
        return
    try:
        yield pareto(comparison)
    except DataError:
        return


def _of_refusals(findings: Findings) -> Iterator[Figure]:
    """Yield the rows that were not used."""
    if findings.rejected:
        yield rejected([refused(one) for one in findings.rejected])
