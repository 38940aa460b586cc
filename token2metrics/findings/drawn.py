"""From findings to what pictures take: plain values in the units that people read."""

from __future__ import annotations

from token2metrics.figures.against import Compared
from token2metrics.figures.factors import Factored
from token2metrics.figures.over_tokens import Measured, Predicted, TokenSeries
from token2metrics.figures.power_time import Logged, Powered, Span
from token2metrics.figures.rejected import Rejected
from token2metrics.figures.residuals import Residual
from token2metrics.figures.shots import Shots
from token2metrics.findings.findings import PowerLogFinding, RejectedRows, ShotError
from token2metrics.findings.shown import FactorFinding, Point, PowerOverTime, Standing, TokenCurve

PERCENT = 100.0
MS_PER_S = 1e3
DIGITS = ".6g"
"""Digits of a point of a curve: more would only make the page larger."""

SEEN: dict[Standing, bool | None] = {
    Standing.FITTED: True,
    Standing.UNSEEN: False,
    Standing.UNTOLD: None,
}
"""Whether the fit saw a row of each standing."""


def compared(point: Point) -> Compared:
    """Return a measured number beside its prediction."""
    return Compared(
        series=point.model,
        phase=point.phase,
        metric=point.metric,
        measured=point.measured,
        predicted=point.predicted,
        lower=point.lower,
        upper=point.upper,
        held_out=point.held_out,
        seen=SEEN[point.standing],
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
    )


def residual(point: Point) -> Residual:
    """Return the error of a prediction, of one that had not seen the row where there is one."""
    predicted, seen = point.predicted, SEEN[point.standing]
    if point.held_out is not None:
        predicted, seen = point.held_out, False
    return Residual(
        series=point.model,
        phase=point.phase,
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        percent=PERCENT * (predicted / point.measured - 1.0),
        seen=seen,
    )


def token_series(label: str, curve: TokenCurve) -> TokenSeries:
    """Return a curve over tokens, in ms."""
    return TokenSeries(
        series=label,
        predicted=tuple(
            Predicted(
                x=one.context_tokens,
                y=_ms(one.value_s),
                lower=_ms(one.lower_s),
                upper=_ms(one.upper_s),
                outside=one.extrapolated,
            )
            for one in curve.predicted
        ),
        measured=tuple(
            Measured(
                x=one.context_tokens,
                y=_ms(one.value_s),
                seen=SEEN[one.standing],
                input_tokens=one.input_tokens,
                output_tokens=one.output_tokens,
            )
            for one in curve.measured
        ),
    )


def _ms(value_s: float) -> float:
    """Return milliseconds with as many digits as anybody reads."""
    return float(f"{value_s * MS_PER_S:{DIGITS}}")


def powered(label: str, power: PowerOverTime) -> Powered:
    """Return the power of a model over time."""
    spans = tuple(
        Span(
            part=one.part,
            start_s=one.start_s,
            end_s=one.end_s,
            power_w=one.power_w,
            least_w=one.least_w,
            most_w=one.most_w,
        )
        for one in power.steps
    )
    return Powered(series=label, spans=spans)


def logged(log: PowerLogFinding) -> Logged:
    """Return a measured log."""
    return Logged(name=f"{log.file}, {log.rail}", times_s=log.times_s, power_w=log.power_w)


def few_shots(error: ShotError) -> Shots:
    """Return the errors after a few rows."""
    return Shots(
        series=error.model,
        phase=error.phase,
        shots=error.shots,
        draws=error.draws,
        forecasts=error.forecasts,
        median_percent=error.median_ape_percent,
        p90_percent=error.p90_ape_percent,
    )


def factored(label: str, factor: FactorFinding) -> Factored | None:
    """Return a fitted number over its reference; None where there is no ratio to draw."""
    if factor.ratio is None:
        return None
    return Factored(
        series=label,
        phase=str(factor.phase),
        name=factor.name,
        unit=factor.unit,
        value=factor.value,
        reference=factor.reference,
        reference_is=factor.reference_is,
        ratio=factor.ratio,
        lower=factor.lower,
        upper=factor.upper,
    )


def refused(rows: RejectedRows) -> Rejected:
    """Return rows that were not used."""
    return Rejected(file=rows.file, category=rows.category, reason=rows.reason, rows=rows.rows)
