"""What was fitted and what it predicts, as tables of a report."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.findings.findings import Findings, ModelFindings
from token2metrics.findings.off_by import latency_errors
from token2metrics.page.table import Table, numbers, prose, table, texts
from token2metrics.prediction.result import MetricErrors, Prediction
from token2metrics.report.units import UNKNOWN, joules, percent, seconds, watts
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

DECODE_ALONE = "†"
UNCALIBRATED, UNCHECKED = "uncalibrated", "unchecked"
ALONE = f"{DECODE_ALONE} Decode alone: no energy of prefill was measured."


def model_tables(findings: Findings) -> tuple[Table, ...]:
    """Return every table of what was fitted and predicted."""
    builders = (errors_table, typical_table, fits_table, foundations_table, models_table)
    return tuple(build(findings) for build in builders)


def glance_table(findings: Findings) -> Table:
    """Return the few numbers of each model that people look at first."""
    asked = f"{findings.typical_input_tokens:,} + {findings.typical_output_tokens:,} tokens"
    columns = (
        *texts("Model"),
        *numbers("Prefill off by", "Decode off by"),
        *numbers(f"Latency of {asked}", f"{findings.confidence:.0%} interval", "Energy"),
        *numbers("Own rows"),
    )
    alone = any(_is_decode_alone(model.typical) for model in findings.models)
    remark = (
        "Off by: half of the held-out rows are closer to the prediction, half are further away."
    )
    rows = map(_glance, findings.models)
    return table("At a glance", columns, rows, f"{remark} {ALONE}" if alone else remark)


def models_table(findings: Findings) -> Table:
    """Return the models and the conditions under which they hold."""
    columns = texts(
        "Model", "Id", "Device", "Power mode", "Runtime", "Precision", "Power rail", "Trained"
    )
    return table("Models", columns, map(_conditions, findings.models))


def typical_table(findings: Findings) -> Table:
    """Return what the typical request costs on each model."""
    asked = (
        f"A request of {findings.typical_input_tokens:,} input and "
        f"{findings.typical_output_tokens:,} output tokens, "
        f"intervals at {findings.confidence:.0%}"
    )
    columns = (
        *texts("Model"),
        *numbers("Latency", "Interval", "First token", "Per output token", "Energy", "Power"),
    )
    alone = any(_is_decode_alone(model.typical) for model in findings.models)
    rows = ((model.label, *_costs(model.typical)) for model in findings.models)
    return table(asked, columns, rows, ALONE if alone else "")


def errors_table(findings: Findings) -> Table:
    """Return the errors of each model, phase and metric, of rows held out and of all rows."""
    columns = (
        *texts("Model", "Phase", "Metric"),
        *numbers("Rows held out", "MAPE %", "Median %", "p90 %", "Bias %"),
        *numbers("All rows", "MAPE %"),
    )
    rows = (row for model in findings.models for row in _errors(model))
    remark = (
        "Held out: each row predicted by a fit that did not see it, of the family and source that "
        "training chose. "
        "All rows: predicted by the fit as it is, which may have seen them."
    )
    return table("Errors", columns, rows, remark)


def fits_table(findings: Findings) -> Table:
    """Return how each phase was fitted."""
    columns = (
        *texts("Model", "Phase", "Fit"),
        *numbers("Own rows", "Source rows", "Input tokens", "Output tokens"),
    )
    rows = ((*names, *_fit(fitted)) for names, fitted in _phases(findings))
    remark = "Tokens: the range that was measured of the model on the device."
    return table("Fits", columns, rows, remark)


def foundations_table(findings: Findings) -> Table:
    """Return which measurements each phase rests on."""
    columns = (*texts("Model", "Phase"), *prose("Latency rests on", "Power rests on"))
    rows = ((*names, *_foundations(fitted)) for names, fitted in _phases(findings))
    return table("What the numbers rest on", columns, rows)


def _phases(findings: Findings) -> Iterator[tuple[tuple[str, str], PhaseRecord]]:
    """Yield every fitted phase with the names of model and phase."""
    for model in findings.models:
        for phase in FITTED_PHASES:
            if (fitted := model.phases.get(phase)) is not None:
                yield (model.label, phase.value), fitted


def _glance(model: ModelFindings) -> tuple[str, ...]:
    """Return the few numbers of a model that people look at first."""
    rows = (model.phases[one].edge_rows for one in FITTED_PHASES if one in model.phases)
    latency, interval, _, _, energy, _ = _costs(model.typical)
    off_by = (_off_by(model, phase) for phase in FITTED_PHASES)
    own_rows = " + ".join(f"{one:,}" for one in rows)
    return (model.label, *off_by, latency, interval, energy, own_rows)


def _off_by(model: ModelFindings, phase: Phase) -> str:
    """Return the median error of a phase's latency on held-out rows."""
    errors = latency_errors(model).get(phase)
    return UNCHECKED if errors is None else f"{percent(errors.median_ape_percent)} %"


