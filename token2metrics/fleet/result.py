"""What fitting a fleet says: counts, errors and speed."""

from __future__ import annotations

from token2metrics.prediction.result import Result


class FleetErrors(Result, frozen=True):
    """Errors of the fitted curves of one phase, over its curves.

    Attributes:
        phase: ``prefill``, ``decode`` or ``request``.
        curves: Fitted curves.
        in_sample_mape_p50_percent: Median over curves of the mean error of the fitted rows.
        in_sample_mape_p90_percent: 90th percentile of the same.
        held_out_mape_p50_percent: Median over curves of the mean error of each row by the fit
            without it; None where no curve has a row to spare.
        held_out_mape_p90_percent: 90th percentile of the same.
        prior_strength: How strongly curves are held to what they share; None for not at all.
    """

    phase: str
    curves: int
    in_sample_mape_p50_percent: float | None
    in_sample_mape_p90_percent: float | None
    held_out_mape_p50_percent: float | None
    held_out_mape_p90_percent: float | None
    prior_strength: float | None


class FleetSummary(Result, frozen=True):
    """What became of the curves of a table.

    Attributes:
        output_file: The curves.
        family: Of every curve.
        by: Columns that tell curves apart.
        prior: Whose curves share one: none, fleet, device or model.
        engine: ``local`` or ``ray``.
        torch_device: Where the fit ran.
        parts: Into how many parts the table was cut.
        used_rows: Rows fitted.
        rejected_counts: Rows not used, by the rule they break.
        curves: Curves found.
        fitted: Curves fitted.
        failed_counts: Curves not fitted, by reason.
        errors: Of the fitted curves, by phase.
        seconds: Of the whole run, reading and writing included.
        curves_per_s: Curves over these seconds.
        predicted_file: Priced requests; None where none were asked for.
        predicted_rows: Requests in it that have a latency.
    """

    output_file: str
    family: str
    by: tuple[str, ...]
    prior: str
    engine: str
    torch_device: str
    parts: int
    used_rows: int
    rejected_counts: dict[str, int]
    curves: int
    fitted: int
    failed_counts: dict[str, int]
    errors: tuple[FleetErrors, ...]
    seconds: float
    curves_per_s: float
    predicted_file: str | None = None
    predicted_rows: int = 0
