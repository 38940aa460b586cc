"""What not to trust: one rule for each thing that makes predictions worse than they look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from token2metrics.artifact.manifest import Hull, PhaseRecord
from token2metrics.cost import AS_FITTED
from token2metrics.findings.findings import ModelFindings
from token2metrics.findings.off_by import latency_errors
from token2metrics.findings.shown import LATENCY, Point, Standing
from token2metrics.findings.words import listed, per_cent
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.report.units import counted
from token2metrics.vocabulary import FITTED_PHASES, Phase

FEW_ROWS = 5
"""Fewer rows of its own leave a phase to what is believed of it."""

LARGE_ERROR_PERCENT = 15.0
LARGE_BIAS_PERCENT = 5.0
LARGE_OFFSET_PERCENT = 5.0
FEWEST_FORECASTS = 10
"""Fewer rows do not tell how often intervals hold."""

COVERAGE_SHORT = 0.15
"""Intervals that hold so much more rarely than they say are too narrow."""

NO_LIMIT = ", and nobody stated the power limit of the device"
PERCENT = 100.0

Rule = Callable[[ModelFindings, float], Iterator[str]]
"""Yields doubts about a model, given the confidence of its intervals."""


def doubts_of(model: ModelFindings, confidence: float) -> Iterator[tuple[int, str]]:
    """Yield what not to trust about a model without its name, each with its place in the rules.

    Args:
        model: The model.
        confidence: Of its intervals.
    """
    for place, rule in enumerate(RULES):
        for words in rule(model, confidence):
            yield place, words


def _unfitted(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say which phases have no fit."""
    missing = [str(phase) for phase in FITTED_PHASES if phase not in model.phases]
    if missing:
        yield f"nothing measured supports {listed(missing)}, so there is no prediction of it"


def _unmeasured(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say which phases were not measured on the model itself."""
    bare = [phase for phase, record in model.phases.items() if not record.edge_rows]
    if bare and len(bare) == len(model.phases):
        yield (
            "no row was measured on the device, so that all numbers are carried over and nobody "
            "has checked them; measure a few requests with calibrate"
        )
    elif bare:
        phases = listed([str(phase) for phase in bare])
        yield f"no row of {phases} was measured, so that is carried over; measure some"


def _few_rows(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say which phases rest on few rows."""
    for phase, record in model.phases.items():
        if 0 < record.edge_rows < FEW_ROWS:
            rows = counted(record.edge_rows, "row")
            yield (
                f"{phase} rests on only {rows} of the model, so that errors and intervals are "
                "guesses; next-points says what to measure"
            )


def _large_errors(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say where held-out errors are large or lean to one side."""
    for phase, errors in latency_errors(model).items():
        if errors.p90_ape_percent > LARGE_ERROR_PERCENT:
            yield (
                f"one in ten {phase} latencies is off by more than "
                f"{per_cent(errors.p90_ape_percent)}"
            )
        if abs(errors.bias_percent) > LARGE_BIAS_PERCENT:
            side = "much" if errors.bias_percent > 0 else "little"
            yield (
                f"{phase} leans to one side: {per_cent(abs(errors.bias_percent))} too {side} "
                "on average"
            )


def _missing_energy(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say where no energy was measured, and where power comes from other models."""
    bare = [phase for phase, record in model.phases.items() if record.head is None]
    lent = [p for p, record in model.phases.items() if record.head and not record.head.rows]
    if bare and len(bare) == len(model.phases):
        yield "no energy was measured, so there is no energy, power or cost of electricity"
    elif bare:
        phases = listed([str(phase) for phase in bare])
        limit = "" if model.hardware.power_limit_w < UNLIMITED_POWER_W else NO_LIMIT
        yield (
            f"no energy of {phases} was measured, so that a whole request has none{limit}; train "
            "on rows that have it"
        )
    if lent:
        phases = listed([str(phase) for phase in lent])
        yield f"power of {phases} is that of the device's other models, it was not measured"


def _outside(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say where the measured range ends."""
    records = {phase: model.phases[phase] for phase in FITTED_PHASES if phase in model.phases}
    hulls = {phase: record.hull for phase, record in records.items() if record.hull}
    if hulls:
        ranges = "; ".join(f"{phase} {_range(hull)}" for phase, hull in hulls.items())
        yield f"measured were {ranges}; beyond that numbers are extrapolated and intervals widen"
    if hulls and model.typical.extrapolated:
        yield "even the typical request of this report lies outside the measured range"


def _range(hull: Hull) -> str:
    """Write a measured range."""
    words = f"of {hull.input_tokens[0]:,.0f} to {hull.input_tokens[1]:,.0f} prompt tokens"
    if hull.output_tokens is None:
        return words
    return f"{words} and {hull.output_tokens[0]:,.0f} to {hull.output_tokens[1]:,.0f} output tokens"


def _loose_fits(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say where a fit did not settle, or rows lie far off it."""
    for phase, record in model.phases.items():
        if not record.converged:
            yield f"the fit of {phase} did not settle; train with more iterations"
        if record.outliers:
            rows = counted(len(record.outliers), "row")
            yield (
                f"{rows} of {phase} far off the fit, so that they hardly count; measure them "
                "again, or see explain"
            )
        yield from _campaigns(phase, record)


def _campaigns(phase: Phase, record: PhaseRecord) -> Iterator[str]:
    """Say where data sets disagree, and where finished requests moved a fit."""
    widest = max((abs(one.offset_percent) for one in record.campaigns), default=0.0)
    if widest > LARGE_OFFSET_PERCENT:
        yield f"the data sets of {phase} differ by {per_cent(widest)}; which one holds today?"
    if record.level != AS_FITTED:
        moved = PERCENT * (record.level - 1.0)
        yield f"finished requests moved {phase} by {moved:+.1f} % since it was trained"


def _coverage(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say where rows that the fit had not seen lie outside their intervals too often."""
    new = [one for one in model.points if one.standing is Standing.UNSEEN]
    for phase in Phase:
        own = [one for one in new if one.phase is phase and one.metric == LATENCY]
        held = sum(_is_covered(one) for one in own)
        if len(own) >= FEWEST_FORECASTS and held / len(own) < confidence - COVERAGE_SHORT:
            yield (
                f"of {len(own):,} new {phase} rows looked at, only {held:,} lie within their "
                f"intervals, which should hold {confidence:.0%}; calibrate again on some of them"
            )


def _is_covered(point: Point) -> bool:
    """Return whether a measured number lies within its interval."""
    return point.lower <= point.measured <= point.upper


def _untold(model: ModelFindings, confidence: float) -> Iterator[str]:
    """Say that nobody knows which rows the fit saw."""
    if any(one.standing is Standing.UNTOLD for one in model.points):
        yield (
            "the measurements behind the fit are not at hand, so that nobody can tell which rows "
            "it has seen"
        )


RULES: tuple[Rule, ...] = (
    _unfitted,
    _unmeasured,
    _few_rows,
    _large_errors,
    _coverage,
    _missing_energy,
    _loose_fits,
    _untold,
    _outside,
)
"""Every rule, the gravest first."""