def _conditions(model: ModelFindings) -> tuple[str, ...]:
    """Return what a model is and where it holds."""
    told = (model.power_mode, model.runtime, model.precision, model.typical.power_rail)
    shown = (UNKNOWN if one is None else one for one in told)
    return (model.label, model.id, model.device, *shown, model.trained_at.partition("T")[0])


def _costs(request: Prediction) -> tuple[str, ...]:
    """Return what a request costs, in units for people."""
    interval, alone = request.latency_interval_s, _is_decode_alone(request)
    energy_j = request.decode.energy_j if alone else request.energy_j
    power_w = request.decode.power_w if alone else request.power_w
    mark = f" {DECODE_ALONE}" if alone else ""
    between = UNKNOWN
    if interval is not None:
        between = f"{seconds(interval.lower)} .. {seconds(interval.upper)}"
    return (
        seconds(request.latency_s),
        between,
        seconds(request.ttft_s),
        seconds(request.tpot_s),
        f"{joules(energy_j)}{mark}",
        f"{watts(power_w)}{mark}",
    )


def _is_decode_alone(request: Prediction) -> bool:
    """Return whether only decode has an energy."""
    return request.energy_j is None and request.decode.energy_j is not None


def _errors(model: ModelFindings) -> Iterator[tuple[str, ...]]:
    """Yield the errors of a model by phase and metric."""
    held_out = {(one.phase, one.metric): one for one in model.held_out_errors}
    fitted = {(one.phase, one.metric): one for one in model.errors}
    for phase, metric in dict.fromkeys((*held_out, *fitted)):
        apart, whole = held_out.get((phase, metric)), fitted.get((phase, metric))
        yield (model.label, phase, metric, *_held_out(apart), *_whole(whole))


def _held_out(errors: MetricErrors | None) -> tuple[str, ...]:
    """Return errors of rows held out."""
    if errors is None:
        return (UNKNOWN,) * 5
    return (
        f"{errors.rows:,}",
        percent(errors.mape_percent),
        percent(errors.median_ape_percent),
        percent(errors.p90_ape_percent),
        f"{errors.bias_percent:+.2f}",
    )


def _whole(errors: MetricErrors | None) -> tuple[str, str]:
    """Return errors of all rows."""
    if errors is None:
        return UNKNOWN, UNKNOWN
    return f"{errors.rows:,}", percent(errors.mape_percent)


def _fit(fitted: PhaseRecord) -> tuple[str, ...]:
    """Return how a phase was fitted, on how many rows and over which tokens."""
    hull = fitted.hull
    alone = fitted.source is SourceKind.NONE
    method = fitted.calibration if fitted.edge_rows else UNCALIBRATED
    words = "its own rows alone" if alone else f"{method}, {fitted.source}"
    return (
        f"{fitted.family}, {words}",
        f"{fitted.edge_rows:,}",
        f"{fitted.source_rows:,}",
        _range(hull.input_tokens if hull else None),
        _range(hull.output_tokens if hull else None),
    )


def _foundations(fitted: PhaseRecord) -> tuple[str, str]:
    """Return the measurements behind latency and power, in words."""
    return fitted.rests_on, fitted.head.rests_on if fitted.head else "no measured energy"


def _range(ends: tuple[float, float] | None) -> str:
    """Return a measured range of tokens."""
    return UNKNOWN if ends is None else " .. ".join(f"{end:,.0f}" for end in ends)
